//! The arguments of the commands on the log.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::moments::Until;

/// The log.
#[derive(Subcommand, Debug)]
pub enum LogCommand {
    /// Print the last events, as JSON lines
    Tail {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: u32,
        /// Go on with what happens next
        #[arg(long, short)]
        follow: bool,
        /// The workspace's id or name; not needed when there is one only
        #[arg(long, value_name = "ID|NAME")]
        workspace: Option<String>,
    },
    /// Check that no event was changed, removed, inserted or reordered; exit code 1 when one was
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print every event as a line of JSON, with all that its hash is made of, for an auditor
    #[command(after_help = "Example:\n  chatbotx log export --until 2026-12-31 --out 2026.jsonl")]
    Export(ExportArguments),
    /// Make read tables as of then, in a new SQLite file beside the live ones
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
}

const REPLAY_EXAMPLES: &str = "Examples:
  chatbotx log replay --to yesterday.db --until 2026-11-23
  chatbotx log replay --to before.db --until 1200 --workspace Shop

The file holds names and texts in clear, like the live read tables: keep it as safe as them.";

/// What is printed for an auditor.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// Begin behind this position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub after: u64,
    /// End there: a position, a time (RFC 3339) or a date, which means its end in UTC
    #[arg(long, value_name = "POSITION|TIME")]
    pub until: Option<Until>,
    /// The workspace's id or name; not needed when there is one only
    #[arg(long, value_name = "ID|NAME")]
    pub workspace: Option<String>,
    /// A file, which appears when it is whole; an older one is replaced. Default: standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print JSON at the end, when the events go into a file
    #[arg(long)]
    pub json: bool,
}

/// What is replayed.
#[derive(Args, Debug)]
pub struct ReplayArguments {
    /// The file to make
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// As of when: a position, a time (RFC 3339) or a date, which means its end in UTC. Default: now
    #[arg(long, value_name = "POSITION|TIME")]
    pub until: Option<Until>,
    /// Only this workspace (id or name); a position belongs to one workspace
    #[arg(long, value_name = "ID|NAME")]
    pub workspace: Option<String>,
    /// Replace a file of read tables that is there already
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
