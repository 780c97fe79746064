//! Names that the workspace gives to tags, custom fields and bot fields: what fits, and how the claim on one is taken, moved and
//! given back. One noun of a kind has a name, without regard to case and marks.

use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::folding::fold;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 255;

/// The name as it is kept: trimmed; nothing when it shows nothing or is too long.
#[must_use]
pub fn checked(name: &str) -> Option<&str> {
    let name = name.trim();
    (!fold(name).is_empty() && name.chars().count() <= MAX_NAME_CHARS).then_some(name)
}

/// The claim on a name.
#[must_use]
pub fn claim(kind: ClaimKind, name: &str) -> Claim {
    Claim::new(kind, fold(name))
}

/// The noun `id` takes a name.
pub(crate) fn taken(kind: ClaimKind, name: &str, id: Uuid) -> Vec<ClaimChange> {
    vec![ClaimChange::Take { claim: claim(kind, name), owner: id }]
}

/// A name is free again.
pub(crate) fn released(kind: ClaimKind, name: &str) -> Vec<ClaimChange> {
    vec![ClaimChange::Release { claim: claim(kind, name) }]
}

/// The noun `id` gives one name back and takes another. Where only case or marks differ the claim stays as it is.
pub(crate) fn moved(kind: ClaimKind, from: &str, to: &str, id: Uuid) -> Vec<ClaimChange> {
    if fold(from) == fold(to) {
        return Vec::new();
    }
    [released(kind, from), taken(kind, to, id)].concat()
}
