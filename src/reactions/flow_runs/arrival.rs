//! What a contact wrote: for the run that asked, or for a flow that starts by it. All that follows from one message is one append.

use std::sync::Arc;

use aggregates::channel_account::{Channel, ChannelAccount};
use aggregates::conversation::InboundMessage;
use aggregates::flow_run::{Cause, Command, Reason, RunInput, Status, Waker};
use aggregates::ids::{ConversationId, RunId};
use aggregates::{Personal, Recorded};
use flows::start::{EventStart, Keyword, Start};
use flows::turn::Input;
use projections::flow_runs;

use super::FlowRuns;
use super::documents::{Documents, Startable};
use super::starts::{Automatic, event_starts, fits, passed_over, run_id};
use super::turns::Player;
use crate::app::{Caller, Decision, UnitOfWork};
use crate::problem::{Code, Problem};

/// A message that came in.
#[derive(Clone, Copy)]
struct Arrived<'a> {
    event: &'a Recorded,
    message: &'a InboundMessage,
    conversation: ConversationId,
}

impl Arrived<'_> {
    fn text(&self) -> &str {
        self.message.text.known().map_or("", String::as_str)
    }

    fn button(&self) -> Option<String> {
        self.message.button.as_ref().map(|button| button.id.clone())
    }

    /// The message as a run takes it in.
    fn input(&self, settles_at: Option<i64>, aside: bool) -> Command {
        Command::Receive(RunInput {
            position: self.event.position,
            message: self.message.message,
            text: Personal::Known(self.text().to_owned()),
            button: self.button(),
            settles_at,
            aside,
        })
    }
}

/// The run as it waits for what the contact writes, if it does and the message came after.
async fn listener<'d>(
    unit: &mut UnitOfWork,
    documents: &'d Documents,
    run: RunId,
    position: u64,
) -> Result<Option<Player<'d>>, Problem> {
    let player = Player::of(unit, documents, run).await?;
    Ok(player.filter(|player| {
        let asks = player.state.pause.as_ref().is_some_and(|pause| pause.reason.keeps_messages());
        player.state.status == Status::Waiting && asks && position > player.state.handled
    }))
}

/// A message, for a run that may have asked for it.
struct Answer<'a> {
    documents: &'a Documents,
    arrived: Arrived<'a>,
    run: RunId,
}

impl Decision for Answer<'_> {
    /// Whether it was for the run.
    type Outcome = bool;

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<bool, Problem> {
        let position = self.arrived.event.position;
        let Some(player) = listener(unit, self.documents, self.run, position).await? else { return Ok(false) };
        let input = Input { text: self.arrived.text().to_owned(), button: self.arrived.button() };
        if !player.is_meant(unit, &input).await? {
            return Ok(false);
        }
        let settle = player.first.policy().settle_us;
        // Whoever presses a button has said all.
        let settles = settle > 0 && input.button.is_none();
        let settles_at = settles.then(|| unit.now().saturating_add(settle));
        player.command(unit, self.arrived.input(settles_at, false)).await?;
        if let Some(player) = Player::of(unit, self.documents, self.run).await? {
            // A step that asks the contact asks no server: there is nothing to announce.
            player.resume(unit, Waker::Input, None).await?;
        }
        Ok(true)
    }
}

/// A message that no run asked for.
struct Unasked<'a> {
    documents: &'a Documents,
    arrived: Arrived<'a>,
    /// The runs that wait for a button: the message is kept by the one that asked last.
    waiting: &'a [RunId],
    startables: &'a [Startable],
    by_event: Vec<(&'a Startable, &'a EventStart)>,
}

impl Unasked<'_> {
    /// The flow whose keyword fits best; of several that fit alike, the oldest.
    fn by_keyword(&self, channel: Option<Channel>) -> Option<&Startable> {
        if self.arrived.message.button.is_some() {
            return None;
        }
        let text = self.arrived.text();
        let mut best = None;
        let position = self.arrived.event.position;
        for startable in self.startables.iter().filter(|startable| startable.after < position) {
            if startable.document.channel().is_some() && startable.document.channel() != channel {
                continue;
            }
            let keywords = startable.document.starts().iter().filter_map(|start| match start {
                Start::Keyword(keyword) => Some(keyword),
                Start::Event(_) => None,
            });
            let fits = keywords.filter_map(|keyword: &Keyword| keyword.matches(text)).max();
            if let Some(fits) = fits
                && best.as_ref().is_none_or(|(than, _)| fits > *than)
            {
                best = Some((fits, startable));
            }
        }
        best.map(|(_, startable)| startable)
    }

    fn automatic<'a>(&'a self, startable: &'a Startable, cause: Cause) -> Automatic<'a> {
        let Arrived { event, message, conversation } = self.arrived;
        let place = Some((message.account, conversation));
        // A word of the contact: no run has begun by itself since.
        Automatic { startable, event, contact: message.contact, place, cause, hops: 0 }
    }
}

