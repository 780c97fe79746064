//! Text folded for comparison: one function for claims, search columns and queries, so that both databases compare bytes and
//! agree.

use unicode_normalization::UnicodeNormalization;

/// Lower case, compatibility-decomposed, without accents, letters without a decomposition spelled out, white space
/// collapsed to single blanks and trimmed.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut blank = false;
    // What will be left out goes first: between two marks it would keep them from standing in their order.
    let is_kept = |letter: &char| letter.is_whitespace() || !(is_hidden(*letter) || is_accent(*letter));
    let shown = text.chars().filter(is_kept);
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
    use proptest::prelude::*;

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
            (" \u{200b}\u{feff} ", ""),
            // Vietnamese: stacked marks, composed or not, and the letter that has no decomposition.
            ("NGUYỄN Thị Ánh", "nguyen thi anh"),
            ("Nguye\u{302}\u{303}n", "nguyen"),
            ("ĐỨC", "duc"),
            ("\u{189}ức", "duc"),
            // German: umlauts lose their dots, they do not become two letters.
            ("MÜLLER", "muller"),
            ("Mueller", "mueller"),
            ("GROẞ", "gross"),
            // Turkish: all four letters i are one.
            ("Iİıi", "iiii"),
            ("IŞIK", "isik"),
            // Greek: sigma at the end of a word, and accents.
            ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"),
            ("Οδυσσεύς", "οδυσσευσ"),
            // Scandinavian and Polish letters; Cyrillic.
            ("Søren Ærø", "soren aero"),
            ("Ёлка", "елка"),
            // Marks that are vowels or voices stay.
            ("दीन", "दीन"),
            ("กิน", "กิน"),
            ("がき", "か\u{3099}き"),
            ("ｶﾞ", "カ\u{3099}"),
            // Hebrew and Arabic are written without their points.
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            // Emoji keep what shows and lose selectors and joiners.
            ("❤\u{fe0f}", "❤"),
            ("👩\u{200d}🚀 👍🏽", "👩🚀 👍🏽"),
            ("🇩🇪", "🇩🇪"),
            ("Ａ１ ①²", "a1 12"),
            ("line\r\n\u{2028}next\u{a0}word", "line next word"),
            ("a\u{202e}b\u{0}c", "abc"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing_for_any_character() {
        for letter in '\0'..=char::MAX {
            let folded = fold(&letter.to_string());
            assert_eq!(fold(&folded), folded, "U+{:04X}", u32::from(letter));
        }
    }

    #[test]
    fn upper_and_lower_case_of_a_letter_fold_to_the_same() {
        for text in ["ä", "đ", "ø", "œ", "þ", "ŋ", "σ", "ς", "я", "ß", "ǆ", "ﬁ", "ա", "i", "ı"] {
            assert_eq!(fold(&text.to_uppercase()), fold(text), "{text}");
        }
    }

    #[test]
    fn nothing_that_shows_becomes_hidden() {
        for letter in '\0'..=char::MAX {
            let hidden = letter.nfkd().any(|part| is_hidden(part) && !part.is_whitespace());
            assert!(!hidden || is_hidden(letter), "U+{:04X}", u32::from(letter));
        }
    }

    #[test]
    fn a_very_long_text_is_folded_whole() {
        assert_eq!(fold(&"Ế ".repeat(100_000)), "e ".repeat(100_000).trim_end());
        assert_eq!(fold(&format!("e{}", "\u{301}".repeat(100_000))), "e");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        // Marks of all orders, hidden characters, Hangul and blanks close together, where order matters.
        #[test]
        fn folding_twice_changes_nothing_where_marks_meet(
            text in "[aİςΣđ가\u{1161}\u{3164}\u{200b}\u{34f}\u{ad} \u{85}\u{301}\u{323}\u{345}\u{3099}\u{94d}\u{93c}\u{e38}\u{e48}\u{5b0}\u{fe0f}\u{20dd}\u{488}]{0,12}"
        ) {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn what_is_folded_has_no_blanks_around_it_and_none_doubled(text in any::<String>()) {
            let folded = fold(&text);
            prop_assert_eq!(folded.split_whitespace().collect::<Vec<_>>().join(" "), folded);
        }
    }
}
