//! Signs of life of a call that takes long: clients give up on a silent one, some after a minute.

use std::pin::pin;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use tokio::time::{Instant, interval_at};

/// Between two signs.
const EVERY: Duration = Duration::from_secs(10);

/// Carries `call` out and meanwhile tells the client that it goes on, if the client asked to be told: the seconds so far.
pub(super) async fn tell_while<T>(context: &RequestContext<RoleServer>, call: impl Future<Output = T>) -> T {
    let Some(token) = context.meta.get_progress_token() else { return call.await };
    let mut call = pin!(call);
    let began = Instant::now();
    let mut clock = interval_at(began + EVERY, EVERY);
    loop {
        tokio::select! {
            biased;
            outcome = &mut call => return outcome,
            _ = clock.tick() => {
                let sign = ProgressNotificationParam::new(token.clone(), began.elapsed().as_secs_f64().round())
                    .with_message("still at it");
                // A client that is gone is told nothing; whether the call goes on is decided elsewhere.
                let _ = context.peer.notify_progress(sign).await;
            }
        }
    }
}