impl Decision for Unasked<'_> {
    /// The runs that it may have started.
    type Outcome = Vec<RunId>;

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Vec<RunId>, Problem> {
        let Arrived { event: recorded, message, .. } = self.arrived;
        let channel = unit.load::<ChannelAccount>(message.account.0).await?.map(|account| account.channel);
        let by_keyword = self.by_keyword(channel);
        let starts_nothing = by_keyword.is_none() && self.by_event.is_empty();
        for run in self.waiting {
            if let Some(player) = listener(unit, self.documents, *run, recorded.position).await? {
                // Who waits for a server asks something later, which this may answer.
                let asks = player.state.pause.as_ref().is_some_and(|pause| pause.reason == Reason::Http);
                player.command(unit, self.arrived.input(None, !(asks && starts_nothing))).await?;
                break;
            }
        }
        let (position, event) = (recorded.position, recorded.id);
        if let Some(startable) = by_keyword {
            self.automatic(startable, Cause::Keyword { position, event }).begin(unit).await?;
            return Ok(vec![run_id(recorded, startable.flow)]);
        }
        let mut started = Vec::new();
        for (startable, start) in &self.by_event {
            let elsewhere = startable.document.channel().is_some_and(|wanted| Some(wanted) != channel);
            if !elsewhere && fits(unit, startable, start, recorded, message.contact).await? {
                self.automatic(startable, Cause::Event { position, event }).begin(unit).await?;
                started.push(run_id(recorded, startable.flow));
            }
        }
        Ok(started)
    }
}

impl FlowRuns {
    /// Whether any run is under way that may take in what contacts write.
    async fn any_under_way(&mut self) -> Result<bool, Problem> {
        if let Some(known) = self.under_way {
            return Ok(known);
        }
        let mut context = self.acting.app.read(self.acting.workspace, None).await?;
        let (connection, workspace) = context.rows();
        let any = flow_runs::any_under_way(connection, workspace).await?;
        self.under_way = Some(any);
        Ok(any)
    }

    /// Takes a message in: for the run that asked for it, otherwise for a flow that starts by it.
    pub(super) async fn arrive(
        &mut self,
        event: &Arc<Recorded>,
        message: &InboundMessage,
        names: &[&'static str],
    ) -> Result<(), Problem> {
        let startables = self.known_startables().await?;
        if startables.is_empty() && !self.any_under_way().await? {
            return Ok(());
        }
        let conversation = ConversationId(event.stream_id);
        let mut context = self.acting.app.read(self.acting.workspace, Some(event.position)).await?;
        if context.stale {
            return Err(Problem::new(Code::Unavailable, "the read tables do not follow"));
        }
        let (connection, workspace) = context.rows();
        // Seen again after a kill: what followed from it was in the append that took it in.
        let handled = flow_runs::handled_in(connection, workspace, conversation).await?;
        if handled.is_some_and(|handled| handled >= event.position) {
            return Ok(());
        }
        let rows = flow_runs::waiting_in(connection, workspace, conversation).await?;
        drop(context);
        let waiting: Vec<RunId> = rows.into_iter().map(|row| row.id).collect();
        let arrived = Arrived { event, message, conversation };
        for run in &waiting {
            let answer = Answer { documents: &self.documents, arrived, run: *run };
            match self.acting.decide(*run, "flow_run_answered", &answer).await {
                Ok((false, _)) => {}
                // At once: what was written after it may answer what the run asks next.
                Ok((true, _)) => return self.go_on(*run).await,
                Err(problem) => return self.fail(*run, problem).await,
            }
        }
        if waiting.is_empty() && startables.is_empty() {
            return Ok(());
        }
        let by_event = event_starts(&startables, event, names);
        let (documents, startables) = (&*self.documents, startables.as_slice());
        let unasked = Unasked { documents, arrived, waiting: &waiting, startables, by_event };
        let caller = Caller::system(self.acting.workspace);
        match self.acting.decide_as(&caller, "flow_message_received", &unasked).await {
            Err(problem) => passed_over(event, problem),
            Ok((started, _)) => {
                for run in started {
                    self.go_on(run).await?;
                }
                Ok(())
            }
        }
    }
}
