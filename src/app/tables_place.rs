//! Where the read tables are, and how they are opened there.
//!
//! In a folder the file of the tables is one generation of several: `views.db` is a link to it, so that it can be swapped while reads go
//! on. On a server they stand in a schema of their version's own, so that processes of two versions work side by side.

use std::path::{Path, PathBuf};

use projections::database::Statements;
use projections::{OpenError, ReadTables, Schema};

use super::open::{LogPlace, OpenOptions};
use super::projector::ProjectorError;
use crate::event_log;
use crate::problem::Problem;

/// Where the read tables are.
#[derive(Clone, Debug)]
pub(super) enum TablesPlace {
    /// In generations of files in a folder, which no other process uses.
    Folder(PathBuf),
    /// In a schema of a server.
    Server(Box<Schema>),
}

impl TablesPlace {
    /// The schema of this version's tables on the server that holds the log.
    pub(super) fn on_server(url: &str) -> Result<Self, projections::database::Error> {
        let schema = Schema::on(url.parse()?);
        let schema = schema.named(&format!("{}_{}", projections::SCHEMA, projections::VERSION));
        // As the log does: whoever keeps no statements wants none kept.
        let statements = if event_log::keeps_statements(url) { Statements::Named } else { Statements::Unnamed };
        Ok(Self::Server(Box::new(Schema { statements, ..schema })))
    }

    /// Opens the tables. Those that are of another version, or unreadable, are thrown away, and new ones begin empty.
    pub(super) async fn open(&self) -> Result<ReadTables, ProjectorError> {
        match self {
            Self::Folder(folder) => open_file(folder).await,
            Self::Server(schema) => open_schema(schema).await,
        }
    }
}

/// Where tables are built beside those of a schema.
pub(super) fn beside(live: &Schema) -> Schema {
    live.named(&format!("{}_new", live.name))
}

/// The schemas of the log's server that hold read tables of other versions; none where the log is a file.
///
/// # Errors
/// `unavailable` when the server cannot be asked.
pub async fn tables_of_other_versions(options: &OpenOptions) -> Result<Vec<String>, Problem> {
    let LogPlace::Server(url) = options.log_place()? else { return Ok(Vec::new()) };
    match TablesPlace::on_server(&url).map_err(|error| Problem::unavailable(&error))? {
        TablesPlace::Server(schema) => {
            projections::other_schemas(&schema).await.map_err(|error| Problem::unavailable(&error))
        }
        TablesPlace::Folder(_) => Ok(Vec::new()),
    }
}

fn link(folder: &Path) -> PathBuf {
    folder.join("views.db")
}

/// The file that the link names, or the first one of all.
pub(super) fn current_file(folder: &Path) -> PathBuf {
    std::fs::read_link(link(folder)).map_or_else(|_| folder.join("views-1.db"), |target| folder.join(target))
}

/// Lets the link name `file`, at once or not at all.
pub(super) fn point_link(folder: &Path, file: &Path) -> std::io::Result<()> {
    let name = file.file_name().ok_or_else(|| std::io::Error::other("a file without a name"))?;
    let beside = folder.join("views.db.new");
    if beside.symlink_metadata().is_ok() {
        std::fs::remove_file(&beside)?;
    }
    std::os::unix::fs::symlink(name, &beside)?;
    std::fs::rename(&beside, link(folder))
}

/// Removes a generation with what SQLite keeps beside it.
pub(super) fn remove_file(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        // What is not there, or cannot be removed, only takes room.
        let _kept = std::fs::remove_file(name);
    }
}

async fn open_file(folder: &Path) -> Result<ReadTables, ProjectorError> {
    let file = current_file(folder);
    let tables = match ReadTables::open(&file).await {
        Ok(tables) => tables,
        Err(error) => {
            tracing::warn!(%error, "the read tables cannot be used as they are and are built anew");
            remove_file(&file);
            ReadTables::open(&file).await?
        }
    };
    point_link(folder, &file)?;
    Ok(tables)
}

async fn open_schema(schema: &Schema) -> Result<ReadTables, ProjectorError> {
    match ReadTables::open_postgres(schema).await {
        Err(OpenError::MustRebuild(why)) => {
            tracing::warn!(%why, "the read tables cannot be used as they are and are built anew");
            let empty = ReadTables::create_postgres_without_indexes(&beside(schema)).await?;
            empty.build_indexes().await?;
            Ok(empty.replace(schema).await?)
        }
        opened => Ok(opened?),
    }
}

/// The next generation's file, beside the one at hand.
pub(super) fn next_file(file: &Path) -> PathBuf {
    let number = file
        .file_stem()
        .and_then(|stem| stem.to_str()?.strip_prefix("views-")?.parse::<u64>().ok())
        .unwrap_or_default();
    file.with_file_name(format!("views-{}.db", number + 1))
}
