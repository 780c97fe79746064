//! Which contacts may have been meant by a reference that fits nobody: callers get candidates with reasons, never a guess.

use aggregates::folding::fold;
use aggregates::ids::WorkspaceId;
use aggregates::near_miss::distance;

use crate::contact_search::text_candidates;
use crate::contacts::{Contact, widened};
use crate::database::{Connection, Error};
use crate::dialect::contact_key;
use crate::listing::EXAMINED_MAX;
use crate::near_miss::{NEAR_MAX, Near};
use crate::sql::Sql;
use crate::table::Table;

/// What a reference that fits nobody was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A channel's id of a person, a name, or anything.
    Text,
}

/// Up to 5 contacts who come close to a reference that fits nobody, the closest first, each with the reason.
///
/// # Errors
/// When the database fails.
pub async fn near(
    connection: &mut Connection,
    workspace: WorkspaceId,
    wanted: Wanted,
    text: &str,
) -> Result<Vec<Near>, Error> {
    let folded = fold(text);
    let mut found = Nearest { workspace, near: Vec::new() };
    match wanted {
        Wanted::Email => {
            let local = folded.split('@').next().unwrap_or_default();
            found.spelled_alike(connection, local, &folded).await?;
            found
                .holding(connection, &[&format!("{local}@")], "has an e-mail address with the same part before the @")
                .await?;
            found.holding(connection, &[local], "has the part before the @ in its name or addresses").await?;
        }
        Wanted::Phone => {
            let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
            let tail = &digits[digits.len().saturating_sub(7)..];
            found.holding(connection, &[tail], "has a phone number with the same last digits").await?;
            let short = &digits[digits.len().saturating_sub(5)..];
            found.holding(connection, &[short], "has a phone number with the same last 5 digits").await?;
        }
        Wanted::Text => {
            found.holding(connection, &[&folded], "has this in its name or addresses").await?;
            let words: Vec<&str> = folded.split(' ').filter(|word| word.chars().count() >= 3).take(5).collect();
            found.holding(connection, &words, "has all these words in its name or addresses").await?;
            found.spelled_alike(connection, &folded, &folded).await?;
            for word in words {
                found.holding(connection, &[word], "has one of these words in its name or addresses").await?;
            }
        }
    }
    Ok(found.near)
}

/// Collects candidates, each contact once.
struct Nearest {
    workspace: WorkspaceId,
    near: Vec<Near>,
}

impl Nearest {
    fn add(&mut self, contact: &Contact, reason: &'static str) {
        let id = contact.id.to_string();
        if self.near.len() < NEAR_MAX && self.near.iter().all(|near| near.id != id) {
            self.near.push(Near { id, name: contact.name.clone(), reason });
        }
    }

    /// The last active contacts whose search text has all of `needles`, of three or more characters each.
    async fn matching(&self, connection: &mut Connection, needles: &[&str], limit: u64) -> Result<Vec<Contact>, Error> {
        if needles.is_empty() || needles.iter().any(|needle| needle.chars().count() < 3) {
            return Ok(Vec::new());
        }
        let wide: Vec<String> = needles.iter().map(|needle| widened(needle)).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        let sql = Sql::new(format!("select {} from (", Contact::columns("v")));
        let sql = sql.append(text_candidates(self.workspace, &wide)).push(" limit ").bind(&EXAMINED_MAX);
        let sql =
            sql.push(") k cross join contacts v where v.").append(contact_key()).push(" = k.key and v.workspace = ");
        let sql = sql.bind(&self.workspace);
        sql.push(" order by v.last_activity_at desc, v.id desc limit ").bind(&limit).rows(connection).await
    }

    async fn holding(
        &mut self,
        connection: &mut Connection,
        needles: &[&str],
        reason: &'static str,
    ) -> Result<(), Error> {
        if self.near.len() < NEAR_MAX {
            for contact in self.matching(connection, needles, NEAR_MAX as u64).await? {
                self.add(&contact, reason);
            }
        }
        Ok(())
    }

    /// Contacts with a name or an e-mail address that is a slip or two away from `text`. A slip in the first half of `start`
    /// leaves its second half as it was, and the other way round, so one of the halves finds them.
    async fn spelled_alike(&mut self, connection: &mut Connection, start: &str, text: &str) -> Result<(), Error> {
        let letters: Vec<char> = start.chars().collect();
        let half = letters.len() / 2;
        let halves = [letters[..half].iter().collect::<String>(), letters[half..].iter().collect()];
        let mut alike: Vec<(usize, Contact)> = Vec::new();
        for piece in halves {
            for contact in self.matching(connection, &[piece.trim()], 200).await? {
                let name = contact.name.as_deref().map(fold);
                let spellings = [name.as_deref(), contact.email_folded.as_deref()];
                let far = spellings.into_iter().flatten().map(|spelling| distance(spelling, text)).min();
                if let Some(far) = far.filter(|far| *far <= 2) {
                    alike.push((far, contact));
                }
            }
        }
        alike.sort_by_key(|(far, contact)| (*far, contact.id));
        for (_, contact) in alike {
            self.add(&contact, "is spelled almost the same");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, person, visitor};

    #[tokio::test]
    async fn what_comes_close_is_told_with_the_reason() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        given.contact(workspace, person("Ana", "López", "ana.lopez@example.com", "+491701234567"), None);
        given.contact(workspace, person("Bo", "Đặng", "bo@example.com", ""), Some(visitor(account, "visitor-77")));
        let elsewhere = given.workspace("Beta");
        given.contact(elsewhere, person("Ana", "Lopez", "ana.lopez@example.org", ""), None);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let alike = "is spelled almost the same";
            for (wanted, text, name, reason) in [
                (Wanted::Email, "ana.lopes@example.com", "Ana López", alike),
                (
                    Wanted::Email,
                    "ana.lopez@gmail.com",
                    "Ana López",
                    "has an e-mail address with the same part before the @",
                ),
                (Wanted::Email, "visitor-77@x.co", "Bo Đặng", "has the part before the @ in its name or addresses"),
                (Wanted::Phone, "+4401701234567", "Ana López", "has a phone number with the same last digits"),
                (Wanted::Phone, "+49 999 99 34567", "Ana López", "has a phone number with the same last 5 digits"),
                (Wanted::Text, "lopez", "Ana López", "has this in its name or addresses"),
                (Wanted::Text, "lopez ana", "Ana López", "has all these words in its name or addresses"),
                (Wanted::Text, "ana lopec", "Ana López", alike),
                (Wanted::Text, "mister dang", "Bo Đặng", "has one of these words in its name or addresses"),
            ] {
                let found = near(reader.connection(), workspace, wanted, text).await.expect("candidates");
                let found: Vec<_> = found.iter().map(|near| (near.name.as_deref(), near.reason)).collect();
                assert_eq!(found, [(Some(name), reason)], "{text}");
            }
            for (wanted, text) in
                [(Wanted::Email, ""), (Wanted::Phone, "12"), (Wanted::Text, "é\" OR"), (Wanted::Text, "")]
            {
                assert!(
                    near(reader.connection(), workspace, wanted, text).await.expect("candidates").is_empty(),
                    "{text}"
                );
            }
        }
    }
}
