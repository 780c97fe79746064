//! Who is behind an MCP message and what it wants to see: established by the transport, read by the handler.

use aggregates::ids::WorkspaceId;
use aggregates::metadata::Actor;
use aggregates::token::Permission;
use axum::http::{HeaderMap, Uri};

use crate::app::Caller;
use crate::operations::Selection;
use crate::problem::Problem;

/// A checked caller and the part of the tools that it asked for.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who calls.
    pub caller: Caller,
    /// What `tools/list` shows.
    pub selection: Selection,
}

impl Access {
    /// The caller with the default list.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self { caller, selection: Selection::default() }
    }

    /// What the request asks for in its URL (`toolsets`, `readonly`) and headers (`x-toolsets`, `x-readonly`). Read-only is taken
    /// from the caller's rights, so that it binds calls as well as lists.
    ///
    /// # Errors
    /// `invalid_input` when an unknown toolset is asked for.
    pub fn requested(mut caller: Caller, uri: &Uri, headers: &HeaderMap) -> Result<Self, Problem> {
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
        let toolsets = query("toolsets").or_else(|| header("x-toolsets")).unwrap_or_default();
        Ok(Self { caller, selection: Selection::parse(&toolsets)? })
    }

    /// Whose session this may be.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { workspace: self.caller.workspace, actor: self.caller.actor.clone() }
    }
}

/// What a session belongs to. The token's id, not its text: while a rotated token has two secrets, either is its owner. The session ends with
/// the secret that opened it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    workspace: WorkspaceId,
    actor: Actor,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::operations::Toolset;

    fn requested(uri: &'static str, headers: &[(&'static str, &str)]) -> Result<Access, Problem> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let caller = Caller::local(WorkspaceId(uuid::Uuid::from_u128(1)));
        Access::requested(caller, &Uri::from_static(uri), &map)
    }

    #[test]
    fn toolsets_come_from_the_url_or_a_header() {
        let toolsets = |uri, headers: &[_]| requested(uri, headers).unwrap().selection.toolsets;
        assert_eq!(toolsets("/mcp", &[]), Some(BTreeSet::from([Toolset::Core])));
        let both = Some(BTreeSet::from([Toolset::Contacts, Toolset::Inbox]));
        assert_eq!(toolsets("/mcp?toolsets=contacts,%20inbox", &[]), both);
        assert_eq!(toolsets("/mcp", &[("x-toolsets", "core,all")]), None);
        assert!(requested("/mcp?toolsets=everything", &[]).unwrap_err().hint.unwrap().contains("inbox"));
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
