//! Who is behind an MCP message and what it wants to see: established by the transport, read by the handler.

use std::str::FromStr;

use aggregates::ids::WorkspaceId;
use aggregates::metadata::Actor;
use aggregates::token::Permission;
use axum::http::{HeaderMap, Uri};

use crate::app::Caller;
use crate::operations::{Facts, Toolset};

/// A checked caller and the part of the tools that it asked for.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who calls.
    pub caller: Caller,
    /// What `tools/list` shows.
    pub listing: Listing,
}

impl Access {
    /// The caller with the default list.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self { caller, listing: Listing::default() }
    }

    /// What the request asks for in its URL (`toolsets`, `readonly`) and headers (`x-toolsets`, `x-readonly`). Read-only is taken
    /// from the caller's rights, so that it binds calls as well as lists.
    ///
    /// # Errors
    /// A sentence that names the toolsets, when an unknown one is asked for.
    pub fn requested(mut caller: Caller, uri: &Uri, headers: &HeaderMap) -> Result<Self, String> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let query = |wanted: &str| {
            let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
            pairs.filter(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).last()
        };
        let is_on =
            |value: Option<String>| value.is_some_and(|text| !matches!(text.trim(), "" | "0" | "false" | "off"));
        if is_on(query("readonly")) || is_on(header("x-readonly")) {
            caller.permission = Permission::ReadOnly;
        }
        let listing = match query("toolsets").or_else(|| header("x-toolsets")) {
            Some(text) => text.parse()?,
            None => Listing::default(),
        };
        Ok(Self { caller, listing })
    }

    /// Whose session this may be.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { workspace: self.caller.workspace, actor: self.caller.actor.clone() }
    }
}

/// What a session belongs to. The token's id, not its text: a rotated token keeps its sessions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    workspace: WorkspaceId,
    actor: Actor,
}

/// The toolsets to be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Everything that the caller may use.
    All,
    /// These toolsets.
    Of(Vec<Toolset>),
}

impl Default for Listing {
    fn default() -> Self {
        Self::Of(vec![Toolset::Core])
    }
}

impl Listing {
    /// Whether an operation is part of it.
    #[must_use]
    pub fn shows(&self, facts: &Facts) -> bool {
        match self {
            Self::All => true,
            Self::Of(sets) => facts.toolsets.iter().any(|one| sets.contains(one)),
        }
    }
}

impl FromStr for Listing {
    type Err = String;

    /// Reads names separated by commas; nothing at all is the default.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut sets = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == "all" {
                return Ok(Self::All);
            }
            sets.push(Toolset::from_str(name).map_err(|_| {
                "toolsets are core, contacts, inbox, audit, admin and all; separate several with commas".to_owned()
            })?);
        }
        Ok(if sets.is_empty() { Self::default() } else { Self::Of(sets) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(uri: &'static str, headers: &[(&'static str, &str)]) -> Result<Access, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let caller = Caller::local(WorkspaceId(uuid::Uuid::from_u128(1)));
        Access::requested(caller, &Uri::from_static(uri), &map)
    }

    #[test]
    fn toolsets_come_from_the_url_or_a_header() {
        assert_eq!(requested("/mcp", &[]).unwrap().listing, Listing::Of(vec![Toolset::Core]));
        assert_eq!(
            requested("/mcp?toolsets=contacts,%20inbox", &[]).unwrap().listing,
            Listing::Of(vec![Toolset::Contacts, Toolset::Inbox])
        );
        assert_eq!(requested("/mcp", &[("x-toolsets", "core,all")]).unwrap().listing, Listing::All);
        assert!(requested("/mcp?toolsets=everything", &[]).unwrap_err().contains("inbox"));
    }

    #[test]
    fn read_only_takes_the_right_to_write_and_cannot_give_it() {
        let permission = |uri, headers: &[_]| requested(uri, headers).unwrap().caller.permission;
        assert_eq!(permission("/mcp", &[]), Permission::Full);
        assert_eq!(permission("/mcp?readonly=1", &[]), Permission::ReadOnly);
        assert_eq!(permission("/mcp?readonly=0", &[("x-readonly", "true")]), Permission::ReadOnly);
        assert_eq!(permission("/mcp?readonly=0", &[]), Permission::Full);
    }
}
