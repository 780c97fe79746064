//! The words of a long text and of what is looked for in it: which beginnings a short query finds, and where in the text as it was
//! written a word was found.
//!
//! A word of three or more characters is found anywhere, a shorter one where a word begins. A word begins behind a blank, at every
//! sign, behind a sign, and at every character of scripts that put no blanks between words: there one or two characters are mostly
//! a whole word.

use std::ops::Range;

use aggregates::folding::fold;

/// From how many characters on a word is found anywhere: an index of trigrams knows nothing shorter.
const ANYWHERE_CHARS: usize = 3;
/// The most places that are told of one text.
const MAX_PLACES: usize = 20;

/// The words of a query, folded, each once. A text is found when it has all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Those of `query`. A query that shows nothing has none.
    #[must_use]
    pub fn of(query: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        for word in fold(query).split(' ').filter(|word| !word.is_empty()) {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
        Self(words)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the search text of a message that is found holds: parts of at least three characters each.
    pub(crate) fn needles(&self) -> Vec<String> {
        let needle = |word: &String| {
            let spread = spread(word);
            if word.chars().count() >= ANYWHERE_CHARS { spread.trim_start().to_owned() } else { spread }
        };
        self.0.iter().map(needle).collect()
    }

    /// Where in `text` the words stand, as ranges of its characters, in order and without overlaps; the first 20.
    #[must_use]
    pub fn places_in(&self, text: &str) -> Vec<Range<usize>> {
        let letters = Letters::of(text);
        let mut places: Vec<Range<usize>> = self.0.iter().flat_map(|word| letters.places_of(word)).collect();
        places.sort_unstable_by_key(|place| (place.start, place.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for place in places {
            match apart.last_mut() {
                Some(last) if place.start < last.end => last.end = last.end.max(place.end),
                _ => apart.push(place),
            }
        }
        apart.truncate(MAX_PLACES);
        apart
    }
}

/// A folded text with two blanks before every word and no others: one or two characters that begin a word make a trigram with them.
pub(crate) fn spread(folded: &str) -> String {
    let mut text = String::with_capacity(folded.len() * 3 / 2);
    let mut before = None;
    for letter in folded.chars() {
        if letter != ' ' {
            if begins_word(before, letter) {
                text.push_str("  ");
            }
            text.push(letter);
        }
        before = Some(letter);
    }
    text
}

fn begins_word(before: Option<char>, letter: char) -> bool {
    !(continues(letter) && before.is_some_and(continues))
}

/// Whether a character makes words only together with its neighbours.
fn continues(letter: char) -> bool {
    letter.is_alphanumeric() && !is_without_blanks(letter)
}

/// Whether a character belongs to a script that puts no blanks between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese.
const fn is_without_blanks(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{312f}' | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A text's folded letters, each with the place of the character that it came from.
struct Letters {
    letters: Vec<(char, usize)>,
    chars: usize,
}

impl Letters {
    fn of(text: &str) -> Self {
        let (mut letters, mut chars) = (Vec::with_capacity(text.len()), 0);
        for (place, letter) in text.chars().enumerate() {
            chars = place + 1;
            if letter.is_whitespace() {
                letters.push((' ', place));
            } else if letter.is_ascii_graphic() {
                letters.push((letter.to_ascii_lowercase(), place));
            } else {
                letters.extend(fold(letter.encode_utf8(&mut [0; 4])).chars().map(|folded| (folded, place)));
            }
        }
        Self { letters, chars }
    }

    fn places_of(&self, word: &str) -> Vec<Range<usize>> {
        let wanted: Vec<char> = word.chars().collect();
        let anywhere = wanted.len() >= ANYWHERE_CHARS;
        let begins = |first: usize| {
            let before = first.checked_sub(1).map(|before| self.letters[before].0);
            begins_word(before, self.letters[first].0)
        };
        let windows = self.letters.windows(wanted.len().max(1)).enumerate();
        let found = windows.filter(|(first, window)| {
            window.iter().map(|(letter, _)| letter).eq(&wanted) && (anywhere || begins(*first))
        });
        found.map(|(first, window)| window[0].1..self.end(first + window.len())).take(MAX_PLACES).collect()
    }

    /// The place behind the letters before `next`, with the marks that follow them.
    fn end(&self, next: usize) -> usize {
        let last = self.letters[next - 1].1;
        self.letters.get(next).map_or(self.chars, |(_, place)| *place).max(last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(query: &str, text: &str) -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        Words::of(query).places_in(text).into_iter().map(|place| letters[place].iter().collect()).collect()
    }

    #[test]
    fn every_word_is_preceded_by_two_blanks() {
        for (text, wanted) in [
            ("hello world", "  hello  world"),
            ("50% off", "  50  %  off"),
            ("o'neil", "  o  '  neil"),
            ("退款ok", "  退  款  ok"),
            ("", ""),
        ] {
            assert_eq!(spread(text), wanted, "{text}");
        }
        assert_eq!(Words::of("Ab ABC a%b ab").needles(), ["  ab", "abc", "a  %  b"]);
    }

    #[test]
    fn what_was_found_is_marked_in_the_text_as_it_was_written() {
        for (query, text, wanted) in [
            ("strasse", "Die Hauptstraße 5", vec!["straße"]),
            ("hoan tien", "Hoàn tiền cho tôi, hoàn!", vec!["Hoàn", "tiền", "hoàn"]),
            ("cafe", "cafe\u{301} y CAFÉ", vec!["cafe\u{301}", "CAFÉ"]),
            ("ref", "Re\u{200b}fund", vec!["Re\u{200b}f"]),
            ("re", "are ready (re)", vec!["re", "re"]),
            ("退款", "我要退款", vec!["退款"]),
            ("ana nan", "banana", vec!["anana"]),
            ("fi", "ﬁn", vec!["ﬁ"]),
            ("한국", "나는 한국 사람", vec!["한국"]),
            ("x", "", vec![]),
            ("  ", "blank", vec![]),
        ] {
            assert_eq!(marked(query, text), wanted, "{query} in {text}");
        }
        assert_eq!(Words::of("aaa").places_in(&"aaa ".repeat(100)).len(), MAX_PLACES);
    }
}
