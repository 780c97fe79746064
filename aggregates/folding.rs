//! Text folded for comparison: one function for claims, search columns and queries, so that both databases compare bytes and
//! agree.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, compatibility-decomposed, without marks, letters without a decomposition spelled out, white space
/// collapsed to single blanks and trimmed.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut blank = false;
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        if letter.is_whitespace() {
            blank = !folded.is_empty();
            continue;
        }
        if is_hidden(letter) {
            continue;
        }
        if blank {
            folded.push(' ');
            blank = false;
        }
        for lower in letter.to_lowercase() {
            match spelled_out(lower) {
                Some(letters) => folded.push_str(letters),
                None if is_combining_mark(lower) => {}
                None => folded.push(lower),
            }
        }
    }
    folded
}

/// Letters that carry their mark inside and so have no decomposition.
const fn spelled_out(letter: char) -> Option<&'static str> {
    Some(match letter {
        'đ' | 'ð' => "d",
        'ł' => "l",
        'ø' => "o",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ŧ' => "t",
        'ŋ' => "n",
        _ => return None,
    })
}

/// Whether a character shows nothing, or changes how its neighbours show: zero-width, bidirectional, tag and control characters.
/// Such characters hide text from people while a model reads it.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || (letter.is_control() && !matches!(letter, '\n' | '\t' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_case_and_blanks_do_not_matter() {
        for (text, folded) in [
            ("  Đặng  Thị\tHoa ", "dang thi hoa"),
            ("Łódź", "lodz"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("İstanbul", "istanbul"),
            ("ﬁancée", "fiancee"),
            ("A\u{200b}n\u{e0041}a", "ana"),
            ("Ελλάδα", "ελλαδα"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for text in ["Đặng Thị", "İI ıi", "ﬀ ŉ Ǆ", "ẞ"] {
            assert_eq!(fold(&fold(text)), fold(text));
        }
    }
}
