//! What a case found, as a terminal and as RESULTS.md show it: tables, and for each target whether it was reached.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::cases::NAMES;
use crate::machine::Machine;

/// What one case found.
#[derive(Default)]
pub struct Section {
    /// What was done, in a few sentences: sizes, rounds, what a call is.
    pub about: String,
    /// The tables, each with a title.
    pub tables: Vec<Table>,
    /// The targets.
    pub targets: Vec<Target>,
}

/// A table; every row has as many cells as there are columns.
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// Something that was to be reached.
pub struct Target {
    /// What, in words, with its limit.
    pub what: String,
    /// What was measured.
    pub measured: String,
    /// Whether it was reached; nothing when it does not apply to this machine or these sizes.
    pub reached: Option<bool>,
}

impl fmt::Display for Table {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).chain(self.columns.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |text: &mut fmt::Formatter<'_>, cells: &[String]| {
            for (place, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                if place == 0 { write!(text, "| {cell:<width$} |")? } else { write!(text, " {cell:>width$} |")? }
            }
            writeln!(text)
        };
        writeln!(text, "**{}**\n", self.title)?;
        line(text, &self.columns)?;
        write!(text, "|")?;
        for (place, width) in widths.iter().enumerate() {
            write!(text, "{}{}|", "-".repeat(width + 1), if place == 0 { "-" } else { ":" })?;
        }
        writeln!(text)?;
        self.rows.iter().try_for_each(|row| line(text, row))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(text, "{}\n", self.about)?;
        for table in &self.tables {
            writeln!(text, "{table}")?;
        }
        let rows = self.targets.iter().map(|target| {
            let reached = match target.reached {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "does not apply",
            };
            vec![target.what.clone(), target.measured.clone(), reached.to_owned()]
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            return Ok(());
        }
        let columns = ["what", "measured", "reached"].map(str::to_owned).to_vec();
        write!(text, "{}", Table { title: "Targets".to_owned(), columns, rows })
    }
}

/// RESULTS.md: a part for each case, kept between runs of single cases.
pub struct Results {
    path: PathBuf,
    parts: BTreeMap<usize, String>,
    /// What profiles of the cases have shown, by the name of the case.
    profiles: BTreeMap<String, String>,
}

const HEADING: &str = "# What it costs\n\nWritten by `bench/run`; not edited by hand. Ratios within one table are of one run and can be compared; figures \
of different tables or machines cannot.\n";
/// Begins the part of a case.
const PART: &str = "\n## ";
/// Ends what was measured of a case. What follows was written by hand, in the file of the profiles.
const PROFILE: &str = "\n**Where the time goes**\n";

impl Results {
    /// Reads what there is; a missing file has no parts.
    pub fn read(path: &Path) -> Outcome<Self> {
        let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
        let parts = text.split(PART).skip(1).filter_map(|part| {
            let place = NAMES.iter().position(|name| part.split_whitespace().next() == Some(name))?;
            let measured = part.split(PROFILE).next().unwrap_or(part);
            Some((place, measured.trim_end().to_owned()))
        });
        Ok(Self {
            path: path.to_owned(),
            parts: parts.collect(),
            profiles: profiles(&path.with_file_name("profiles.md"))?,
        })
    }

    /// Replaces the part of a case.
    pub fn put(&mut self, case: &str, section: &Section, machine: &Machine) {
        if let Some(place) = NAMES.iter().position(|name| *name == case) {
            self.parts.insert(place, format!("{case}\n\n{machine}.\n\n{section}").trim_end().to_owned());
        }
    }

    /// Writes the file.
    pub fn write(&self) -> Outcome<()> {
        let part = |(place, part): (&usize, &String)| {
            let profile = NAMES.get(*place).and_then(|name| self.profiles.get(*name));
            // Whoever reads that a target was not reached is told what stands in the way.
            let profile = profile.filter(|_| part.contains("**no**")).map(|text| format!("{PROFILE}\n{text}\n"));
            format!("{PART}{part}\n{}", profile.unwrap_or_default())
        };
        let parts: String = self.parts.iter().map(part).collect();
        std::fs::write(&self.path, format!("{HEADING}{parts}"))?;
        Ok(())
    }
}

/// What was written by hand of profiles: a part for each case.
fn profiles(path: &Path) -> Outcome<BTreeMap<String, String>> {
    let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
    let parts = text.split(PART).skip(1).filter_map(|part| part.split_once('\n'));
    Ok(parts.map(|(name, text)| (name.trim().to_owned(), text.trim().to_owned())).collect())
}
