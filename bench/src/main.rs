//! What the product costs beside its peers: every case alternates ours and the peers in one run, and tells medians and ratios.
//!
//! `bench/run` starts what is needed (a PostgreSQL of its own, the peers' runtimes) and calls this program. Without names of cases all
//! run; `--full` takes the sizes that the targets name, the default is a tenth.

mod cases;
mod filling;
mod http;
mod latencies;
mod load;
mod machine;
mod mcp;
mod ours;
mod peer;
mod report;
mod rounds;
mod server;
mod worker;

use std::path::PathBuf;

use clap::Parser;

/// The product's program has it, too; what is called in this process is to cost what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What went wrong, in words: a benchmark that cannot measure ends.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The command line.
#[derive(Parser, Clone, Debug)]
#[command(about = "Measures the product beside its peers and writes RESULTS.md")]
pub struct Settings {
    /// The cases to run: write, serve, replay, follow, find, start, grow. All when none is named.
    pub cases: Vec<String>,
    /// The sizes that the targets name, rather than a tenth.
    #[arg(long)]
    pub full: bool,
    /// Sizes times so much, for a look whether a case works: what it says of targets is of no worth then.
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// How often each side of a comparison is measured.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// How long each side is measured in each round, in seconds.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// A PostgreSQL server on which databases may be made, with fsync on.
    #[arg(long, env = "CHATBOTX_BENCH_POSTGRES")]
    pub postgres: String,
    /// The product's program, built for release.
    #[arg(long, env = "CHATBOTX_BENCH_PROGRAM")]
    pub program: PathBuf,
    /// The folder of the peers that are not inside this program: their programs, a Python and Node packages.
    #[arg(long, env = "CHATBOTX_BENCH_PEERS")]
    pub peers: PathBuf,
    /// Where databases in files are made. Not a memory file system: its flush costs nothing.
    #[arg(long, env = "CHATBOTX_BENCH_FOLDER")]
    pub folder: PathBuf,
    /// Where the results of the cases that ran are written; those of the others stay as they are.
    #[arg(long, default_value = "bench/RESULTS.md")]
    pub results: PathBuf,
}

impl Settings {
    /// The size that a target names, or a tenth of it.
    fn sized(&self, full: u64) -> u64 {
        ((if self.full { full } else { full / 10 }) as f64 * self.scale) as u64
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, argument, at] = &arguments[..]
        && argument == worker::WORKER
    {
        return worker::run(at).await;
    }
    let settings = Settings::parse();
    let machine = machine::Machine::look(&settings).await?;
    println!("{machine}");
    let mut results = report::Results::read(&settings.results)?;
    for case in cases::chosen(&settings.cases)? {
        let mut keep = |section: &report::Section| {
            results.put(case, section, &machine);
            results.write()
        };
        let section = cases::run(case, &settings, &machine, &mut keep).await?;
        keep(&section)?;
        println!("{section}");
    }
    Ok(())
}
