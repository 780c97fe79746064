//! What may have been meant: names close to one that is not there.

use aggregates::folding::fold;

use crate::problem::Candidate;

/// The most candidates that a problem lists.
pub(super) const MAX_CANDIDATES: usize = 5;
/// Longer names are compared by their beginnings only: the distance costs the product of both lengths.
const MAX_COMPARED_CHARS: usize = 64;

/// The closest of `known` names (of members, operations, event types), nearest first, with the reason each came close.
pub(super) fn near_names<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<Candidate> {
    let wanted = plain(wanted);
    let mut close: Vec<(usize, Candidate)> = known
        .into_iter()
        .filter_map(|name| {
            let (rank, reason) = closeness(&wanted, &plain(name))?;
            Some((rank, Candidate { id: name.to_owned(), name: None, reason }))
        })
        .collect();
    close.sort_by(|(left, a), (right, b)| left.cmp(right).then_with(|| a.id.cmp(&b.id)));
    close.into_iter().take(MAX_CANDIDATES).map(|(_, candidate)| candidate).collect()
}

/// What the read tables found close to a name.
pub(super) fn candidates(near: Vec<projections::Near>) -> Vec<Candidate> {
    near.into_iter().map(|near| Candidate { id: near.id, name: near.name, reason: near.reason.to_owned() }).collect()
}

/// Folded, without what separates words: `contact_id` and `contactId` are then the same.
fn plain(name: &str) -> Vec<char> {
    fold(name).chars().filter(|letter| letter.is_alphanumeric()).take(MAX_COMPARED_CHARS).collect()
}

fn closeness(wanted: &[char], name: &[char]) -> Option<(usize, String)> {
    if wanted.is_empty() || name.is_empty() {
        return None;
    }
    if wanted == name {
        return Some((0, "the same but for its spelling".to_owned()));
    }
    let (short, long) = if wanted.len() < name.len() { (wanted, name) } else { (name, wanted) };
    let allowed = (wanted.len() / 3).max(1);
    let differs = |letters| {
        (
            letters,
            if letters == 1 { "differs in one letter".to_owned() } else { format!("differs in {letters} letters") },
        )
    };
    if long.len() - short.len() <= allowed {
        let letters = distance(wanted, name);
        if letters <= allowed {
            return Some(differs(letters));
        }
    }
    if short.len() >= 3 && long.windows(short.len()).any(|part| part == short) {
        let reason =
            if name.len() > wanted.len() { "contains what was asked for" } else { "is part of what was asked for" };
        return Some((allowed + long.len() - short.len(), reason.to_owned()));
    }
    None
}

/// Levenshtein's distance, with the swap of two neighbours as one step.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut least = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && left[row - 1] == *b && *a == right[column - 1] {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(wanted: &str, known: &[&str]) -> Vec<String> {
        near_names(wanted, known.iter().copied()).into_iter().map(|candidate| candidate.id).collect()
    }

    #[test]
    fn other_spellings_typing_errors_and_parts_are_close() {
        let known = ["contactId", "tagIds", "tags", "idempotencyKey", "dryRun"];
        assert_eq!(ids("contact_id", &known), ["contactId"]);
        assert_eq!(ids("contatcId", &known), ["contactId"]);
        assert_eq!(ids("dry", &known), ["dryRun"]);
        assert_eq!(ids("tag", &known)[0], "tags");
        assert!(ids("colour", &known).is_empty());
        assert!(ids("", &known).is_empty());
    }

    #[test]
    fn a_swap_of_neighbours_is_one_letter() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("ab"), &chars("ba")), 1);
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
    }
}
