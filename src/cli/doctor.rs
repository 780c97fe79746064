//! `chatbotx doctor`: what is wrong with the installation and how to mend it. It needs neither a server nor a sound folder.

use std::process::ExitCode;

use serde_json::json;

use super::chat::visible;
use super::options::GlobalOptions;
use crate::local::doctor::{Finding, Level, Patient, examine};
use crate::problem::Problem;

/// Looks at everything and prints what was found; exit code 1 when there is a problem.
///
/// # Errors
/// `invalid_input` when the user has no home and named no folder.
pub async fn doctor(options: &GlobalOptions, full: bool, json: bool) -> Result<ExitCode, Problem> {
    let patient =
        Patient { options: options.open_options_in(&options.data_path()?), settings: options.http.settings(), full };
    let findings = examine(&patient).await;
    let ok = findings.iter().all(|finding| finding.level != Level::Problem);
    if json {
        println!("{}", json!({ "ok": ok, "findings": findings }));
    } else {
        println!("{}", told(&findings));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn told(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for finding in findings {
        let level = match finding.level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Problem => "PROBLEM",
        };
        lines.push(format!("{level}  {:width$}  {}", finding.check, visible(&finding.what)));
        if let Some(mend) = &finding.mend {
            lines.push(format!("{:7}  {:width$}  -> {}", "", "", visible(mend)));
        }
    }
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    lines.push(format!("problems: {}, warnings: {}", count(Level::Problem), count(Level::Warning)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_what_is_wrong_and_how_to_mend_it() {
        let finding = |level, check: &str, mend: Option<&str>| Finding {
            check: check.to_owned(),
            level,
            what: "seen".to_owned(),
            mend: mend.map(str::to_owned),
        };
        let findings = [finding(Level::Ok, "clock", None), finding(Level::Problem, "master key", Some("mend it"))];
        assert_eq!(
            told(&findings),
            "ok       clock       seen\nPROBLEM  master key  seen\n                     -> mend it\nproblems: 1, warnings: 0"
        );
    }
}
