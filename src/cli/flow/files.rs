//! The files of flows: one YAML document each, named after the flow.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::problem::{Code, Problem};

/// A file of a flow.
pub struct FlowFile {
    /// Where it is.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
    /// The document, when it can be read.
    pub document: Option<Value>,
    /// The flow's name, when it can be read.
    pub name: Option<String>,
}

impl FlowFile {
    /// Its document in the one form in which the program writes it; nothing when it cannot be read.
    #[must_use]
    pub fn as_written(&self) -> Option<String> {
        self.document.as_ref().map(flows::yaml::write).and_then(Result::ok)
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Code::Unavailable, format!("{what}: {error}")).field("file").value(path.to_string_lossy().into_owned())
}

/// What stands in a file.
///
/// # Errors
/// `unavailable` when it cannot be read.
pub fn read_text(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| failed("the file cannot be read", path, &error))
}

/// The flows of a folder, by file name; none when there is no such folder yet.
///
/// # Errors
/// `unavailable` when one cannot be read; `conflict` when two files hold flows of one name.
pub fn read_files(folder: &Path) -> Result<Vec<FlowFile>, Problem> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("the folder cannot be read", folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed("the folder cannot be read", folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files: Vec<FlowFile> = Vec::new();
    for path in paths {
        let text = read_text(&path)?;
        let document = flows::yaml::read(&text).ok();
        let name = document.as_ref().and_then(|document| document["name"].as_str()).map(|name| name.trim().to_owned());
        if let Some(other) = files.iter().find(|other| name.is_some() && other.name == name) {
            return Err(Problem::new(Code::Conflict, "two files hold a flow of the same name")
                .field("file")
                .value(path.to_string_lossy().into_owned())
                .hint(format!("the other one is {}", other.path.display())));
        }
        files.push(FlowFile { path, text, document, name });
    }
    Ok(files)
}

/// The name of the file of a flow that has none yet: its letters and digits, the rest as dashes.
#[must_use]
pub fn file_name(flow: &str) -> String {
    let plain: String = aggregates::folding::fold(flow)
        .chars()
        .map(|letter| if letter.is_alphanumeric() { letter } else { '-' })
        .take(60)
        .collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let name = if words.is_empty() { "flow".to_owned() } else { words.join("-") };
    format!("{name}.yaml")
}

/// Writes a file, whole or not at all; tells whether it was another before.
///
/// # Errors
/// `unavailable` when it cannot be written.
pub fn write_file(path: &Path, text: &str) -> Result<bool, Problem> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(false);
    }
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension("yaml.new");
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, path)
    };
    write().map(|()| true).map_err(|error| failed("the file cannot be written", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_flow() {
        for (flow, file) in [("Welcome", "welcome.yaml"), ("Chào mừng! (2)", "chao-mung-2.yaml"), ("🎂", "flow.yaml")]
        {
            assert_eq!(file_name(flow), file);
        }
    }

    #[test]
    fn a_folder_of_files_is_read_and_written_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_files(&folder.path().join("absent")).unwrap().is_empty());
        let path = folder.path().join("new/welcome.yaml");
        assert!(write_file(&path, "name: Welcome\n").unwrap());
        assert!(!write_file(&path, "name: Welcome\n").unwrap());
        let files = read_files(path.parent().unwrap()).unwrap();
        assert_eq!((files.len(), files[0].name.as_deref()), (1, Some("Welcome")));
        write_file(&folder.path().join("new/other.yaml"), "name: ' Welcome'\n").unwrap();
        assert_eq!(read_files(path.parent().unwrap()).err().map(|problem| problem.code), Some(Code::Conflict));
    }
}
