//! Reads `words.txt`: by which words people ask for an operation, in the languages that they speak.

use std::collections::BTreeMap;

/// The languages in which every operation has words.
pub(super) const LANGUAGES: [&str; 5] = ["en", "es", "vi", "de", "pt"];

const TEXT: &str = include_str!("words.txt");

/// Phrases by language.
pub(super) type Phrases = BTreeMap<&'static str, Vec<&'static str>>;

/// What people say when they mean an operation.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// What only this operation is called.
    pub(super) own: Phrases,
    /// The names of the things and deeds that it has in common with others.
    pub(super) shared: Vec<&'static str>,
}

/// All words: of things and deeds, and of operations, each by name.
#[derive(Debug, Default)]
pub(super) struct AllWords {
    pub(super) shared: BTreeMap<&'static str, Phrases>,
    pub(super) operations: BTreeMap<&'static str, Words>,
}

impl AllWords {
    /// Reads them. What is written wrongly is left out: a test looks whether something is missing.
    pub(super) fn read() -> Self {
        let mut all = Self::default();
        let mut heading = "";
        let lines = TEXT.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            if LANGUAGES.contains(&first) {
                let phrases = rest.split(',').map(str::trim).collect();
                let of = match heading.strip_prefix('@') {
                    Some(name) => all.shared.entry(name).or_default(),
                    None => &mut all.operations.entry(heading).or_default().own,
                };
                of.insert(first, phrases);
            } else {
                heading = first;
                if !heading.starts_with('@') {
                    let shared = rest.split(' ').filter_map(|name| name.strip_prefix('@')).collect();
                    all.operations.insert(heading, Words { own: Phrases::new(), shared });
                }
            }
        }
        all
    }
}
