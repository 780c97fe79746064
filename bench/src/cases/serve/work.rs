//! What is called, and how the contacts that it is about came to be.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::try_join_all;
use serde_json::json;

use crate::Outcome;
use crate::http::Connection;
use crate::load::Work;
use crate::mcp::Tool;

/// Tags that contacts are given, one by one.
const TAGS: usize = 200;
/// Callers that make the contacts.
const FILLING: usize = 64;

/// A text that is said back.
pub(super) struct Echo;

impl Work for Echo {
    fn next(&self, number: usize, arguments: &mut String, sign: &mut String) {
        // Writing into a string cannot fail.
        let _ = write!(sign, "hello {number}");
        let _ = write!(arguments, r#"{{"text":"{sign}"}}"#);
    }
}

/// A contact that is found by its e-mail address.
pub(super) struct FindByEmail {
    /// How many there are.
    pub(super) contacts: usize,
}

impl Work for FindByEmail {
    fn next(&self, number: usize, arguments: &mut String, sign: &mut String) {
        // The same for every run.
        let contact = fastrand::Rng::with_seed(number as u64).usize(..self.contacts);
        let _ = write!(sign, "person{contact}@example.com");
        let _ = write!(arguments, r#"{{"email":"{sign}"}}"#);
    }
}

/// A contact that is given a tag which it does not have.
pub(in crate::cases) struct AddTags {
    contacts: Vec<String>,
    tags: Vec<String>,
}

impl Work for AddTags {
    fn next(&self, number: usize, arguments: &mut String, sign: &mut String) {
        // Neighbouring calls are about different contacts, as those of different people are.
        let contact = self.contacts.get(number % self.contacts.len()).map_or("", String::as_str);
        let tag = self.tags.get(number / self.contacts.len() % self.tags.len()).map_or("", String::as_str);
        let _ = write!(arguments, r#"{{"contactId":"{contact}","tagIds":["{tag}"]}}"#);
        sign.push_str(r#""changed":true"#);
    }
}

impl AddTags {
    /// Makes contacts and tags through the door.
    pub(in crate::cases) async fn fill(tool: impl Fn(&str) -> Tool, contacts: usize) -> Outcome<Self> {
        let (create, next) = (Arc::new(tool("create_contact")), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..FILLING).map(|_| {
            let (create, next) = (Arc::clone(&create), Arc::clone(&next));
            tokio::spawn(async move {
                let (mut connection, mut ids) = (Connection::open(create.address).await?, Vec::new());
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= contacts {
                        return Outcome::Ok(ids);
                    }
                    let contact = json!({
                        "firstName": format!("Name{}", number % 500), "lastName": format!("Family{number}"),
                        "email": format!("person{number}@example.com"), "phone": format!("+49170{number:07}"),
                    });
                    let answer = create.call(&mut connection, &contact).await?;
                    ids.push(answer["contact"]["id"].as_str().ok_or("a contact without an id")?.to_owned());
                }
            })
        });
        let ids: Outcome<Vec<Vec<String>>> = try_join_all(tasks).await?.into_iter().collect();
        let create = tool("create_tag");
        let (mut connection, mut tags) = (Connection::open(create.address).await?, Vec::with_capacity(TAGS));
        for number in 0..TAGS {
            let answer = create.call(&mut connection, &json!({"name": format!("tag {number}")})).await?;
            tags.push(answer["tag"]["id"].as_str().ok_or("a tag without an id")?.to_owned());
        }
        Ok(Self { contacts: ids?.concat(), tags })
    }
}
