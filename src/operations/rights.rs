//! Whether a caller may use an operation: the same answer for listing it and for calling it.

use super::operation::{Effect, Facts};
use crate::app::Caller;
use crate::problem::{Code, Problem};

/// Whether `caller` sees the operation in lists and may call it.
#[must_use]
pub fn allows(facts: &Facts, caller: &Caller) -> bool {
    if facts.effect == Effect::Any {
        // What is called through it is checked by itself.
        return true;
    }
    match facts.scope {
        Some(scope) => caller.may(scope, facts.effect.writes()),
        // Without a scope it is open to every token, and reads only: `registry.rs` tests that.
        None => !facts.effect.writes(),
    }
}

/// Refuses a caller without the right.
///
/// # Errors
/// `forbidden`, saying what the token would need.
pub fn check(facts: &Facts, caller: &Caller) -> Result<(), Problem> {
    if allows(facts, caller) {
        return Ok(());
    }
    let scope: &'static str = facts.scope.map_or("admin", Into::into);
    Err(Problem::new(Code::Forbidden, format!("this token may not call {}", facts.name)).hint(format!(
        "use a token with the scope {scope}{}",
        if facts.effect.writes() { " and the permission full" } else { "" }
    )))
}

#[cfg(test)]
mod tests {
    use aggregates::ids::WorkspaceId;
    use aggregates::token::{Permission, Scope};

    use super::*;

    fn facts(scope: Option<Scope>, effect: Effect) -> Facts {
        Facts {
            name: "try_it",
            title: "Try it",
            scope,
            toolsets: &[],
            effect,
            idempotent: true,
            shows_customers_words: false,
            method: "GET",
            path: "/v1/try",
        }
    }

    fn caller(permission: Permission, scopes: &[Scope]) -> Caller {
        let workspace = WorkspaceId(uuid::Uuid::nil());
        Caller { permission, scopes: scopes.to_vec(), ..Caller::local(workspace) }
    }

    #[test]
    fn a_read_only_token_reads_but_never_writes() {
        let reader = caller(Permission::ReadOnly, &[]);
        assert!(allows(&facts(Some(Scope::ContactsRead), Effect::Read), &reader));
        for effect in [Effect::Write, Effect::Destructive, Effect::ReachesCustomers] {
            assert!(!allows(&facts(Some(Scope::ContactsWrite), effect), &reader));
        }
    }

    #[test]
    fn a_scope_opens_its_own_part_and_an_operation_without_a_scope_is_open_to_all() {
        let sender = caller(Permission::Full, &[Scope::MessagesSend]);
        assert!(allows(&facts(Some(Scope::MessagesSend), Effect::ReachesCustomers), &sender));
        assert!(!allows(&facts(Some(Scope::ContactsRead), Effect::Read), &sender));
        assert!(allows(&facts(None, Effect::Read), &sender));
        let refused = check(&facts(Some(Scope::ContactsWrite), Effect::Write), &sender);
        assert_eq!(
            refused.map_err(|problem| problem.hint),
            Err(Some("use a token with the scope contacts:write and the permission full".to_owned()))
        );
    }
}
