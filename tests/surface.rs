//! The public surface is a contract: saved prompts and generated clients depend on it. Every operation as the doors serve it stands
//! in `tests/surface/`, and a change to it shows up in the diff.
//!
//! `UPDATE_SURFACE=1 cargo test surface` writes the files anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chatbotx::operations::{Operation, Toolset, all};
use serde_json::{Value, json};
use strum::VariantArray;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface")
}

fn name_of(toolset: Toolset) -> &'static str {
    toolset.into()
}

fn shown(operation: &Operation) -> Value {
    let facts = operation.facts;
    let annotations = facts.annotations();
    json!({
        "name": facts.name,
        "title": facts.title,
        "description": operation.description,
        "scope": facts.scope,
        "toolsets": facts.toolsets.iter().copied().map(name_of).collect::<Vec<_>>(),
        "route": format!("{} /api{}", facts.method, facts.path),
        "annotations": {
            "readOnlyHint": annotations.read_only,
            "destructiveHint": annotations.destructive,
            "idempotentHint": annotations.idempotent,
            "openWorldHint": annotations.open_world,
        },
        "inputSchema": *operation.input_schema,
        "outputSchema": operation.output_schema,
    })
}

fn expected() -> BTreeMap<String, String> {
    let pretty = |value: &Value| format!("{value:#}\n");
    let mut files: BTreeMap<String, String> = all()
        .operations()
        .iter()
        .map(|operation| (format!("{}.json", operation.facts.name), pretty(&shown(operation))))
        .collect();
    let lists: BTreeMap<&str, Vec<&str>> = Toolset::VARIANTS
        .iter()
        .map(|toolset| {
            let listed = all().operations().iter().filter(|operation| operation.facts.toolsets.contains(toolset));
            (name_of(*toolset), listed.map(|operation| operation.facts.name).collect())
        })
        .collect();
    files.insert("_toolsets.json".to_owned(), pretty(&json!(lists)));
    files
}

#[test]
fn the_surface_is_what_its_snapshot_says() {
    let expected = expected();
    let stored: BTreeMap<String, String> = std::fs::read_dir(folder())
        .expect("the folder tests/surface")
        .map(|entry| entry.expect("a file").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("text"))
        })
        .collect();
    if std::env::var_os("UPDATE_SURFACE").is_some() {
        for stale in stored.keys().filter(|name| !expected.contains_key(*name)) {
            std::fs::remove_file(folder().join(stale)).expect("a stale file goes");
        }
        for (name, text) in &expected {
            std::fs::write(folder().join(name), text).expect("a file is written");
        }
        return;
    }
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&stored), names(&expected), "missing or stale files: run with UPDATE_SURFACE=1");
    for (name, text) in &expected {
        assert!(stored[name] == *text, "{name} has changed: run with UPDATE_SURFACE=1 and look at the diff");
    }
}

/// The row of README's table for an operation.
fn row(operation: &Operation) -> String {
    let facts = operation.facts;
    let effect = facts.effect.name();
    let toolsets: Vec<&str> = facts.toolsets.iter().copied().map(name_of).collect();
    let first = operation.description.split_inclusive(". ").next().unwrap_or_default().trim();
    format!("| `{}` | {effect} | {} | {first} |", facts.name, toolsets.join(", "))
}

#[test]
fn the_table_of_tools_in_the_readme_is_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("README.md");
    let (before, rest) = readme.split_once("|---|---|---|---|\n").expect("the table's head");
    let (table, after) = rest.split_once("<!-- /tools -->").expect("the table's end");
    let wanted: String = all().operations().iter().map(|operation| row(operation) + "\n").collect();
    if std::env::var_os("UPDATE_SURFACE").is_some() {
        std::fs::write(path, format!("{before}|---|---|---|---|\n{wanted}<!-- /tools -->{after}")).expect("written");
        return;
    }
    for (stands, wanted) in table.lines().zip(wanted.lines()) {
        assert_eq!(stands, wanted, "run with UPDATE_SURFACE=1");
    }
    assert_eq!(table.lines().count(), wanted.lines().count(), "run with UPDATE_SURFACE=1");
}
