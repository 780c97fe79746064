//! Text folded for comparison: one function for claims, search columns and queries, so that both databases compare bytes and
//! agree.

use unicode_normalization::UnicodeNormalization;

/// Lower case, compatibility-decomposed, without accents, letters without a decomposition spelled out, white space
/// collapsed to single blanks and trimmed.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut blank = false;
    // Hidden characters go first: between two marks they would keep them from standing in their order.
    let shown = text.chars().filter(|letter| letter.is_whitespace() || !is_hidden(*letter));
    for letter in shown.nfkd().filter(|letter| !is_accent(*letter)) {
        if letter.is_whitespace() {
            blank = !folded.is_empty();
            continue;
        }
        if blank {
            folded.push(' ');
            blank = false;
        }
        for lower in letter.to_lowercase() {
            match spelled_out(lower) {
                Some(letters) => folded.push_str(letters),
                None if is_accent(lower) => {}
                None => folded.push(lower),
            }
        }
    }
    folded
}

/// Whether a mark only modifies a letter that people also write without it. The marks of Indic scripts, Thai or kana are not
/// among them: they are the vowels, and other words without them.
const fn is_accent(letter: char) -> bool {
    matches!(letter,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}'
        // Hebrew points.
        | '\u{0591}'..='\u{05bd}' | '\u{05bf}' | '\u{05c1}' | '\u{05c2}' | '\u{05c4}' | '\u{05c5}' | '\u{05c7}'
        // Arabic vowel signs, which are mostly left out.
        | '\u{0610}'..='\u{061a}' | '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{06d6}'..='\u{06dc}'
        | '\u{06df}'..='\u{06e4}' | '\u{06e7}' | '\u{06e8}' | '\u{06ea}'..='\u{06ed}')
}

/// Letters that carry their mark inside and so have no decomposition.
const fn spelled_out(letter: char) -> Option<&'static str> {
    Some(match letter {
        'đ' | 'ð' | 'ɖ' => "d",
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
        // At the end of a word sigma has another shape.
        'ς' => "σ",
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
