//! What this process remembers of the heads and streams that it wrote last, so that a batch need not ask for them.
//!
//! Nothing here is believed: a batch that is decided by it is written only where each head still stands where it is remembered, under
//! the fence that was seen, in the same statement. What is remembered of a workspace was true at that head. Claims, keys and outcomes
//! are not remembered at all: they are taken for absent, and the statement fails where one is there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aggregates::ids::WorkspaceId;
use quick_cache::unsync::Cache;

use crate::event_log::append::{AppendUnit, Expected};
use crate::event_log::batch::{Facts, Head, StreamKey, Touched};

/// Workspaces whose heads are remembered.
const HEADS: usize = 10_000;
/// Streams whose sequences are remembered, at some 60 bytes each.
const STREAMS: usize = 50_000;

/// A head as it stood when this process last wrote there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RememberedHead {
    pub(super) head: Head,
    pub(super) fence: i64,
}

#[derive(Clone)]
struct Known {
    head: RememberedHead,
    /// Sequences that are remembered under another era were true at a head that others have moved since.
    era: u64,
    /// Whether the head was, the last time that it was read, where this process had left it. As long as others write to the workspace
    /// it is not guessed.
    alone: bool,
}

/// Heads and sequences of the log.
pub(super) struct Remembered {
    kept: Mutex<Kept>,
}

struct Kept {
    heads: Cache<WorkspaceId, Known>,
    /// With the era.
    sequences: Cache<StreamKey, (u64, u64)>,
    eras: u64,
}

/// The heads that a batch is held against.
pub(super) type Heads = HashMap<WorkspaceId, RememberedHead>;

impl Remembered {
    pub(super) fn new() -> Self {
        let kept = Kept { heads: Cache::new(HEADS), sequences: Cache::new(STREAMS), eras: 0 };
        Self { kept: Mutex::new(kept) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The facts for a batch, with the heads that they hold for; nothing when something has to be read.
    pub(super) fn facts(&self, units: &[&AppendUnit], touched: &Touched) -> Option<(Facts, Heads)> {
        // Leases are taken over without a trace in the head.
        if !touched.leases.is_empty() {
            return None;
        }
        let kept = self.kept();
        let (mut facts, mut heads, mut eras) = (Facts::default(), Heads::new(), HashMap::new());
        for workspace in &touched.workspaces {
            let known = kept.heads.get(workspace).filter(|known| known.alone)?;
            facts.heads.insert(*workspace, known.head.head.clone());
            heads.insert(*workspace, known.head.clone());
            eras.insert(*workspace, known.era);
        }
        let mut read = None;
        for stream in &touched.streams {
            let remembered = kept.sequences.get(stream).filter(|(era, _)| eras.get(&stream.0) == Some(era));
            let sequence = match remembered {
                Some((_, sequence)) => *sequence,
                None => (*read.get_or_insert_with(|| seen(units)).get(stream)?)?,
            };
            if sequence > 0 {
                facts.sequences.insert(*stream, sequence);
            }
        }
        Some((facts, heads))
    }

    /// Takes in where a head stands under its lock, before the batch that locked it is decided.
    pub(super) fn found(&self, workspace: WorkspaceId, found: &RememberedHead) {
        let mut kept = self.kept();
        let before = kept.heads.get(&workspace);
        let alone = before.is_none_or(|known| known.head == *found);
        let era = before.filter(|_| alone).map(|known| known.era);
        let era = era.unwrap_or_else(|| {
            kept.eras += 1;
            kept.eras
        });
        kept.heads.insert(workspace, Known { head: found.clone(), era, alone });
    }

    /// Takes in a batch that was committed: `before` it the heads stood there, `after` it they do, and these are the sequences of
    /// streams that hold then.
    pub(super) fn committed(
        &self,
        before: &Heads,
        after: &HashMap<WorkspaceId, Head>,
        sequences: impl IntoIterator<Item = (StreamKey, u64)>,
    ) {
        let mut kept = self.kept();
        let mut eras = HashMap::new();
        for (workspace, before) in before {
            // Where another batch of this process was faster, what it found out stands.
            let Some(known) = kept.heads.get(workspace).filter(|known| known.head == *before).cloned() else {
                continue;
            };
            eras.insert(*workspace, known.era);
            if let Some(head) = after.get(workspace) {
                let head = RememberedHead { head: head.clone(), fence: before.fence };
                kept.heads.insert(*workspace, Known { head, ..known });
            }
        }
        for (stream, sequence) in sequences {
            if let Some(era) = eras.get(&stream.0) {
                kept.sequences.insert(stream, (*era, sequence));
            }
        }
    }

    /// Forgets workspaces of which it is not known how far they were written.
    pub(super) fn forget(&self, workspaces: &[WorkspaceId]) {
        let mut kept = self.kept();
        for workspace in workspaces {
            kept.heads.remove(workspace);
        }
    }
}

/// Of each stream the greatest sequence that a unit which writes to it has read; nothing where that does not say how long the stream is. A
/// stream never becomes shorter, and the index of sequences refuses what would stand where it has grown since. What is only looked at
/// is refused by nothing.
fn seen(units: &[&AppendUnit]) -> HashMap<StreamKey, Option<u64>> {
    let mut seen: HashMap<StreamKey, Option<u64>> = HashMap::new();
    for unit in units {
        for (_, stream, expected) in &unit.expected {
            let key = (unit.workspace, *stream);
            let read = match expected {
                Expected::Sequence(sequence) if unit.events.iter().any(|event| event.stream_id == *stream) => {
                    Some(*sequence)
                }
                _ => None,
            };
            let greatest = match (seen.get(&key), read) {
                (None, read) => read,
                (Some(Some(before)), Some(read)) => Some(read.max(*before)),
                (Some(_), _) => None,
            };
            seen.insert(key, greatest);
        }
        for (_, stream, _) in &unit.preconditions {
            seen.insert((unit.workspace, *stream), None);
        }
    }
    seen
}
