//! The machine and the versions, for whoever reads a figure later.

use std::fmt;
use std::io::Write;
use std::time::Instant;

use sqlx::{Connection, PgConnection};

use crate::rounds::median;
use crate::{Outcome, Settings};

/// How often a flush is measured.
const FLUSHES: usize = 500;

/// Where a run took place.
pub struct Machine {
    processor: String,
    cores: usize,
    memory_gib: f64,
    postgres: String,
    sqlite: String,
    /// The median time of a 4 KiB append with fdatasync in the folder of the databases, in milliseconds.
    pub flush_ms: f64,
    /// The same as `pg_test_fsync` measures it, where it is installed.
    pg_test_fsync_ms: Option<f64>,
    date: String,
}

impl Machine {
    /// Looks.
    pub async fn look(settings: &Settings) -> Outcome<Self> {
        let mut connection = PgConnection::connect(&settings.postgres).await?;
        let (postgres, fsync): (String, String) =
            sqlx::query_as("select current_setting('server_version'), current_setting('fsync')")
                .fetch_one(&mut connection)
                .await?;
        if fsync != "on" {
            return Err("the PostgreSQL server does not flush (fsync is off): its figures would be of no worth".into());
        }
        connection.close().await?;
        let mut sqlite = sqlx::SqliteConnection::connect("sqlite::memory:").await?;
        let (sqlite_version,): (String,) = sqlx::query_as("select sqlite_version()").fetch_one(&mut sqlite).await?;
        let processors = std::fs::read_to_string("/proc/cpuinfo")?;
        let memory = std::fs::read_to_string("/proc/meminfo")?;
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kib: f64 = field(&memory, "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or_default();
        Ok(Self {
            processor: field(&processors, "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: kib / 1024.0 / 1024.0,
            postgres,
            sqlite: sqlite_version,
            flush_ms: flush_ms(settings)?,
            pg_test_fsync_ms: pg_test_fsync(settings).await,
            date: command("date", &["-u", "+%Y-%m-%d"]).await.unwrap_or_default(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            text,
            "{}: {} ({} cores, {:.0} GiB), PostgreSQL {}, SQLite {}; one flush (4 KiB, fdatasync): {:.3} ms",
            self.date, self.processor, self.cores, self.memory_gib, self.postgres, self.sqlite, self.flush_ms
        )?;
        match self.pg_test_fsync_ms {
            Some(time) => write!(text, ", by pg_test_fsync {time:.3} ms"),
            None => write!(text, ", pg_test_fsync is not installed"),
        }
    }
}

fn flush_ms(settings: &Settings) -> Outcome<f64> {
    std::fs::create_dir_all(&settings.folder)?;
    let path = settings.folder.join("flush");
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let began = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    std::fs::remove_file(path)?;
    median(&times).ok_or_else(|| "no flush was measured".into())
}

async fn command(program: &str, arguments: &[&str]) -> Option<String> {
    let output = tokio::process::Command::new(program).args(arguments).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `fdatasync ... 9523.809 ops/sec 105 usecs/op`: the first such line is of one 8 KiB write.
async fn pg_test_fsync(settings: &Settings) -> Option<f64> {
    let mut programs: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().collect();
    programs.sort_by_key(std::fs::DirEntry::path);
    let program = programs.last()?.path().join("bin/pg_test_fsync");
    let file = settings.folder.join("pg_test_fsync");
    let output = command(program.to_str()?, &["-s", "1", "-f", file.to_str()?]).await?;
    let line = output.lines().find(|line| line.trim_start().starts_with("fdatasync"))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let micros: f64 = words.iter().rev().nth(1)?.parse().ok()?;
    Some(micros / 1_000.0)
}
