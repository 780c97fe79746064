//! Where an export goes: to standard output, or into a file that appears when it is whole.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// A place for the lines of an export.
pub struct Destination {
    out: BufWriter<Box<dyn Write + Send>>,
    file: Option<Unfinished>,
}

/// A file beside the one that was asked for; taken away unless it is finished.
struct Unfinished {
    beside: PathBuf,
    target: PathBuf,
    handle: File,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After it was renamed there is none of this name.
        let _absent = std::fs::remove_file(&self.beside);
    }
}

impl Destination {
    /// Standard output, or a file.
    ///
    /// # Errors
    /// `invalid_input` for what cannot be the name of a file; `unavailable` when nothing can be written there.
    pub fn open(file: Option<&Path>) -> Result<Self, Problem> {
        let Some(target) = file else {
            return Ok(Self { out: BufWriter::new(Box::new(std::io::stdout())), file: None });
        };
        let name = target.file_name().ok_or_else(|| Problem::invalid("out", "is not the name of a file"))?;
        if target.is_dir() {
            return Err(Problem::invalid("out", "is a folder; name a file in it"));
        }
        let unique = format!(".{}.{}.unfinished", name.to_string_lossy(), Uuid::now_v7().simple());
        let beside = target.with_file_name(unique);
        let handle = File::create_new(&beside).map_err(|error| unwritable(&error))?;
        let out: Box<dyn Write + Send> = Box::new(handle.try_clone().map_err(|error| unwritable(&error))?);
        let file = Unfinished { beside, target: target.to_owned(), handle };
        Ok(Self { out: BufWriter::new(out), file: Some(file) })
    }

    /// Whether a bar on the terminal would stand between the lines.
    pub fn is_terminal(&self) -> bool {
        self.file.is_none() && std::io::stdout().is_terminal()
    }

    /// Writes one line.
    ///
    /// # Errors
    /// `unavailable` when nothing more can be written.
    pub fn write(&mut self, line: &Value) -> Result<(), Problem> {
        writeln!(self.out, "{line}").map_err(|error| self.stopped(&error))
    }

    /// Ends it: the file is on disk under its name, or everything is on standard output.
    ///
    /// # Errors
    /// `unavailable` when the rest cannot be written.
    pub fn finish(&mut self) -> Result<(), Problem> {
        self.out.flush().map_err(|error| self.stopped(&error))?;
        if let Some(file) = &self.file {
            file.handle.sync_all().map_err(|error| unwritable(&error))?;
            std::fs::rename(&file.beside, &file.target).map_err(|error| unwritable(&error))?;
        }
        Ok(())
    }

    fn stopped(&self, error: &std::io::Error) -> Problem {
        match self.file {
            Some(_) => unwritable(error),
            None => Problem::new(Code::Unavailable, "standard output was closed"),
        }
    }
}

fn unwritable(error: &std::io::Error) -> Problem {
    Problem::new(Code::Unavailable, format!("the file cannot be written: {error}")).field("out")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_appears_when_it_is_whole_and_nothing_stays_of_half_a_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("log.jsonl");
        std::fs::write(&target, "older").unwrap();
        let mut destination = Destination::open(Some(&target)).unwrap();
        destination.write(&json!({"position": 1})).unwrap();
        drop(destination);
        assert_eq!((std::fs::read_to_string(&target).unwrap().as_str(), names(folder.path()).len()), ("older", 1));
        let mut destination = Destination::open(Some(&target)).unwrap();
        destination.write(&json!({"position": 1})).unwrap();
        destination.finish().unwrap();
        drop(destination);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "{\"position\":1}\n");
        assert_eq!(names(folder.path()), ["log.jsonl"]);
        assert!(Destination::open(Some(folder.path())).is_err());
    }
}
