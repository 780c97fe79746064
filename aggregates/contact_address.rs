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
    if rest.split_whitespace().collect::<String>().contains("(0)") {
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_email_address_is_read_into_one_spelling() {
        for (text, email) in [
            (" Ana.Lopez+x@Example.COM ", "Ana.Lopez+x@example.com"),
            ("o'neil_{a}@mail.example", "o'neil_{a}@mail.example"),
            ("ana@BÜCHER.example", "ana@bücher.example"),
            ("ana@Bu\u{308}cher.example", "ana@bücher.example"),
            ("Jose\u{301}@example.com", "José@example.com"),
            ("ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example"),
            ("राम@हिन्दी.example", "राम@हिन्दी.example"),
            ("ana@İ.example", "ana@i\u{307}.example"),
            ("用户@例子.例子", "用户@例子.例子"),
        ] {
            assert_eq!(parse_email(text).as_deref(), Some(email), "{text}");
            assert_eq!(parse_email(email).as_deref(), Some(email), "{email} again");
        }
    }

    #[test]
    fn what_is_not_an_email_address_is_refused() {
        for text in [
            "",
            "@",
            "ana",
            "ana@",
            "@example.com",
            "ana@example",
            "a na@example.com",
            "ana@exa mple.com",
            "ana@-x.com",
            "ana@x-.com",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a@b..c",
            "a@b.co.",
            "a@b@c.de",
            "Ana <ana@example.com>",
            "\"a b\"@example.com",
            "ana@[127.0.0.1]",
            "ana@exam_ple.com",
            "ana\u{200b}@example.com",
            "ana@exam\u{202e}ple.com",
            "❤\u{fe0f}@example.com",
            "ana@example.com\nbcc: eva@example.com",
        ] {
            assert_eq!(parse_email(text), None, "{text}");
        }
    }

    #[test]
    fn an_email_address_is_as_long_as_the_mail_standard_allows() {
        let (local, label) = ("l".repeat(64), "d".repeat(63));
        let longest = format!("{local}@{label}.{label}.{}.example", "d".repeat(53));
        assert_eq!(longest.len(), MAX_EMAIL_CHARS);
        assert_eq!(parse_email(&longest), Some(longest.clone()));
        assert_eq!(parse_email(&longest.replace(".example", ".examples")), None);
        assert_eq!(parse_email(&format!("l{local}@example.com")), None);
        assert_eq!(parse_email(&format!("a@d{label}.example")), None);
        assert_eq!(parse_email(&"@".repeat(1_000_000)), None);
    }

    #[test]
    fn a_phone_number_is_read_into_one_spelling() {
        for (text, phone) in [
            ("+49 (170) 123-45.67", "+491701234567"),
            ("\u{a0}+1/202/555-0100 ", "+12025550100"),
            ("+1234567", "+1234567"),
            ("+123456789012345", "+123456789012345"),
            ("+39 06 1234567", "+39061234567"),
        ] {
            assert_eq!(parse_phone(text).as_deref(), Some(phone), "{text}");
            assert_eq!(parse_phone(phone).as_deref(), Some(phone), "{phone} again");
        }
    }

    #[test]
    fn what_is_not_a_phone_number_is_refused() {
        for text in [
            "",
            "+",
            "++491701234567",
            "491701234567",
            "0170123456",
            "0049170123456",
            "+0170123456",
            "+(0)170123456",
            "+49 (0) 170 1234567",
            "+49(0)1701234567",
            "+4917( 0 )01234567",
            "+123456",
            "+1234567890123456",
            "+49170x1234567",
            "+49170,1234567",
            "+４９１７０１２３４５６７",
            "+٤٩١٧٠١٢٣٤٥٦٧",
            "+49170\u{200b}1234567",
            "tel:+491701234567",
            "+491701234567;ext=1",
        ] {
            assert_eq!(parse_phone(text), None, "{text}");
        }
        assert_eq!(parse_phone(&format!("+{}", "1".repeat(1_000_000))), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_read_reads_as_itself(text in "[aéİß.+\u{301}\u{308}]{1,4}@[aéİẞ\u{301}\u{345}-]{1,4}\\.[aİ]{1,3}") {
            if let Some(email) = parse_email(&text) {
                prop_assert_eq!(parse_email(&email), Some(email));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = (parse_email(&text), parse_phone(&text));
        }
    }
}
