//! Whether a caller may use an operation: the same answer for listing it and for calling it.

use super::operation::Facts;
use crate::app::Caller;
use crate::problem::{Code, Problem};

/// Whether `caller` sees the operation in lists and may call it.
#[must_use]
pub fn allows(facts: &Facts, caller: &Caller) -> bool {
    caller.may(facts.scope, facts.effect.writes())
}

/// Refuses a caller without the right.
///
/// # Errors
/// `forbidden`, saying what the token would need.
pub fn check(facts: &Facts, caller: &Caller) -> Result<(), Problem> {
    if allows(facts, caller) {
        return Ok(());
    }
    let scope: &'static str = facts.scope.into();
    Err(Problem::new(Code::Forbidden, format!("this token may not call {}", facts.name)).hint(format!(
        "use a token with the scope {scope}{}",
        if facts.effect.writes() { " and the permission full" } else { "" }
    )))
}
