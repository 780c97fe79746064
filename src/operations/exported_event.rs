//! Events as an auditor gets them: as callers see them, with all that their place in the Merkle tree can be computed from.

use aggregates::Recorded;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{event_view, untrusted};
use crate::event_log::append::StoredEvent;
use crate::problem::Problem;

/// An event of the log, as it is stored and as it reads.
///
/// `leafHash` is SHA-256 over a zero byte and, each behind its length as 4 bytes (big-endian): the workspace's 16 bytes, the position
/// as 8, the stream's kind, its 16 bytes, the sequence as 8, the event's 16 bytes, its type, its version as 2, `recordedAtUs` as 8,
/// `payloadHash`, `metadataHash`. So order, times and contents can be checked without a key, and the leaves against the root that
/// `log verify` prints.
///
/// # Errors
/// `internal` when the event has no JSON form.
pub fn exported(stored: &StoredEvent, recorded: &Recorded) -> Result<Value, Problem> {
    let view = event_view::view(recorded)?;
    let mut line = serde_json::to_value(view).map_err(|error| Problem::internal(&error))?;
    let hash = |bytes: &[u8]| hex(&Sha256::digest(bytes));
    let proof = json!({
        "id": stored.id.to_string(),
        "version": stored.version,
        "sequence": stored.placed.sequence,
        "recordedAtUs": stored.placed.recorded_at,
        "payloadHash": hash(&stored.payload),
        "metadataHash": hash(&stored.metadata),
        "leafHash": hex(&stored.placed.leaf_hash),
    });
    if let (Value::Object(line), Value::Object(proof)) = (&mut line, proof) {
        line.extend(proof);
    }
    untrusted::show_all(&mut line);
    Ok(line)
}

/// Bytes in lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |hex, byte| hex + &format!("{byte:02x}"))
}
