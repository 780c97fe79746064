//! What a webchat visitor hears: a stream that is opened again behind the last message that was heard.

use std::time::Duration;

use futures::StreamExt;
use reqwest::header;
use serde_json::Value;
use sse_stream::SseByteStream;
use tokio::sync::mpsc;

use super::chat::{Visitor, refusal, unreachable};
use crate::problem::{Code, Problem};

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// Something to tell the person.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message, as the server wrote it.
    Message(Value),
    /// The stream broke.
    Lost,
    /// It is there again.
    Back,
    /// It is not going to be there again.
    Refused(Problem),
}

/// Listens until nobody wants to hear.
pub(super) async fn listen(visitor: Visitor, heard: mpsc::Sender<Heard>) {
    let mut cursor: Option<String> = None;
    let mut lost = false;
    loop {
        let problem = follow(&visitor, &mut cursor, &mut lost, &heard).await;
        if problem.code != Code::Unavailable {
            let _ = heard.send(Heard::Refused(problem)).await;
            return;
        }
        if !std::mem::replace(&mut lost, true) && heard.send(Heard::Lost).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Follows one stream to its end, and says why it ended.
async fn follow(
    visitor: &Visitor,
    cursor: &mut Option<String>,
    lost: &mut bool,
    heard: &mpsc::Sender<Heard>,
) -> Problem {
    let Ok(url) = visitor.base.join("events") else { return unreachable() };
    let mut request = visitor.client.get(url).bearer_auth(&visitor.secret).header(header::ACCEPT, "text/event-stream");
    if let Some(cursor) = &*cursor {
        request = request.header("last-event-id", cursor);
    }
    let Ok(response) = request.send().await else { return unreachable() };
    if !response.status().is_success() {
        return refusal(response.status(), &Value::Null);
    }
    if std::mem::replace(lost, false) && heard.send(Heard::Back).await.is_err() {
        return unreachable();
    }
    let mut events = SseByteStream::new(response.bytes_stream());
    while let Some(Ok(event)) = events.next().await {
        let message = event.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
        if let (Some("message") | None, Some(message)) = (event.event.as_deref(), message)
            && heard.send(Heard::Message(message)).await.is_err()
        {
            return unreachable();
        }
        // After the message was handed over: one that was not is sent again.
        if let Some(id) = event.id {
            *cursor = Some(id);
        }
    }
    unreachable()
}
