//! Leases: one process at a time, and what is appended under one that is over is refused.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::postgres::Postgres;
use super::{OTHER, Subject, WORKSPACE, batch, stream, unit};
use crate::event_log::append::{AppendUnit, Expected, Fence, Refusal};
use crate::event_log::store::{FLOW_RUNS, Lease, LogStore, WhenHeld};

const LONG: Duration = Duration::from_secs(600);

async fn held(store: &dyn LogStore, time: Duration) -> Vec<Lease> {
    let mut leases = store.hold_leases(FLOW_RUNS, &[OTHER, WORKSPACE], time).await.expect("asked");
    leases.sort_unstable_by_key(|lease| lease.workspace);
    leases
}

fn both(epoch: u64) -> Vec<Lease> {
    let lease = |workspace| Lease { workspace, fence: Some(Fence { purpose: FLOW_RUNS, epoch }) };
    vec![lease(WORKSPACE), lease(OTHER)]
}

fn under(epoch: u64) -> AppendUnit {
    let mut unit = unit(WORKSPACE, &[(stream(1), Expected::Any)]);
    unit.fence = Some(Fence { purpose: FLOW_RUNS, epoch });
    unit
}

async fn two(folder: &Path) -> (Arc<dyn LogStore>, Arc<dyn LogStore>) {
    (Postgres::open(folder).await, Postgres::open(folder).await)
}

#[tokio::test]
async fn a_lease_belongs_to_one_process_until_it_gives_it_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = two(folder.path()).await;
    assert_eq!(held(&*one, LONG).await, both(1));
    assert_eq!(held(&*one, LONG).await, both(1), "renewed, not taken again");
    assert_eq!(held(&*two, LONG).await, []);
    assert_eq!(two.hold_leases("another purpose", &[WORKSPACE], LONG).await.expect("asked").len(), 1);
    one.release_leases(FLOW_RUNS).await.expect("given back");
    assert_eq!(held(&*two, LONG).await, both(2));
    assert_eq!(held(&*one, LONG).await, []);
}

#[tokio::test]
async fn a_process_that_comes_back_after_its_lease_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (paused, other) = two(folder.path()).await;
    assert_eq!(held(&*paused, Duration::from_millis(200)).await, both(1));
    let answers = paused.append(batch([&under(1)]), 1, WhenHeld::Wait).await.expect("written");
    assert!(answers[0].is_ok());
    // Nobody renews it; the other one asks until it is over.
    while held(&*other, LONG).await.is_empty() {
        tokio::task::yield_now().await;
    }
    let free = unit(WORKSPACE, &[(stream(1), Expected::Any)]);
    let answers = paused.append(batch([&under(1), &free]), 2, WhenHeld::Wait).await.expect("answered");
    assert_eq!(answers[0], Err(Refusal::Fenced));
    assert!(answers[1].is_ok(), "what needs no lease is not touched by it");
    let answers = other.append(batch([&under(2)]), 3, WhenHeld::Wait).await.expect("written");
    assert_eq!(answers[0].as_ref().map(|appended| appended.position), Ok(3));
}

#[tokio::test]
async fn what_was_never_leased_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, _) = two(folder.path()).await;
    let answers = one.append(batch([&under(1)]), 1, WhenHeld::Wait).await.expect("answered");
    assert_eq!(answers, [Err(Refusal::Fenced)]);
}
