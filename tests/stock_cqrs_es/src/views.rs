//! cqrs-es' `GenericQuery` over views in memory, and the log replayed into it with `QueryReplay`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use cqrs_es::persist::{GenericQuery, PersistenceError, QueryReplay, ViewContext, ViewRepository};
use cqrs_es::{Aggregate, EventEnvelope, View};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};

/// An aggregate as it stands after some events, and the sequences of those.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen<A> {
    pub state: A,
    pub sequences: Vec<usize>,
}

impl<A: Aggregate + Debug> View<A> for Seen<A> {
    fn update(&mut self, event: &EventEnvelope<A>) {
        self.sequences.push(event.sequence);
        self.state.apply(event.payload.clone());
    }
}

/// Views by their ids, as JSON, as a database would keep them.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, (serde_json::Value, i64)>>);

impl<A: Aggregate + Debug> ViewRepository<Seen<A>, A> for Memory {
    async fn load(&self, id: &str) -> Result<Option<Seen<A>>, PersistenceError> {
        Ok(self.load_with_context(id).await?.map(|(view, _)| view))
    }

    async fn load_with_context(&self, id: &str) -> Result<Option<(Seen<A>, ViewContext)>, PersistenceError> {
        let views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((document, version)) = views.get(id) else { return Ok(None) };
        let view = serde_json::from_value(document.clone())?;
        Ok(Some((view, ViewContext::new(id.to_owned(), *version))))
    }

    async fn update_view(&self, view: Seen<A>, context: ViewContext) -> Result<(), PersistenceError> {
        let row = (serde_json::to_value(view)?, context.version + 1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(context.view_instance_id, row);
        Ok(())
    }
}

/// Every aggregate of the type `A`, by its id, replayed from the log. What cannot be read is told of in `errors`.
///
/// # Panics
/// When the log cannot be asked.
pub async fn replayed<A: Aggregate + Debug>(
    log: PostgresEventRepository,
    errors: &Arc<Mutex<Vec<String>>>,
) -> BTreeMap<String, Seen<A>> {
    let tell = |errors: &Arc<Mutex<Vec<String>>>| {
        let errors = Arc::clone(errors);
        Box::new(move |error: PersistenceError| {
            errors.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{}: {error}", A::TYPE));
        })
    };
    let memory = Arc::new(Memory::default());
    let mut query = GenericQuery::<Memory, Seen<A>, A>::new(Arc::clone(&memory));
    query.use_error_handler(tell(errors));
    let mut replay = QueryReplay::new(log, query);
    replay.use_error_handler(tell(errors));
    replay.replay_all().await.expect("the log");
    let views = memory.0.lock().unwrap_or_else(PoisonError::into_inner);
    views
        .iter()
        .map(|(id, (document, _))| (id.clone(), serde_json::from_value(document.clone()).expect("a view")))
        .collect()
}
