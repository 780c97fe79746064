//! The text of an access token: `cbx_ws_`, 43 base62 characters (256 random bits), and 6 base62 characters of a CRC-32 over what
//! precedes, so that a mistyped token is refused without a look-up and leaked ones can be found by scanners.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const PREFIX: &str = "cbx_ws_";
const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes a new token. It is shown once and never stored.
#[must_use]
pub fn generate() -> Zeroizing<String> {
    let mut secret = rand::random::<[u8; 32]>();
    let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + SECRET_CHARS + CHECKSUM_CHARS));
    text.push_str(PREFIX);
    for _ in 0..SECRET_CHARS {
        // Long division of the 256-bit number by 62, the remainder is the next digit.
        let mut remainder = 0_usize;
        for byte in &mut secret {
            let value = (remainder << 8) | usize::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        text.push(char::from(ALPHABET[remainder]));
    }
    let checksum = checksum(&text);
    text.push_str(&checksum);
    text
}

/// SHA-256 of a token in lower-case hex; nothing when the text is not of a token's form or its checksum is wrong.
#[must_use]
pub fn digest(text: &str) -> Option<String> {
    let secret = text.strip_prefix(PREFIX)?;
    if secret.len() != SECRET_CHARS + CHECKSUM_CHARS || !secret.bytes().all(|byte| ALPHABET.contains(&byte)) {
        return None;
    }
    let (body, given) = text.split_at(text.len() - CHECKSUM_CHARS);
    (checksum(body) == given)
        .then(|| Sha256::digest(text).iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}")))
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut digits = [0_u8; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_form_and_a_digest() {
        let token = generate();
        assert_eq!(token.len(), PREFIX.len() + 49);
        assert_eq!(digest(&token).map(|hex| hex.len()), Some(64));
        assert_ne!(*generate(), *token);
    }

    #[test]
    fn a_mistyped_token_is_refused_without_a_look_up() {
        let token = generate();
        let mut mistyped = token.to_string();
        let last = mistyped.pop().expect("not empty");
        mistyped.push(if last == 'a' { 'b' } else { 'a' });
        assert_eq!(digest(&mistyped), None);
        for text in [
            "",
            "cbx_ws_",
            &token[..token.len() - 1],
            &token.replace("cbx", "xbc"),
            &format!("{}é", &token[..token.len() - 2]),
        ] {
            assert_eq!(digest(text), None, "{text}");
        }
    }
}
