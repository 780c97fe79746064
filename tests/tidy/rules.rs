//! The house rules, each a function from a file to the lines that break it.

use super::Source;
use super::parts::Parts;

/// The numbers of the lines, from 1, of which `is_broken` says so.
fn lines(text: &str, is_broken: impl Fn(&str) -> bool) -> Vec<usize> {
    text.lines().enumerate().filter(|(_, line)| is_broken(line)).map(|(index, _)| index + 1).collect()
}

/// The line of each place at which one of `words` begins, unless it is the end of a longer word.
fn lines_with(text: &str, words: &[&str]) -> Vec<usize> {
    lines(text, |line| words.iter().any(|word| has_word(line, word)))
}

fn has_word(line: &str, word: &str) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(place, _)| !line[..place].ends_with(goes_on))
}

/// Rust files that do not begin with `//!`.
pub fn without_a_why(source: &Source) -> Vec<usize> {
    if source.is_rust() && !source.text.starts_with("//! ") { vec![1] } else { Vec::new() }
}

/// Lines with blanks at their end.
pub fn trailing_blanks(source: &Source) -> Vec<usize> {
    let checked = [".rs", ".toml", ".sql", ".sh", ".py", ".ts"];
    if !checked.iter().any(|ending| source.path.ends_with(ending)) {
        return Vec::new();
    }
    lines(&source.text, |line| line.ends_with([' ', '\t']))
}

/// Rust files of more than 400 lines.
pub fn too_long(source: &Source) -> Vec<usize> {
    let length = source.text.lines().count();
    if source.is_rust() && length > 400 { vec![length] } else { Vec::new() }
}

/// Files and folders that are named after nothing.
pub fn drawers(source: &Source) -> Vec<usize> {
    let drawers = ["util", "utils", "helper", "helpers", "manager", "managers"];
    let mut words = source.path.split(['/', '_', '-', '.']);
    if source.is_rust() && words.any(|word| drawers.contains(&word)) { vec![1] } else { Vec::new() }
}

