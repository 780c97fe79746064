//! What every aggregate has in common, beyond what cqrs-es asks of it.
//!
//! `decide` is synchronous and pure: time, ids and look-ups are values inside the command, so a decision may run again
//! after a conflict and gives the same events. cqrs-es' `handle` only forwards to it (see [`decide_and_write`]).

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use uuid::Uuid;

use crate::claim::ClaimChange;
use crate::event::Event;
use crate::ids::ContactId;
use crate::stream::StreamType;

/// An aggregate of this product: pure decisions, total `apply`, and what its events claim.
pub trait Root: Aggregate<Services = (), Event: Into<Event> + TryFrom<Event>> + Clone + 'static {
    /// The stream type under which the events are stored.
    const STREAM: StreamType;

    /// Raised whenever the serialised state changes its shape; older snapshots are then ignored.
    const SNAPSHOT_VERSION: u32;

    /// Gives the events that `command` causes in this state: none when there is nothing to change.
    ///
    /// # Errors
    /// The refusal, in the caller's words.
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// The unique values that `event` of the stream `id` takes or gives back.
    fn claims(event: &Self::Event, id: Uuid) -> Vec<ClaimChange>;

    /// The contact whose key seals the personal data of `event`, and to whose history the event belongs.
    fn subject(event: &Self::Event, id: Uuid) -> Option<ContactId>;

    /// The event's stored and public name.
    fn event_name(event: &Self::Event) -> &'static str;
}

/// The body of every `Aggregate::handle`: decide, then write what was decided.
///
/// # Errors
/// What `decide` refused.
pub async fn decide_and_write<R: Root>(root: &mut R, command: R::Command, sink: &EventSink<R>) -> Result<(), R::Error> {
    for event in root.decide(&command)? {
        sink.write(event, root).await;
    }
    Ok(())
}
