//! What is said in the conversations of a filling: words as often as words of a language are, and now and then a number that occurs once.

use super::chance::Chance;

/// How many words there are beside [`COMMON`].
const RARE: usize = 4_000;

const COMMON: [&str; 60] = [
    "the",
    "to",
    "you",
    "is",
    "my",
    "order",
    "and",
    "for",
    "it",
    "have",
    "when",
    "please",
    "thanks",
    "hello",
    "can",
    "not",
    "delivery",
    "with",
    "this",
    "we",
    "your",
    "would",
    "like",
    "arrived",
    "today",
    "yet",
    "refund",
    "size",
    "address",
    "invoice",
    "still",
    "waiting",
    "tomorrow",
    "change",
    "cancel",
    "payment",
    "package",
    "blue",
    "card",
    "return",
    "shop",
    "problem",
    "appointment",
    "Straße",
    "mañana",
    "gracias",
    "pedido",
    "Grüße",
    "merci",
    "colis",
    "color",
    "discount",
    "question",
    "broken",
    "missing",
    "phone",
    "receipt",
    "subscription",
    "newsletter",
    "coupon",
];

const SYLLABLES: [&str; 20] = [
    "ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu", "lan", "mer", "tin",
    "sol", "dur",
];

/// A word, the small numbers being the frequent ones.
pub fn word(number: usize) -> String {
    if let Some(word) = COMMON.get(number) {
        return (*word).to_owned();
    }
    let mut left = number - COMMON.len();
    let mut word = String::new();
    for _ in 0..3 {
        word.push_str(SYLLABLES[left % SYLLABLES.len()]);
        left /= SYLLABLES.len();
    }
    word
}

/// How many words there are.
pub const fn words() -> usize {
    COMMON.len() + RARE
}

/// The text of the message with this number.
pub fn text(number: u64) -> String {
    let mut chance = Chance::of("text", number);
    let mut text = String::new();
    for _ in 0..3 + chance.skewed(30) {
        text.push_str(&word(chance.skewed(words())));
        text.push(' ');
    }
    if chance.percent(5) {
        text.push_str(&format!("number {}", order_number(number)));
    }
    text.truncate(text.trim_end().len());
    text
}

/// A number that occurs in one message at most.
pub fn order_number(number: u64) -> u64 {
    10_000_000 + number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_another_one() {
        let all: std::collections::BTreeSet<String> = (0..words()).map(word).collect();
        assert_eq!(all.len(), words());
    }
}
