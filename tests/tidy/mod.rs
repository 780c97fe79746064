//! The house rules that a machine can check, so that nobody has to.
//!
//! Every rule is a function from a file to the lines that break it, and is tried on a bad snippet before it is let loose on the
//! repository: a rule that finds nothing any more fails, too.

use std::path::Path;

mod parts;
mod rules;

/// A file of the repository: its path from the root, with `/`, its text, and whether it is built for tests only.
struct Source {
    path: String,
    text: String,
    is_test: bool,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// Whether it lies in one of the folders.
    fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }
}

/// A rule: the numbers of the lines that break it, from 1.
type Rule = fn(&Source) -> Vec<usize>;

/// What is not ours to keep tidy: built, installed or git's own.
const SKIPPED: [&str; 6] = [".git", "target", "node_modules", ".venv", "venv", "__pycache__"];

/// Every text file below `folder`.
fn sources(folder: &Path) -> std::io::Result<Vec<Source>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            found.extend(sources(&path)?);
        } else if kind.is_file()
            && let Ok(text) = String::from_utf8(std::fs::read(&path)?)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let is_test = path.starts_with("tests/");
            found.push(Source { path, text, is_test });
        }
    }
    Ok(found)
}

/// The files, and the folders with a `/`, of the modules that `source` declares for tests only.
fn test_modules(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let is_root = ["lib.rs", "main.rs", "mod.rs"].contains(&file);
    let own_folder = if is_root { folder.to_owned() } else { source.path.trim_end_matches(".rs").to_owned() };
    let mut found = Vec::new();
    let mut lines = source.text.lines().map(str::trim);
    while lines.any(|line| line == "#[cfg(test)]") {
        let mut path = None;
        for line in lines.by_ref() {
            path = path.or(line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")));
            let module = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod ")).map(|(_, name)| name);
            match (module, path) {
                (Some(_), Some(path)) => found.push(format!("{folder}/{path}")),
                (Some(name), None) => {
                    found.extend([format!("{own_folder}/{name}.rs"), format!("{own_folder}/{name}/")]);
                }
                (None, _) if line.starts_with("#[") => continue,
                (None, _) => {}
            }
            break;
        }
    }
    found
}

/// Every text file of the repository.
fn repository() -> std::io::Result<Vec<Source>> {
    let mut sources = sources(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let tests: Vec<String> = sources.iter().filter(|source| source.is_rust()).flat_map(test_modules).collect();
    for source in &mut sources {
        source.is_test |=
            tests.iter().any(|path| source.path == *path || path.ends_with('/') && source.path.starts_with(path));
    }
    Ok(sources)
}

/// Tries `rule` on what breaks it (with the lines that do) and on what does not, then on the repository.
fn check(rule: Rule, bad: &[(&str, &str, &[usize])], good: &[(&str, &str)]) {
    let snippet = |path: &str, text: &str| {
        let is_test = path.starts_with("tests/");
        Source { path: path.to_owned(), text: text.to_owned(), is_test }
    };
    for (path, text, lines) in bad {
        assert_eq!(rule(&snippet(path, text)), *lines, "the rule overlooks this in {path}: {text}");
    }
    for (path, text) in good {
        assert_eq!(rule(&snippet(path, text)), [0; 0], "the rule is too strict for this in {path}: {text}");
    }
    let sources = repository().unwrap_or_default();
    assert!(sources.iter().filter(|source| source.is_rust()).count() > 20, "the repository was not found");
    let broken: Vec<String> = sources
        .iter()
        .flat_map(|source| rule(source).into_iter().map(move |line| format!("{}:{line}", source.path)))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn modules_for_tests_are_known() {
    let text =
        "#[cfg(test)]\nmod b;\n#[cfg(test)]\n#[path = \"d_tests.rs\"]\nmod d;\n#[cfg(test)]\nmod e {\n}\nmod f;\n";
    let source = |path: &str| Source { path: path.to_owned(), text: text.to_owned(), is_test: false };
    assert_eq!(test_modules(&source("x/lib.rs")), ["x/b.rs", "x/b/", "x/d_tests.rs"]);
    assert_eq!(test_modules(&source("x/a.rs")), ["x/a/b.rs", "x/a/b/", "x/d_tests.rs"]);
}

#[test]
fn every_file_says_first_why_it_exists() {
    let bad = [("a.rs", "use std::fmt;\n", &[1][..]), ("a.rs", "", &[1])];
    check(rules::without_a_why, &bad, &[("a.rs", "//! Why.\n"), ("a.sql", "select 1")]);
}

#[test]
fn no_line_ends_in_blanks() {
    let bad = [("a.rs", "//! Why. \nfn a() {}\n\t\n", &[1, 3][..]), ("a.toml", "a = 1 \n", &[1])];
    check(rules::trailing_blanks, &bad, &[("a.rs", "//! Why.\n\nfn a() {}\n"), ("a.md", "a line break  \n")]);
}

#[test]
fn no_file_has_more_than_400_lines() {
    let (fits, too_long) = ("\n".repeat(400), "\n".repeat(401));
    check(rules::too_long, &[("a.rs", &too_long, &[401])], &[("a.rs", &fits), ("Cargo.lock", &too_long)]);
}

#[test]
fn no_file_is_a_drawer() {
    let bad = [("src/utils.rs", "", &[1][..]), ("src/helpers/mod.rs", "", &[1]), ("src/token_manager.rs", "", &[1])];
    check(rules::drawers, &bad, &[("src/management.rs", "")]);
}

#[test]
fn only_tests_may_panic_on_what_is_missing() {
    let bad = [
        ("src/a.rs", "fn a() {\n    b().unwrap();\n    b()\n        .expect(\"b\");\n}\n", &[2, 4][..]),
        (
            "src/a.rs",
            "#[cfg(test)]\nmod tests {\n    fn a() { b().unwrap(); }\n}\nfn c() { b().unwrap_err(); }\n",
            &[5],
        ),
    ];
    let good = [
        ("src/a.rs", "// b().unwrap()\nfn a() { b().unwrap_or(\".unwrap()\"); }\n"),
        ("src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn a() { b('{').unwrap(); }\n}\n"),
        ("tests/a.rs", "fn a() { b().expect(\"b\"); }"),
    ];
    check(rules::panics, &bad, &good);
}

#[test]
fn sql_lives_in_the_event_log_and_the_projections() {
    let bad = [
        ("src/app/a.rs", "let a = \"select name from tags\";\n", &[1][..]),
        ("src/app/a.rs", "let a = r#\"\n  INSERT INTO tags values ($1)\n\"#;\n", &[1]),
        ("src/a.rs", "a(\"update tags set name = $1\"); b(\"delete from tags\")", &[1, 1]),
    ];
    let good = [
        ("src/event_log/a.rs", "let a = \"select name from tags\";\n"),
        ("projections/a.rs", "let a = \"select name from tags\";\n"),
        ("src/a.rs", "// select name from tags\nlet a = \"update the tag, then set its name\";\n"),
        ("src/a.rs", "let a = \"selected from\";\n"),
    ];
    check(rules::sql, &bad, &good);
}

#[test]
fn names_keep_their_origin() {
    let bad =
        [("a.rs", "pub use b::*;\n", &[1][..]), ("a.rs", "fn a() {}\npub(crate) use b::{\n    c::*,\n};\n", &[2])];
    check(rules::glob_reexports, &bad, &[("a.rs", "use proptest::prelude::*;\npub use b::c;\nfn d(a: *const u8);\n")]);
}

#[test]
fn aggregates_flows_and_projections_know_no_clock_and_draw_no_lots() {
    let bad = [
        ("aggregates/a.rs", "let a = jiff::Timestamp::now();\n", &[1][..]),
        ("projections/fold.rs", "let begun = Instant::now();\n", &[1]),
        ("projections/a.rs", "let a = 1;\nlet b = Uuid::now_v7();\nlet c = rand::random();\n", &[2, 3]),
        ("flows/a.rs", "let a = ZonedDateTime::now();\nlet b = TimeZone::system();\n", &[1, 2]),
    ];
    let good = [
        ("src/a.rs", "let a = Uuid::now_v7();"),
        ("projections/a.rs", "#[cfg(test)]\nmod tests {\n    fn a() { Instant::now(); }\n}\n"),
        ("projections/sqlite_transaction.rs", "let begun = Instant::now();\n"),
        ("aggregates/a.rs", "// never Utc::now\nlet a = strand::b(\"SystemTime::now\");"),
    ];
    check(rules::clock_and_chance, &bad, &good);
}

#[test]
fn a_lint_is_expected_with_a_reason_and_not_allowed() {
    let bad = [
        ("a.rs", "#[allow(dead_code)]\n", &[1][..]),
        ("a.rs", "\n#![allow(dead_code)]\n#[cfg_attr(test, allow(unused))]", &[2, 3]),
        ("a.rs", "#[expect(dead_code)]\nfn a() {}\n", &[1]),
    ];
    let good = [(
        "a.rs",
        "// #[allow(a)]\n#[expect(\n    dead_code,\n    reason = \"b\"\n)]\nfn a() { b.allow(c); d.expect(e) }",
    )];
    check(rules::allowed_lints, &bad, &good);
}

#[test]
fn nothing_goes_out_but_through_the_guard() {
    let client = "fn a() { reqwest::get(b) }\n// reqwest::get\nfn c() { TcpStream::connect(d); lookup_host(e) }";
    let bad = [("src/reactions/a.rs", client, &[1, 3][..])];
    let good = [("src/fetch/mod.rs", client), ("src/cli/chat.rs", client), ("tests/a.rs", client)];
    check(rules::ways_out, &bad, &good);
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    let bad = [("a.rs", "fn a() { todo!() }\nfn b() { unimplemented!(\"c\") }\nfn c() { dbg!(d) }", &[1, 2, 3][..])];
    check(rules::left_to_do, &bad, &[("a.rs", "// todo!\nfn a() { b(\"dbg!\") }")]);
}

#[test]
fn comments_stand_without_a_tracker() {
    let bad = [("a.rs", "let a = 1; // see #12\n/* and\n#7 */\n", &[1, 3][..])];
    check(rules::issue_numbers, &bad, &[("a.rs", "// PKCS#11, #[expect], C# 8\nlet a = \"#12\"; let b = r#\"c\"#;")]);
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    let (work, home) = (concat!("see /wo", "rk/a\n"), concat!("\n\"/ho", "me/ana\""));
    let bad = [("a.md", work, &[1][..]), ("b/c", home, &[2])];
    check(rules::machine_paths, &bad, &[("a.md", "a/work/b, ./home/c, https://a.example/home/")]);
}

#[test]
fn no_file_names_a_registry_host() {
    let npm = concat!("{}\n\"https://registry.npm", "js.org/a\"");
    let bad = [("a/package-lock.json", npm, &[2][..]), ("a.sh", concat!("pip -i https://py", "pi.org/simple"), &[1])];
    check(rules::registry_hosts, &bad, &[("Cargo.lock", "registry+https://github.com/rust-lang/crates.io-index")]);
}
