//! Personal data is sealed before it is stored: XChaCha20-Poly1305 under a random key per contact, which is wrapped by a master
//! key that is not in the database. Forgetting a person means deleting one key.
//!
//! In an event's JSON a personal value stands as `{"$personal": value}`; stored it is `{"$sealed": "<base64 of nonce and
//! ciphertext>"}`, bound to its workspace, stream, event and place in the document, so that it cannot be moved elsewhere.

use std::path::Path;

use aggregates::claim::Claim;
use aggregates::ids::WorkspaceId;
use aggregates::personal::{ERASED_MEMBER, PERSONAL_MEMBER};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::append::LogError;
use super::merkle::Hash;

const SEALED_MEMBER: &str = "$sealed";
const NONCE_BYTES: usize = 24;

/// A contact's key.
pub type SubjectKey = Zeroizing<[u8; 32]>;

/// The key above all others, and those derived from it for one purpose each.
pub struct MasterKey {
    wrapping: XChaCha20Poly1305,
    hashing: Zeroizing<[u8; 32]>,
    visitors: Zeroizing<[u8; 32]>,
}

/// Why a master key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or made.
    #[error("the master key file cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// The file is not 64 hex digits.
    #[error("the master key file does not hold 64 hex digits")]
    Malformed,
}

impl MasterKey {
    /// Derives the working keys from 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let derive = |purpose: &str| {
            let mut key = Zeroizing::new([0_u8; 32]);
            // 32 bytes are always a length that HKDF-SHA-256 can give.
            let expanded = Hkdf::<Sha256>::new(None, bytes).expand(purpose.as_bytes(), key.as_mut());
            debug_assert!(expanded.is_ok());
            key
        };
        Self {
            wrapping: XChaCha20Poly1305::new(&Key::from(*derive("chatbotx subject keys"))),
            hashing: derive("chatbotx claims and idempotency keys"),
            visitors: derive("chatbotx webchat visitors"),
        }
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// When the file is not there, cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Self, MasterKeyError> {
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        let mut bytes = Zeroizing::new([0_u8; 32]);
        let digits = text.trim();
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(MasterKeyError::Malformed);
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[place * 2..place * 2 + 2], 16).map_err(|_| MasterKeyError::Malformed)?;
        }
        Ok(Self::from_bytes(&bytes))
    }

    /// Reads the key file, or makes it (mode 0600) when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn open(path: &Path) -> Result<Self, MasterKeyError> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        match Self::read(path) {
            Err(MasterKeyError::File(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
                let text = Zeroizing::new(
                    bytes.iter().fold(String::with_capacity(65), |text, byte| text + &format!("{byte:02x}")) + "\n",
                );
                let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(text.as_bytes())?;
                // The key must outlive a power cut before anything is sealed under it: file and folder entry.
                file.sync_all()?;
                if let Some(folder) = path.parent() {
                    std::fs::File::open(folder)?.sync_all()?;
                }
                Ok(Self::from_bytes(&bytes))
            }
            read => read,
        }
    }

    /// A value that tells this key from others without telling anything of it.
    #[must_use]
    pub fn check_value(&self) -> Hash {
        keyed_hash(&self.hashing, &["check value"])
    }

    /// A claim's value, hashed for one workspace-independent look-up.
    #[must_use]
    pub fn hash_claim(&self, claim: &Claim) -> Hash {
        keyed_hash(&self.hashing, &[claim.kind.name(), &claim.value])
    }

    /// An idempotency key, hashed: callers put anything into it.
    #[must_use]
    pub fn hash_idempotency_key(&self, key: &str) -> Hash {
        keyed_hash(&self.hashing, &["idempotency_key", key])
    }

    /// The secret of a web chat visitor: follows from who it is, so nothing of it is stored.
    #[must_use]
    pub fn visitor_secret(&self, account: &str, visitor: &str, name: &str) -> Hash {
        keyed_hash(&self.visitors, &[account, visitor, name])
    }

    /// A new key for a contact, and its wrapped form for storage.
    ///
    /// # Errors
    /// Never for a key of 32 bytes; the cipher's own error otherwise.
    pub fn new_subject_key(&self, workspace: WorkspaceId, subject: Uuid) -> Result<(SubjectKey, Vec<u8>), LogError> {
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        let wrapped = encrypt(&self.wrapping, key.as_ref(), &wrapping_context(workspace, subject))?;
        Ok((key, wrapped))
    }

    /// Unwraps a contact's key.
    ///
    /// # Errors
    /// When it was wrapped under another master key, or for somebody else.
    pub fn unwrap_subject_key(
        &self,
        workspace: WorkspaceId,
        subject: Uuid,
        wrapped: &[u8],
    ) -> Result<SubjectKey, LogError> {
        decrypt(&self.wrapping, wrapped, &wrapping_context(workspace, subject))
            .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
            .map(Zeroizing::new)
            .ok_or_else(|| LogError::Damaged("a contact's key does not open with this master key".to_owned()))
    }
}

