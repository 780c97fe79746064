//! What every aggregate has to stand, and the machinery for it: given / when / then with every decision made twice, random
//! commands, golden files of the stored events, and the page that lists them.

mod arbitrary;
mod arbitrary_flows;
mod events_page;
mod examples;
mod golden;
mod properties;

use cqrs_es::test::TestFramework;

use crate::root::Root;

/// Expects `command` to cause the events `then` after the events `given`, and nothing at all when it is decided again.
pub fn causes<R: Root>(given: Vec<R::Event>, command: R::Command, then: Vec<R::Event>)
where
    R::Command: Clone,
{
    let framework = || TestFramework::<R>::with(());
    framework().given(given.clone()).when(command.clone()).then_expect_events(then.clone());
    framework().given(given).and(then).when(command).then_expect_events(Vec::new());
}

/// Expects `command` to be refused with `error` after the events `given`.
pub fn refuses<R: Root>(given: Vec<R::Event>, command: R::Command, error: R::Error)
where
    R::Error: PartialEq,
{
    TestFramework::<R>::with(()).given(given).when(command).then_expect_error(error);
}

/// Expects that the events `given` leave the stream with these claims, in their order, when they are taken and released one after
/// the other.
pub fn holds<R: Root>(given: &[R::Event], claims: &[crate::claim::Claim]) {
    use crate::claim::ClaimChange;
    let mut held = Vec::new();
    for change in given.iter().flat_map(|event| R::claims(event, uuid::Uuid::from_u128(1))) {
        match change {
            ClaimChange::Take { claim, .. } if !held.contains(&claim) => held.push(claim),
            ClaimChange::Take { .. } => {}
            ClaimChange::Release { claim } => held.retain(|other| *other != claim),
        }
    }
    // Compared by value: the claims' own Debug hides them.
    let clear = |claims: &[crate::claim::Claim]| -> Vec<(crate::claim::ClaimKind, String)> {
        claims.iter().map(|claim| (claim.kind, claim.value.clone())).collect()
    };
    assert_eq!(clear(&held), clear(claims));
}
