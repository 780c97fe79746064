//! The commands that every side is given: another tag for each of 10,000 contacts in turn. The peers in Rust run this same file.

use std::sync::atomic::{AtomicUsize, Ordering};

use uuid::Uuid;

/// How many contacts, each a stream of its own.
pub const CONTACTS: usize = 10_000;

/// The commands of one side, over all its turns.
pub struct Commands {
    contacts: Vec<Uuid>,
    next: AtomicUsize,
}

/// One command.
pub struct AddTag {
    /// The contact.
    pub contact: Uuid,
    /// How many commands there were before.
    pub number: usize,
}

impl AddTag {
    /// A tag that the contact does not have, as long as our ids of tags are.
    pub fn tag(&self) -> String {
        format!("tag_{:026}", self.number / CONTACTS)
    }
}

impl Default for Commands {
    fn default() -> Self {
        Self { contacts: (0..CONTACTS).map(|_| Uuid::now_v7()).collect(), next: AtomicUsize::new(0) }
    }
}

impl Commands {
    /// The next one. Neighbouring calls meet different contacts, as those of different people do.
    pub fn take(&self) -> AddTag {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        AddTag { contact: self.contacts[number % CONTACTS], number }
    }
}