fn wrapping_context(workspace: WorkspaceId, subject: Uuid) -> Vec<u8> {
    [workspace.0.as_bytes().as_slice(), subject.as_bytes()].concat()
}

/// HMAC-SHA-256 over length-prefixed parts.
fn keyed_hash(key: &[u8; 32], parts: &[&str]) -> Hash {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        // HMAC takes keys of any length.
        unreachable!("HMAC refuses no key")
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

fn encrypt(cipher: &XChaCha20Poly1305, clear: &[u8], context: &[u8]) -> Result<Vec<u8>, LogError> {
    let nonce = rand::random::<[u8; NONCE_BYTES]>();
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: clear, aad: context })
        .map_err(|_| LogError::Damaged("a value could not be sealed".to_owned()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(cipher: &XChaCha20Poly1305, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: context }).ok()
}

/// To what a sealed document belongs: part of what is authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The stream.
    pub stream: Uuid,
    /// The event's id; for a snapshot the stream's again.
    pub document: Uuid,
    /// The event's name, or `snapshot`.
    pub name: &'a str,
}

impl Context<'_> {
    fn at(&self, place: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.name.len() + place.len());
        bytes.extend_from_slice(self.workspace.0.as_bytes());
        bytes.extend_from_slice(self.stream.as_bytes());
        bytes.extend_from_slice(self.document.as_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        // A name holds no zero byte, so the parts cannot run into each other.
        bytes.push(0);
        bytes.extend_from_slice(place.as_bytes());
        bytes
    }
}

/// Whether there is anything personal in a document.
#[must_use]
pub fn is_personal(document: &Value) -> bool {
    match document {
        Value::Object(members) => members.contains_key(PERSONAL_MEMBER) || members.values().any(is_personal),
        Value::Array(items) => items.iter().any(is_personal),
        _ => false,
    }
}

/// Replaces every personal value by its sealed form.
///
/// # Errors
/// When the cipher fails, which it does not for documents of our size.
pub fn seal(document: &mut Value, key: &SubjectKey, context: Context<'_>) -> Result<(), LogError> {
    let cipher = XChaCha20Poly1305::new(&Key::from(**key));
    walk(document, &mut String::new(), &mut |members, place| {
        if members.len() != 1 {
            return Ok(());
        }
        let Some(value) = members.remove(PERSONAL_MEMBER) else { return Ok(()) };
        let sealed = encrypt(&cipher, value.to_string().as_bytes(), &context.at(place))?;
        members.insert(SEALED_MEMBER.to_owned(), Value::String(STANDARD_NO_PAD.encode(sealed)));
        Ok(())
    })
}