/// `unwrap` and `expect` outside tests.
pub fn panics(source: &Source) -> Vec<usize> {
    if !source.is_rust() || source.is_test {
        return Vec::new();
    }
    let panicking = [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err("];
    lines(&Parts::of(&source.text).code_outside_tests(), |line| panicking.iter().any(|call| line.contains(call)))
}

/// Texts that are SQL, outside the rooms for it. Tests through the public doors may tamper with a database.
pub fn sql(source: &Source) -> Vec<usize> {
    if !source.is_rust() || !source.is_in(&["src/", "aggregates/"]) || source.is_in(&["src/event_log"]) {
        return Vec::new();
    }
    let texts = Parts::of(&source.text).texts;
    texts.into_iter().filter(|(_, text)| is_sql(text)).map(|(line, _)| line).collect()
}

fn is_sql(text: &str) -> bool {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let after = |word: &str| words.iter().position(|other| *other == word).map(|place| &words[place + 1..]);
    let pair = |first: &str, second: &str| words.windows(2).any(|pair| pair == [first, second]);
    after("select").is_some_and(|rest| rest.contains(&"from"))
        || pair("insert", "into")
        || pair("delete", "from")
        || words.windows(3).any(|three| three[0] == "update" && three[2] == "set")
        || pair("create", "table")
}

/// Re-exports of everything.
pub fn glob_reexports(source: &Source) -> Vec<usize> {
    if !source.is_rust() {
        return Vec::new();
    }
    let code = Parts::of(&source.text).code;
    let visible = ["pub use ", "pub(crate) use ", "pub(super) use "];
    let begins = visible.iter().flat_map(|words| code.match_indices(words)).map(|(place, _)| place);
    let mut broken: Vec<usize> = begins
        .filter(|begin| code[*begin..].split(';').next().is_some_and(|statement| statement.contains("::*")))
        .map(|begin| code[..begin].matches('\n').count() + 1)
        .collect();
    broken.sort_unstable();
    broken
}

/// Clocks and dice in the pure rooms. Tests may measure, and so may what sees to it that no statement keeps a thread for too long.
pub fn clock_and_chance(source: &Source) -> Vec<usize> {
    let measures = source.is_test || source.path == "projections/sqlite_transaction.rs";
    if !source.is_rust() || measures || !source.is_in(&["aggregates/", "flows/", "projections/"]) {
        return Vec::new();
    }
    let impure = [
        "Utc::now",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "ZonedDateTime::now",
        "TimeZone::system",
        "rand::",
        "Uuid::now_v7",
        "Uuid::new_v4",
    ];
    lines_with(&Parts::of(&source.text).code_outside_tests(), &impure)
}

/// Other ways out than the guard's, but where the program goes to addresses that its owner chose.
pub fn ways_out(source: &Source) -> Vec<usize> {
    let owners = ["src/fetch/", "src/cli/", "src/local/bridge/", "src/local/doctor/"];
    if !source.is_rust() || source.is_test || !source.is_in(&["src/"]) || source.is_in(&owners) {
        return Vec::new();
    }
    let ways = ["reqwest::", "TcpStream::connect", "lookup_host"];
    lines_with(&Parts::of(&source.text).code_outside_tests(), &ways)
}

/// Lints that are allowed, or expected without a reason.
pub fn allowed_lints(source: &Source) -> Vec<usize> {
    if !source.is_rust() {
        return Vec::new();
    }
    let code = Parts::of(&source.text).code;
    let is_attribute = |line: &str| line.trim_start().starts_with("#[") || line.trim_start().starts_with("#![");
    let mut broken = lines(&code, |line| is_attribute(line) && has_word(line, "allow("));
    let mut place = 0;
    for line in code.split_inclusive('\n') {
        let attribute = code[place..].split(")]").next().unwrap_or_default();
        if line.trim_start().starts_with("#[expect(") && !attribute.contains("reason") {
            broken.push(code[..place].matches('\n').count() + 1);
        }
        place += line.len();
    }
    broken.sort_unstable();
    broken
}

/// What stands in for code, or was left behind by a search for a mistake.
pub fn left_to_do(source: &Source) -> Vec<usize> {
    if !source.is_rust() {
        return Vec::new();
    }
    lines_with(&Parts::of(&source.text).code, &["todo!", "unimplemented!", "dbg!"])
}

/// Numbers of issues in comments: the reader does not have the tracker.
pub fn issue_numbers(source: &Source) -> Vec<usize> {
    if !source.is_rust() {
        return Vec::new();
    }
    lines(&Parts::of(&source.text).comments, |line| {
        line.match_indices('#').any(|(place, _)| {
            let number = line[place + 1..].starts_with(|letter: char| letter.is_ascii_digit());
            number && !line[..place].ends_with(|letter: char| letter.is_alphanumeric() || letter == '&')
        })
    })
}

/// Absolute paths of one machine.
pub fn machine_paths(source: &Source) -> Vec<usize> {
    let places = [concat!("/wo", "rk/"), concat!("/ho", "me/")];
    let goes_on = |letter: char| letter.is_alphanumeric() || "._-~}".contains(letter);
    lines(&source.text, |line| {
        places.iter().any(|place| line.match_indices(place).any(|(at, _)| !line[..at].ends_with(goes_on)))
    })
}

/// Hosts of package registries: where packages come from is a setting of the machine.
pub fn registry_hosts(source: &Source) -> Vec<usize> {
    let hosts = [
        concat!("index.cra", "tes.io"),
        concat!("static.cra", "tes.io"),
        concat!("registry.npm", "js.org"),
        concat!("py", "pi.org"),
        concat!("files.python", "hosted.org"),
    ];
    lines(&source.text, |line| hosts.iter().any(|host| line.contains(host)))
}
