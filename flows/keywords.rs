//! What a contact writes, held against the keywords of a flow.

use std::sync::OnceLock;

use aggregates::folding::fold;
use regex::{Regex, RegexBuilder};
use unicode_normalization::char::is_combining_mark;

use crate::start::{Keyword, Match};

/// How much memory a regular expression may take once it is read, in bytes.
const MAX_REGEX_BYTES: usize = 2 * 1_024 * 1_024;
/// How deep its parts may be nested.
const MAX_REGEX_NESTING: u32 = 50;

/// How closely a keyword fits: of two, the greater one decides which flow is meant. Between equals the older flow wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    closeness: u8,
    length: usize,
}

impl Keyword {
    /// Whether what a contact wrote fits, and how closely: a whole text more than a word, a word more than a part, a part more than a
    /// regular expression; then the longer keyword. Without regard to case, and but for regular expressions to marks.
    #[must_use]
    pub fn matches(&self, text: &str) -> Option<Specificity> {
        if self.how == Match::Regex {
            let patterns = self.patterns.of(&self.any);
            let fitting = patterns.iter().flatten().filter(|pattern| pattern.is_match(text));
            let length = fitting.map(|pattern| pattern.as_str().chars().count()).max()?;
            return Some(Specificity { closeness: 0, length });
        }
        let written = fold(text);
        let (closeness, fits): (u8, fn(&str, &str) -> bool) = match self.how {
            Match::Exact => (3, |text, keyword| text == keyword),
            Match::Word => (2, has_phrase),
            Match::Contains | Match::Regex => (1, |text, keyword| text.contains(keyword)),
        };
        let keywords = self.any.iter().map(|keyword| fold(keyword));
        let fitting = keywords.filter(|keyword| !keyword.is_empty() && fits(&written, keyword));
        let length = fitting.map(|keyword| keyword.chars().count()).max()?;
        Some(Specificity { closeness, length })
    }
}

/// The regular expressions of a keyword, read when they are first needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns(OnceLock<Vec<Option<Regex>>>);

impl Patterns {
    fn of(&self, written: &[String]) -> &[Option<Regex>] {
        self.0.get_or_init(|| written.iter().map(|text| pattern(text).ok()).collect())
    }
}

/// They follow from what was written, which is compared already.
impl PartialEq for Patterns {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Patterns {}

/// Reads a regular expression.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    let read = RegexBuilder::new(text)
        .case_insensitive(true)
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .nest_limit(MAX_REGEX_NESTING)
        .build();
    read.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "this regular expression is too large".to_owned(),
        // The engine draws where the fault is and says what it is in the last line.
        other => {
            let drawn = other.to_string();
            let said = drawn.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
            format!("this is not a regular expression: {said}")
        }
    })
}

/// Whether `phrase` stands in `text` as a whole, both folded.
fn has_phrase(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(start, found)| {
        let (before, after) = (&text[..start], &text[start + found.len()..]);
        let begins = !is_one_word(before.chars().next_back(), phrase.chars().next());
        let ends = !is_one_word(phrase.chars().next_back(), after.chars().next());
        begins && ends
    })
}

/// Whether two neighbours belong to the same word.
fn is_one_word(one: Option<char>, other: Option<char>) -> bool {
    one.is_some_and(is_of_word) && other.is_some_and(is_of_word)
}

/// Whether a letter is part of a word that has a beginning and an end: Chinese, Japanese, Thai, Lao, Khmer and Burmese are written
/// without blanks, so that every letter may begin a word.
fn is_of_word(letter: char) -> bool {
    let without_blanks = matches!(letter,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    !without_blanks && (letter.is_alphanumeric() || letter == '_' || is_combining_mark(letter))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn keyword(how: &str, any: &[&str]) -> Keyword {
        Keyword::deserialize(json!({"any": any, "match": how})).expect("a keyword")
    }

    fn fits(how: &str, pattern: &str, text: &str) -> bool {
        keyword(how, &[pattern]).matches(text).is_some()
    }

    #[test]
    fn an_exact_keyword_is_the_whole_text_without_regard_to_case_and_marks() {
        assert!(fits("exact", "Café", "  CAFE "));
        assert!(!fits("exact", "cafe", "cafe!"));
        assert!(!fits("exact", "cafe", "a cafe"));
    }

    #[test]
    fn a_word_stands_anywhere_as_a_whole() {
        for text in ["hi", "Hi!", "oh, HI there", "(hi)", "hí", "well-hi", "high hi"] {
            assert!(fits("word", "hi", text), "{text}");
        }
        for text in ["high", "chi", "h i", "hi_there", "hi5", ""] {
            assert!(!fits("word", "hi", text), "{text}");
        }
        assert!(fits("word", "opening hours", "Your  opening\nhours?"));
        assert!(!fits("word", "opening hours", "reopening hours"));
        assert!(fits("word", "/start", "/start now"));
        assert!(fits("word", "C++", "I like c++!"));
        assert!(fits("word", "👍", "ok👍🏽"));
    }

    #[test]
    fn a_word_needs_no_blanks_in_scripts_that_have_none() {
        assert!(fits("word", "退款", "我想退款吗"));
        assert!(fits("word", "สวัสดี", "สวัสดีครับ"));
        // Hindi has blanks; the sign at the end belongs to the word.
        assert!(!fits("word", "नमस", "नमस्ते"));
        assert!(fits("word", "नमस्ते", "नमस्ते!"));
    }

    #[test]
    fn a_part_stands_anywhere() {
        assert!(fits("contains", "pri", "the PRICE"));
        assert!(!fits("contains", "pri", "the p r i c e"));
    }

    #[test]
    fn a_keyword_that_shows_nothing_fits_nothing() {
        for how in ["exact", "word", "contains"] {
            assert!(!fits(how, "\u{200b}", ""), "{how}");
            assert!(!fits(how, "\u{200b}", "hi"), "{how}");
        }
    }

    #[test]
    fn a_regular_expression_fits_the_text_as_it_is_written_but_for_case() {
        assert!(fits("regex", r"^order #?\d+$", "ORDER #17"));
        assert!(!fits("regex", r"^order #?\d+$", "my order 17"));
        assert!(!fits("regex", "cafe", "café"));
        assert!(!fits("regex", "(", "("));
    }

    #[test]
    fn a_regular_expression_has_limits() {
        assert_eq!(pattern(r"\w{100}").expect_err("too large"), "this regular expression is too large");
        assert!(pattern(r"^[\w.+-]{1,20}@[\w-]+\.\w{2,10}$").is_ok());
        assert!(pattern(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).is_err());
        assert_eq!(pattern("a(b").expect_err("no pattern"), "this is not a regular expression: unclosed group");
        // Not exponential.
        assert!(!fits("regex", "(a+)+$", &format!("{}b", "a".repeat(10_000))));
    }

    #[test]
    fn the_closer_keyword_wins_and_then_the_longer_one() {
        let text = "opening hours";
        let closely = |how: &str, any: &[&str]| keyword(how, any).matches(text).expect("it fits");
        let order = [
            closely("regex", &["op"]),
            closely("regex", &[".*opening hours.*"]),
            closely("contains", &["op"]),
            closely("contains", &["opening hour"]),
            closely("word", &["hours"]),
            closely("word", &["opening"]),
            closely("word", &["hours", "Opening  Hours", "nothing that is much longer"]),
            closely("exact", &["opening hours"]),
        ];
        assert!(order.is_sorted_by(|less, more| less < more), "{order:?}");
    }
}
