//! Legacy HTTP+SSE to a server elsewhere: one stream of messages in, a POST for each message out.

use futures::StreamExt;
use reqwest::{Method, Url, header};
use sse_stream::SseByteStream;
use tokio::sync::mpsc;

use super::remote::{Server, checked, one_line, unreachable};
use crate::problem::{Code, Problem};

/// Carries a conversation that begins with the message `first`, until one side ends.
pub(super) async fn carry(
    server: &Server,
    first: String,
    outgoing: mpsc::UnboundedReceiver<String>,
    incoming: &mpsc::Sender<Result<String, Problem>>,
) {
    if let Err(problem) = converse(server, first, outgoing, incoming).await {
        let _ = incoming.send(Err(problem)).await;
    }
}

async fn converse(
    server: &Server,
    first: String,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    incoming: &mpsc::Sender<Result<String, Problem>>,
) -> Result<(), Problem> {
    let address = server.endpoint("/mcp/sse")?;
    let request = server.request(Method::GET, address.clone())?.header(header::ACCEPT, "text/event-stream");
    let response = checked(request.send().await.map_err(|error| unreachable(&error))?, true)?;
    let mut events = SseByteStream::new(response.bytes_stream());
    let mut endpoint: Option<Url> = None;
    let mut waiting = Some(first);
    loop {
        if let Some(endpoint) = &endpoint
            && let Some(message) = waiting.take()
        {
            post(server, endpoint, message).await?;
        }
        tokio::select! {
            message = outgoing.recv(), if endpoint.is_some() => match message {
                Some(message) => waiting = Some(message),
                None => return Ok(()),
            },
            event = events.next() => {
                let Some(Ok(event)) = event else {
                    return Err(Problem::new(Code::Unavailable, "the stream from the server ended"));
                };
                let data = event.data.unwrap_or_default();
                match event.event.as_deref() {
                    Some("endpoint") => {
                        let url = address.join(data.trim());
                        endpoint = Some(url.map_err(|_| Problem::new(Code::Unavailable, "the server announced no address"))?);
                    }
                    None | Some("message") if !data.trim().is_empty() => {
                        // When nobody takes it, the end of `outgoing` says so, too.
                        let _ = incoming.send(Ok(one_line(&data))).await;
                    }
                    _ => {}
                }
            }
        }
    }
}

async fn post(server: &Server, endpoint: &Url, message: String) -> Result<(), Problem> {
    let request =
        server.request(Method::POST, endpoint.clone())?.header(header::CONTENT_TYPE, "application/json").body(message);
    checked(request.send().await.map_err(|error| unreachable(&error))?, true).map(drop)
}
