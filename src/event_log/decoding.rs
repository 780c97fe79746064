//! A stored event read: unsealed with its subject's key, and brought into its type.

use std::sync::Arc;

use aggregates::metadata::Metadata;
use aggregates::{Event, Recorded};
use serde_json::Value;

use super::Keys;
use super::append::{LogEntry, LogError, StoredEvent};
use super::sealing::{self, Context};

/// The metadata of the event before, as stored and as read: events of one call have the same and stand together.
pub(super) type Before = Option<(Vec<u8>, Arc<Metadata>)>;

/// Reads an event; `before` is what the last one left.
///
/// # Errors
/// [`LogError::Damaged`] when a sealed value does not open, or it is not what its name promises; [`LogError::Decode`] when a newer
/// version of the program wrote it.
pub(super) fn decode_one(stored: StoredEvent, keys: &Keys, before: &mut Before) -> Result<LogEntry, LogError> {
    let StoredEvent { workspace, placed, stream_type, stream_id, id, name, version, subject, payload, metadata } =
        stored;
    let at = |what: &str| LogError::Damaged(format!("position {} has {what}", placed.position));
    let event = if may_be_sealed(&payload) {
        let mut document: Value = serde_json::from_slice(&payload).map_err(|_| at("a payload that is not JSON"))?;
        let key = subject.and_then(|subject| keys.get(&subject));
        let context = Context { workspace, stream: stream_id, document: id.0, name: &name };
        sealing::unseal(&mut document, key.map(AsRef::as_ref), context)
            .map_err(|_| at("a sealed value that does not open"))?;
        Event::from_json(stream_type, &name, version, document)?
    } else {
        Event::from_slice(stream_type, &name, version, &payload)?
    };
    let metadata = match before {
        Some((bytes, read)) if *bytes == metadata => Arc::clone(read),
        _ => {
            let read: Metadata = serde_json::from_slice(&metadata).map_err(|_| at("metadata that cannot be read"))?;
            let read = Arc::new(read);
            *before = Some((metadata, Arc::clone(&read)));
            read
        }
    };
    let recorded = Recorded {
        workspace,
        position: placed.position,
        sequence: placed.sequence,
        id,
        stream_id,
        recorded_at: placed.recorded_at,
        metadata,
        event,
    };
    Ok(LogEntry { recorded: Arc::new(recorded), leaf_hash: placed.leaf_hash })
}

/// Whether something in a document may be sealed: every member of that name, and perhaps a text that looks like one.
fn may_be_sealed(payload: &[u8]) -> bool {
    let mut rest = payload;
    while let Some(place) = rest.iter().position(|byte| *byte == b'$') {
        rest = &rest[place + 1..];
        if rest.starts_with(b"sealed\"") {
            return true;
        }
    }
    // A name may be written with escapes; this program never does, but a document that has some is looked at in full.
    payload.contains(&b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_values_are_seen_however_they_are_written() {
        for (payload, sealed) in [
            (r#"{"type":"x","tags":["tag_1"]}"#, false),
            (r#"{"type":"x","price":"5 $ or $$"}"#, false),
            (r#"{"name":{"$sealed":"abc"}}"#, true),
            (r#"{"a":"$","name":{"$sealed":"abc"}}"#, true),
            (r#"{"name":{"\u0024sealed":"abc"}}"#, true),
            ("", false),
        ] {
            assert_eq!(may_be_sealed(payload.as_bytes()), sealed, "{payload}");
        }
    }
}
