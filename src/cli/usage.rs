//! A command line that cannot be understood: told to people in words, and as JSON to whoever asked for JSON.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::problem::{Candidate, Code, Problem};

/// The exit code of wrong usage.
const WRONG_USAGE: u8 = 2;

/// Says what is wrong with the words; gives the exit code. Help and version are told here, too, and are no error.
pub(super) fn tell(error: &clap::Error, words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let asked_for_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !asked_for_help && wants_json(words) {
        eprintln!("{}", serde_json::to_string(&problem(error)).unwrap_or_default());
        return ExitCode::from(WRONG_USAGE);
    }
    // Nobody may be there to read it.
    let _unread = error.print();
    if asked_for_help { ExitCode::SUCCESS } else { ExitCode::from(WRONG_USAGE) }
}

fn wants_json(words: impl IntoIterator<Item = OsString>) -> bool {
    words.into_iter().any(|word| word == "--json" || word.to_str().is_some_and(|word| word.starts_with("--json=")))
}

fn problem(error: &clap::Error) -> Problem {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
    let hint = paragraphs.find_map(|part| part.strip_prefix("Usage: ").map(|usage| format!("usage: {usage}")));
    let mut problem = Problem::new(Code::InvalidInput, message);
    problem.hint = Some(hint.unwrap_or_else(|| "chatbotx --help tells how commands are written".to_owned()));
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) {
        problem = problem.field(argument.as_str());
    }
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggested = suggested.into_iter().filter_map(|kind| error.get(kind)).flat_map(texts);
    problem.candidates(suggested.map(|id| Candidate { id, name: None, reason: "it is written alike".to_owned() }))
}

fn texts(value: &ContextValue) -> Vec<String> {
    match value {
        ContextValue::String(text) => vec![text.clone()],
        ContextValue::Strings(texts) => texts.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::Arguments;
    use super::*;

    fn told(words: &[&str]) -> Problem {
        problem(&Arguments::try_parse_from([&["chatbotx"], words].concat()).expect_err("wrong usage"))
    }

    #[test]
    fn wrong_usage_is_told_like_any_other_problem() {
        let missing = told(&["token", "create", "--json"]);
        assert_eq!(missing.code, Code::InvalidInput);
        assert!(missing.message.contains("--name <NAME>"), "{missing:?}");
        assert!(missing.hint.as_deref().is_some_and(|hint| hint.starts_with("usage: chatbotx token create")));
        let typo = told(&["workspace", "lst", "--json"]);
        assert_eq!(typo.candidates[0].id, "list", "{typo:?}");
        let wrong = told(&["token", "rotate", "x", "--grace", "8d"]);
        assert_eq!(wrong.field.as_deref(), Some("--grace <DURATION>"), "{wrong:?}");
    }

    #[test]
    fn json_is_told_to_who_asked_for_it() {
        let wants = |words: &[&str]| wants_json(words.iter().map(OsString::from));
        assert!(wants(&["chatbotx", "token", "--json"]) && wants(&["chatbotx", "call", "x", "--json={}"]));
        assert!(!wants(&["chatbotx", "token", "create", "--jsonl"]));
    }
}
