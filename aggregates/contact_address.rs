//! E-mail addresses and phone numbers, read into the one spelling in which they are stored and compared.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::folding::is_hidden;

/// The longest e-mail address, in characters (RFC 5321, 4.5.3.1.3, without the angle brackets).
pub const MAX_EMAIL_CHARS: usize = 254;

/// Reads an e-mail address: trimmed, composed (NFC, RFC 6532, 3.1), the domain in lower case. Checks the shape that every
/// deliverable address has, not RFC 5322 in full.
#[must_use]
pub fn parse_email(text: &str) -> Option<String> {
    let (local, domain) = text.trim().rsplit_once('@')?;
    let local: String = local.nfc().collect();
    let domain: String = domain.nfc().collect::<String>().to_lowercase().nfc().collect();
    let local_fits = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|letter| is_letter(letter) || "!#$%&'*+-/=?^_`{|}~.".contains(letter));
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| is_letter(letter) || letter == '-')
    };
    let domain_fits = domain.contains('.') && domain.split('.').all(label_fits);
    let chars = local.chars().count() + 1 + domain.chars().count();
    (local_fits && domain_fits && chars <= MAX_EMAIL_CHARS).then(|| format!("{local}@{domain}"))
}

/// Whether it stands for a letter or digit in some script: marks write vowels in many of them, but choose a look only from
/// U+FE00 to U+FE0F.
fn is_letter(letter: char) -> bool {
    let shows_itself = !is_hidden(letter) && !('\u{fe00}'..='\u{fe0f}').contains(&letter);
    shows_itself && (letter.is_alphanumeric() || is_combining_mark(letter))
}

/// Reads a phone number in E.164: `+`, then 7 to 15 digits that do not begin with 0. Blanks, dashes, dots, slashes and parentheses
/// between the digits are left out (ITU-T E.164, 6.2.1).
#[must_use]
pub fn parse_phone(text: &str) -> Option<String> {
    let rest = text.trim().strip_prefix('+')?;
    // `+49 (0) 170 …` holds the 0 of domestic calls: with it the number is another one, so it is refused rather than guessed.
    if rest.contains("(0)") {
        return None;
    }
    let mut number = String::from("+");
    for letter in rest.chars() {
        match letter {
            '0'..='9' => number.push(letter),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
            _ => return None,
        }
    }
    let digits = number.len() - 1;
    ((7..=15).contains(&digits) && !number.starts_with("+0")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_is_read_into_one_spelling() {
        assert_eq!(parse_email(" Ana.Lopez+x@Example.COM "), Some("Ana.Lopez+x@example.com".to_owned()));
        for text in [
            "",
            "ana",
            "ana@",
            "@example.com",
            "ana@example",
            "a na@example.com",
            "ana@-x.com",
            ".a@b.co",
            "a..b@c.de",
            "a@b..c",
        ] {
            assert_eq!(parse_email(text), None, "{text}");
        }
    }

    #[test]
    fn a_phone_number_is_read_into_one_spelling() {
        assert_eq!(parse_phone("+49 (170) 123-45.67"), Some("+491701234567".to_owned()));
        for text in ["", "+", "0170123456", "+0170123456", "+123456", "+1234567890123456", "+49170x1234567"] {
            assert_eq!(parse_phone(text), None, "{text}");
        }
    }
}
