//! A stored event read: unsealed with its subject's key, and brought into its type.

use std::sync::Arc;

use aggregates::{Event, Recorded};
use serde_json::Value;

use super::Keys;
use super::append::{LogEntry, LogError, StoredEvent};
use super::sealing::{self, Context};

/// Reads an event.
///
/// # Errors
/// [`LogError::Damaged`] when a sealed value does not open, or it is not what its name promises; [`LogError::Decode`] when a newer
/// version of the program wrote it.
pub(super) fn decode_one(stored: StoredEvent, keys: &Keys) -> Result<LogEntry, LogError> {
    let StoredEvent { workspace, placed, stream_type, stream_id, id, name, version, subject, payload, metadata } =
        stored;
    let at = |what: &str| LogError::Damaged(format!("position {} has {what}", placed.position));
    let mut document: Value = serde_json::from_slice(&payload).map_err(|_| at("a payload that is not JSON"))?;
    let key = subject.and_then(|subject| keys.get(&subject));
    let context = Context { workspace, stream: stream_id, document: id.0, name: &name };
    sealing::unseal(&mut document, key.map(AsRef::as_ref), context)
        .map_err(|_| at("a sealed value that does not open"))?;
    let recorded = Recorded {
        workspace,
        position: placed.position,
        sequence: placed.sequence,
        id,
        stream_id,
        recorded_at: placed.recorded_at,
        metadata: Arc::new(serde_json::from_slice(&metadata).map_err(|_| at("metadata that cannot be read"))?),
        event: Event::from_json(stream_type, &name, version, document)?,
    };
    Ok(LogEntry { recorded: Arc::new(recorded), leaf_hash: placed.leaf_hash })
}
