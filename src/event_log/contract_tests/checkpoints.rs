//! How far reactions have come is kept with the log, and only ever forwards.

use aggregates::ids::WorkspaceId;

use super::{Fixture, OTHER, Subject, WORKSPACE, fixture, reopened, stream, unit};
use crate::event_log::append::Expected;
use crate::event_log::store::{FLOW_RUNS, LogStore, ReactionCheckpoint};

fn at(workspace: WorkspaceId, position: u64) -> ReactionCheckpoint {
    ReactionCheckpoint { reaction: FLOW_RUNS, workspace, position }
}

async fn kept(store: &dyn LogStore) -> Vec<(WorkspaceId, u64)> {
    store.reaction_checkpoints(FLOW_RUNS).await.expect("readable")
}

pub(super) async fn a_checkpoint_begins_with_its_workspace_and_never_goes_back<S: Subject>() {
    let Fixture { folder, clock, log } = fixture::<S>().await;
    // One that nobody made is not made by moving it.
    log.store().keep_reaction_checkpoints(&[at(WORKSPACE, 7)]).await.expect("written");
    assert_eq!(kept(&**log.store()).await, []);
    let refused = unit(OTHER, &[(stream(2), Expected::Sequence(9))]);
    log.append(refused).await.expect("answered").expect_err("a conflict");
    log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    assert_eq!(kept(&**log.store()).await, [(WORKSPACE, 0)]);
    for (moved, position) in [(5, 5), (3, 5), (9, 9)] {
        log.store().keep_reaction_checkpoints(&[at(OTHER, 1), at(WORKSPACE, moved)]).await.expect("written");
        assert_eq!(kept(&**log.store()).await, [(WORKSPACE, position)]);
    }
    // What comes later in the workspace leaves it alone.
    log.append(unit(WORKSPACE, &[(stream(1), Expected::Any)])).await.expect("written").expect("taken");
    log.store().close().await;
    let log = reopened::<S>(folder.path(), &clock).await;
    assert_eq!(kept(&**log.store()).await, [(WORKSPACE, 9)]);
    assert_eq!(log.store().reaction_checkpoints("another").await.expect("readable"), []);
}
