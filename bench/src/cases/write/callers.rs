//! Callers that each wait for one answer before they ask again. The peers in Rust run this same file.

use std::time::{Duration, Instant};

use futures::future::try_join_all;

use crate::Outcome;
use crate::latencies::Measured;

/// Lets so many callers call for so many seconds; a call that has begun is waited for and counts.
pub async fn measure<C, F>(callers: usize, seconds: f64, call: C) -> Outcome<Measured>
where
    C: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Outcome<()>> + Send,
{
    let (began, length) = (Instant::now(), Duration::from_secs_f64(seconds));
    let tasks = (0..callers).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < length {
                let sent = Instant::now();
                call().await?;
                times.push(sent.elapsed());
            }
            Outcome::Ok(times)
        })
    });
    let times: Outcome<Vec<Vec<Duration>>> = try_join_all(tasks).await?.into_iter().collect();
    Ok(Measured::of(began.elapsed(), times?.concat()))
}
