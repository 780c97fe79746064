//! The arguments of `call`, and the input that they come to.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use crate::local::call_input::add_members;
use crate::problem::Problem;

/// The word that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Which operation, and its input.
#[derive(Args, Debug)]
pub struct CallArguments {
    /// The operation's name
    #[arg(required_unless_present = "list")]
    pub name: Option<String>,
    /// Members of the input; `-` reads the input as JSON from standard input
    #[arg(value_name = "KEY=VALUE")]
    pub members: Vec<String>,
    /// The input as JSON
    #[arg(long, value_name = "JSON", num_args = 0..=1, default_missing_value = "{}", value_parser = json_object)]
    pub json: Option<Map<String, Value>>,
    /// A file with the input as JSON; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub file: Option<PathBuf>,
    /// Print the answer on one line
    #[arg(long)]
    pub compact: bool,
    /// List the operations by toolset, with what each does to the world
    #[arg(long, conflicts_with_all = ["name", "members", "file"])]
    pub list: bool,
    /// The workspace's id or name; not needed when there is one only
    #[arg(long, value_name = "ID|NAME")]
    pub workspace: Option<String>,
}

impl CallArguments {
    /// The operation's input: JSON from wherever it is said to be, with the members that were written one by one put over it.
    ///
    /// # Errors
    /// `invalid_input` for what is no JSON object, or no `key=value`, or when two places are named; `unavailable` when a file cannot
    /// be read.
    pub fn input(&self) -> Result<Map<String, Value>, Problem> {
        let (standard, members): (Vec<String>, Vec<String>) =
            self.members.iter().cloned().partition(|member| member == STANDARD_INPUT);
        let from_standard = !standard.is_empty();
        if from_standard && (self.file.is_some() || self.json.is_some()) {
            return Err(Problem::invalid("KEY=VALUE", "the input comes from one place: - or --file or --json"));
        }
        let mut input = match (&self.json, &self.file) {
            (Some(json), _) => json.clone(),
            (None, Some(file)) => parsed(&read(file)?)?,
            (None, None) if from_standard => parsed(&read(Path::new(STANDARD_INPUT))?)?,
            (None, None) => Map::new(),
        };
        add_members(self.name.as_deref().unwrap_or_default(), &members, &mut input)?;
        Ok(input)
    }
}

fn read(file: &Path) -> Result<String, Problem> {
    let mut text = String::new();
    let read = if file == Path::new(STANDARD_INPUT) {
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| Problem::invalid("file", format!("the input cannot be read: {error}")))
}

fn parsed(text: &str) -> Result<Map<String, Value>, Problem> {
    json_object(text).map_err(|message| Problem::invalid("file", message))
}

fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    // The message of serde may quote what is a customer's; the place is enough.
    serde_json::from_str(text)
        .map_err(|error| format!("no JSON object (line {}, column {})", error.line(), error.column()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        call: CallArguments,
    }

    fn input(words: &[&str]) -> Result<Value, Problem> {
        let line = Line::try_parse_from([&["call"], words].concat()).expect("a command line");
        line.call.input().map(Value::Object)
    }

    #[test]
    fn the_input_is_json_or_members_or_both() {
        assert_eq!(input(&["list_contacts"]).unwrap(), json!({}));
        assert_eq!(input(&["list_contacts", "--json", r#"{"limit": 2}"#]).unwrap(), json!({"limit": 2}));
        assert_eq!(
            input(&["list_contacts", "query=ana", "--json", r#"{"limit": 2}"#]).unwrap(),
            json!({"limit": 2, "query": "ana"})
        );
        assert!(input(&["list_contacts", "query"]).is_err());
        assert!(input(&["list_contacts", "-", "--json", "{}"]).is_err());
    }

    #[test]
    fn the_input_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input.json");
        std::fs::write(&file, r#"{"query": "ana"}"#).unwrap();
        let path = file.to_str().unwrap();
        assert_eq!(input(&["list_contacts", "--file", path]).unwrap(), json!({"query": "ana"}));
        std::fs::write(&file, "[]").unwrap();
        assert!(input(&["list_contacts", "--file", path]).is_err());
        assert!(input(&["list_contacts", "--file", "/no/such/file"]).is_err());
    }

    #[test]
    fn a_name_is_needed_unless_all_are_listed() {
        assert!(Line::try_parse_from(["call"]).is_err());
        assert!(Line::try_parse_from(["call", "--list", "--json"]).is_ok());
        assert!(Line::try_parse_from(["call", "--list", "list_contacts"]).is_err());
        assert!(Line::try_parse_from(["call", "x", "--json", "{}", "--file", "f"]).is_err());
    }
}