/// Puts personal values back. Without the key they become erased.
///
/// # Errors
/// [`LogError::Damaged`] when a sealed value does not open with the key, or is not what it should be: it was changed or moved.
pub fn unseal(document: &mut Value, key: Option<&SubjectKey>, context: Context<'_>) -> Result<(), LogError> {
    let cipher = key.map(|key| XChaCha20Poly1305::new(&Key::from(**key)));
    walk(document, &mut String::new(), &mut |members, place| {
        if members.len() != 1 {
            return Ok(());
        }
        let Some(sealed) = members.remove(SEALED_MEMBER) else { return Ok(()) };
        let Some(cipher) = &cipher else {
            members.insert(ERASED_MEMBER.to_owned(), Value::Bool(true));
            return Ok(());
        };
        let opened = sealed
            .as_str()
            .and_then(|text| STANDARD_NO_PAD.decode(text).ok())
            .and_then(|bytes| decrypt(cipher, &bytes, &context.at(place)))
            .and_then(|clear| serde_json::from_slice(&clear).ok())
            .ok_or_else(|| LogError::Damaged(format!("the sealed value at {place} does not open")))?;
        members.insert(PERSONAL_MEMBER.to_owned(), opened);
        Ok(())
    })
}

/// Calls `visit` for every object with its place (`/` and the member's name or the item's number for each step). What stands inside a
/// personal value is text of people and is not looked into.
fn walk(
    document: &mut Value,
    place: &mut String,
    visit: &mut impl FnMut(&mut Map<String, Value>, &str) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let length = place.len();
    match document {
        Value::Object(members) => {
            visit(members, place)?;
            for (name, member) in members.iter_mut().filter(|(name, _)| *name != PERSONAL_MEMBER) {
                place.push('/');
                place.push_str(name);
                walk(member, place, visit)?;
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter_mut().enumerate() {
                place.push('/');
                place.push_str(&number.to_string());
                walk(item, place, visit)?;
                place.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context(stream: u128) -> Context<'static> {
        Context {
            workspace: WorkspaceId(Uuid::from_u128(1)),
            stream: Uuid::from_u128(stream),
            document: Uuid::from_u128(3),
            name: "ContactCreated",
        }
    }

    #[test]
    fn what_is_sealed_is_unreadable_and_comes_back() {
        let master = MasterKey::from_bytes(&[7; 32]);
        let (key, _) = master.new_subject_key(context(2).workspace, Uuid::from_u128(2)).expect("a key");
        let clear =
            json!({"type": "x", "name": {"$personal": "Ana"}, "list": [{"title": {"$personal": {"$sealed": "no"}}}]});
        let mut document = clear.clone();
        seal(&mut document, &key, context(2)).expect("sealed");
        assert!(!document.to_string().contains("Ana") && !is_personal(&document), "{document}");

        let mut opened = document.clone();
        unseal(&mut opened, Some(&key), context(2)).expect("opened");
        assert_eq!(opened, clear);

        let mut forgotten = document.clone();
        unseal(&mut forgotten, None, context(2)).expect("no error");
        assert_eq!(forgotten["name"], json!({"$erased": true}));

        assert!(unseal(&mut document.clone(), Some(&key), context(9)).is_err(), "moved to another stream");
        document["other"] = document["name"].take();
        assert!(unseal(&mut document, Some(&key), context(2)).is_err(), "moved to another member");
    }

    #[test]
    fn a_subject_key_opens_for_its_contact_only() {
        let master = MasterKey::from_bytes(&[7; 32]);
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let (key, wrapped) = master.new_subject_key(workspace, Uuid::from_u128(2)).expect("a key");
        assert_eq!(master.unwrap_subject_key(workspace, Uuid::from_u128(2), &wrapped).expect("opened"), key);
        assert!(master.unwrap_subject_key(workspace, Uuid::from_u128(3), &wrapped).is_err());
        let other = MasterKey::from_bytes(&[8; 32]);
        assert!(other.unwrap_subject_key(workspace, Uuid::from_u128(2), &wrapped).is_err());
    }

    #[test]
    fn the_key_file_is_made_once_and_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        let claim = aggregates::tag::name_claim("VIP");
        let made = MasterKey::open(&path).expect("made").hash_claim(&claim);
        assert_eq!(MasterKey::open(&path).expect("read").hash_claim(&claim), made);
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").expect("written");
        assert!(matches!(MasterKey::open(&path), Err(MasterKeyError::Malformed)));
    }
}
