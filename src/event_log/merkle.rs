//! The Merkle tree of a workspace's log, after RFC 6962, section 2: leaf index = position − 1.
//!
//! The tree grows by leaves only. Its frontier, the roots of the perfect subtrees that the size is made of, is all that is needed
//! to go on and to know the root; nodes that a leaf completes are stored, so that proofs need no walk over all leaves.

use aggregates::ids::WorkspaceId;
use sha2::{Digest, Sha256};

use super::append::NewEvent;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// An inner node that became complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// 1 = the parent of two leaves.
    pub level: u8,
    /// From 0 at each level, left to right.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The growing edge of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The perfect subtrees, largest first: one for each bit that is set in `size`.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree with `size` leaves; nothing when the bytes are not as many hashes as the size has bits.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (subtrees, rest) = bytes.as_chunks::<32>();
        (rest.is_empty() && subtrees.len() == size.count_ones() as usize)
            .then(|| Self { size, subtrees: subtrees.to_vec() })
    }

    /// The stored form: the hashes, largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.subtrees.concat()
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; gives the nodes that it completes, lowest first.
    pub fn push(&mut self, leaf: Hash) -> Vec<Node> {
        let mut completed = Vec::with_capacity(self.size.trailing_ones() as usize);
        let mut hash = leaf;
        let mut index = self.size;
        let mut level = 0;
        while index & 1 == 1 {
            let Some(left) = self.subtrees.pop() else { break };
            hash = node_hash(&left, &hash);
            index >>= 1;
            level += 1;
            completed.push(Node { level, index, hash });
        }
        self.subtrees.push(hash);
        self.size += 1;
        completed
    }

    /// The tree's root; for the empty tree the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(smallest) = subtrees.next() else { return Sha256::digest([]).into() };
        subtrees.fold(*smallest, |right, left| node_hash(left, &right))
    }
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// The hash of an event as a leaf: over everything that is stored of it, the payload as stored (sealed), so that forgetting a person
/// breaks no proof. Stored form: the order and the lengths are never edited.
#[must_use]
pub fn leaf_hash(workspace: WorkspaceId, position: u64, sequence: u64, recorded_at: i64, event: &NewEvent) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    let mut field = |bytes: &[u8]| {
        // A field of 4 GiB cannot be: payloads are limited far below.
        hasher.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    field(workspace.0.as_bytes());
    field(&position.to_be_bytes());
    field(event.stream_type.name().as_bytes());
    field(event.stream_id.as_bytes());
    field(&sequence.to_be_bytes());
    field(event.id.0.as_bytes());
    field(event.name.as_bytes());
    field(&event.version.to_be_bytes());
    field(&recorded_at.to_be_bytes());
    field(&Sha256::digest(&event.payload));
    field(&Sha256::digest(&event.metadata));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use aggregates::ids::EventId;
    use aggregates::stream::StreamType;
    use uuid::Uuid;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The recursive definition of RFC 6962, 2.1, over leaf hashes.
    fn root_by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&root_by_definition(&leaves[..split]), &root_by_definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition_at_every_size() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        assert_eq!(hex(&frontier.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for number in 0..200_u64 {
            let leaf: Hash = Sha256::digest([&[0], number.to_be_bytes().as_slice()].concat()).into();
            leaves.push(leaf);
            for node in frontier.push(leaf) {
                let width = 1_usize << node.level;
                let first = usize::try_from(node.index).expect("small") * width;
                assert_eq!(node.hash, root_by_definition(&leaves[first..first + width]));
            }
            assert_eq!(frontier.root(), root_by_definition(&leaves));
            assert_eq!(Frontier::from_bytes(frontier.size(), &frontier.to_bytes()), Some(frontier.clone()));
        }
        assert_eq!(Frontier::from_bytes(frontier.size() + 1, &frontier.to_bytes()[..32]), None);
    }

    #[test]
    fn the_leaf_of_the_golden_vector_keeps_its_hash() {
        let event = NewEvent {
            stream_type: StreamType::Tag,
            stream_id: Uuid::from_u128(2),
            id: EventId(Uuid::from_u128(3)),
            name: "TagCreated",
            version: 1,
            subject: None,
            payload: br#"{"type":"TagCreated","name":"VIP"}"#.to_vec(),
            metadata: b"{}".to_vec(),
        };
        // Computed apart from this program, from the order of fields that `leaf_hash` documents.
        let hash = leaf_hash(WorkspaceId(Uuid::from_u128(1)), 1, 1, 1_700_000_000_000_000, &event);
        assert_eq!(hex(&hash), "3dd75355701224a53954757912a259c144d26e89a042675a9d8d8b2b4a0f71c8");
    }
}
