//! What is left to do when a run has ended, or has to: its conversation is nobody's again, and the next one in the queue begins.

use aggregates::conversation::{Command, Conversation, Owner};
use aggregates::flow_run::{self, FlowRun, active_claim};
use aggregates::ids::{ContactId, ConversationId, FlowId, RunId};
use projections::flow_runs;

use super::FlowRuns;
use super::documents::Documents;
use super::turns::{Player, STEPPED_IN};
use crate::app::{Caller, Decision, UnitOfWork};
use crate::problem::{Code, Problem};

/// Gives back the conversation that a run answered in.
struct GiveBack(RunId);

impl Decision for GiveBack {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let run = unit.load::<FlowRun>(self.0.0).await?.and_then(|run| run.start.as_ref()?.conversation);
        let Some(conversation) = run else { return Ok(()) };
        let owner = unit.load::<Conversation>(conversation.0).await?.map(|talk| (talk.owner, talk.owned_by.clone()));
        if owner != Some((Owner::Flow, Some(self.0.to_string()))) {
            return Ok(());
        }
        let command = Command::SetOwner { owner: Owner::None, by: None, reason: None };
        unit.execute::<Conversation>(conversation.0, command).await.map(|_| ())
    }
}

/// Begins a run that has waited for another to end.
struct Begin(RunId);

impl Decision for Begin {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let start = unit.load::<FlowRun>(self.0.0).await?.and_then(|run| run.start.clone());
        let Some(start) = start else { return Ok(()) };
        // Another one was quicker: its end begins this one.
        if unit.claim_owner(&active_claim(start.flow, start.contact)).await?.is_some_and(|owner| owner != self.0.0) {
            return Ok(());
        }
        unit.execute::<FlowRun>(self.0.0, flow_run::Command::Begin).await.map(|_| ())
    }
}

/// Ends a run because somebody else answers in its conversation.
struct MakeRoom<'a> {
    documents: &'a Documents,
    run: RunId,
}

impl Decision for MakeRoom<'_> {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let Some(player) = Player::of(unit, self.documents, self.run).await? else { return Ok(()) };
        if player.is_stopped(unit).await? {
            let command = flow_run::Command::Cancel { reason: STEPPED_IN.to_owned() };
            player.command(unit, command).await?;
        }
        Ok(())
    }
}

impl FlowRuns {
    /// Does what is left to do when a run has ended.
    pub(super) async fn end(&self, run: RunId, flow: FlowId, contact: ContactId) -> Result<(), Problem> {
        self.acting.decide(run, "flow_run_ended", &GiveBack(run)).await?;
        let mut context = self.acting.app.read(self.acting.workspace, None).await?;
        if context.stale {
            return Err(Problem::new(Code::Unavailable, "the read tables do not follow"));
        }
        let (connection, workspace) = context.rows();
        let queued = flow_runs::queued_of(connection, workspace, flow, contact).await?;
        drop(context);
        match queued {
            Some(next) => self.acting.decide(next.id, "flow_run_begun", &Begin(next.id)).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Somebody took a conversation over at `position`: the runs that were there before have nothing to say there any more, unless
    /// their flow says otherwise.
    pub(super) async fn make_room(
        &self,
        contact: ContactId,
        conversation: ConversationId,
        position: u64,
    ) -> Result<(), Problem> {
        let mut context = self.acting.app.read(self.acting.workspace, Some(position)).await?;
        let (connection, workspace) = context.rows();
        let rows = flow_runs::active_of_contact(connection, workspace, contact).await?;
        drop(context);
        for row in rows {
            if row.conversation == Some(conversation) && row.first_position < position {
                let decision = MakeRoom { documents: &self.documents, run: row.id };
                // Whoever took it over caused it, but the program does it.
                self.acting.decide_as(&Caller::system(self.acting.workspace), "flow_run_stopped", &decision).await?;
            }
        }
        Ok(())
    }
}
