//! What may have been meant by a name that is not there: names that hold it, begin alike or are a typing error away.

/// How far `folded` is from `wanted`, both folded, and why it counts as close at all; smaller is closer.
#[must_use]
pub fn closeness(wanted: &str, folded: &str) -> Option<(usize, &'static str)> {
    if wanted.is_empty() || folded.is_empty() {
        return None;
    }
    let squeezed = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    let (tight, other) = (squeezed(wanted), squeezed(folded));
    if !tight.is_empty() && tight == other {
        return Some((0, "is the same but for blanks and punctuation"));
    }
    let far = distance(wanted, folded);
    // One slip in four letters.
    if far <= (wanted.chars().count() / 4).max(1) && wanted.chars().count() > 2 {
        return Some((far, "is spelled almost the same"));
    }
    if folded.starts_with(wanted) {
        return Some((10, "begins with what was given"));
    }
    if folded.contains(wanted) {
        return Some((20, "contains what was given"));
    }
    if wanted.contains(folded) && folded.chars().count() > 2 {
        return Some((30, "is contained in what was given"));
    }
    None
}

/// Levenshtein's distance in characters, with the swap of two neighbours as one step, over at most the first 64 of each.
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| text.chars().take(64).collect::<Vec<char>>();
    let (one, other) = (letters(one), letters(other));
    let mut before = vec![0; one.len() + 1];
    let mut above: Vec<usize> = (0..=one.len()).collect();
    for (row, letter) in other.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, mine) in one.iter().enumerate() {
            let replaced = above[column] + usize::from(mine != letter);
            let mut least = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && other[row - 1] == *mine && one[column - 1] == *letter {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[one.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_single_slips() {
        for (one, other, far) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("vip", "vip", 0), ("über", "uber", 1), ("emial", "email", 1)]
        {
            assert_eq!(distance(one, other), far, "{one} {other}");
            assert_eq!(distance(other, one), far, "{other} {one}");
        }
    }

    #[test]
    fn close_names_are_told_with_the_reason() {
        let reason = |wanted, folded| closeness(wanted, folded).map(|(_, reason)| reason);
        assert_eq!(reason("vip customer", "vip-customer"), Some("is the same but for blanks and punctuation"));
        assert_eq!(reason("newsleter", "newsletter"), Some("is spelled almost the same"));
        assert_eq!(reason("news", "newsletter"), Some("begins with what was given"));
        assert_eq!(reason("letter", "newsletter"), Some("contains what was given"));
        assert_eq!(reason("vip customers of 2026", "vip"), Some("is contained in what was given"));
        assert_eq!(reason("vip", "newsletter"), None);
        assert_eq!(reason("", "vip"), None);
    }
}
