//! The cases, by name.

mod find;
mod follow;
mod grow;
mod replay;
mod serve;
mod start;
mod write;

use crate::machine::Machine;
use crate::report::Section;
use crate::{Outcome, Settings};

/// The names, in the order of the results.
pub const NAMES: [&str; 7] = ["write", "serve", "replay", "follow", "find", "start", "grow"];

/// The cases that were asked for, in our order.
pub fn chosen(asked: &[String]) -> Outcome<Vec<&'static str>> {
    if let Some(unknown) = asked.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(format!("there is no case {unknown}: {}", NAMES.join(", ")).into());
    }
    Ok(NAMES.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name)).collect())
}

/// Keeps what a long case has found so far: what was measured is not lost when the rest fails or is broken off.
pub type Keep<'a> = dyn FnMut(&Section) -> Outcome<()> + Send + 'a;

/// Runs one. A case of many parts gives what it has found after each of them to `keep`.
pub async fn run(name: &str, settings: &Settings, machine: &Machine, keep: &mut Keep<'_>) -> Outcome<Section> {
    match name {
        "write" => write::run(settings, machine).await,
        "replay" => replay::run(settings).await,
        "find" => find::run(settings, keep).await,
        "grow" => grow::run(settings, keep).await,
        "serve" => serve::run(settings).await,
        "follow" => follow::run(settings).await,
        "start" => start::run(settings).await,
        _ => Err(format!("there is no case {name}").into()),
    }
}
