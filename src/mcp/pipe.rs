//! MCP over a byte stream, one JSON message per line: standard input and output, or a Unix socket.

use std::sync::Arc;

use futures::future::BoxFuture;
use rmcp::service::{QuitReason, serve_server_with_ct};
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::calls::Calls;
use super::{Backend, Handler, Session};
use crate::http::metrics;
use crate::settings::Limits;

/// Serves one client, whose rights were found out before, until it closes its end. No rates are limited: the caller owns the data folder.
///
/// # Errors
/// When the client does not begin as MCP does, or the serving task dies.
pub fn serve_pipe<R, W>(
    backend: Arc<dyn Backend>,
    access: Access,
    read: R,
    write: W,
) -> BoxFuture<'static, std::io::Result<()>>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    // Boxed here, where the compiler can still tell that it may move between threads.
    Box::pin(async move {
        let limits = Limits { calls_per_token: 0, calls_per_workspace: 0, ..Limits::default() };
        let handler = Handler::for_caller(backend, Arc::new(Calls::new(&limits)), access);
        let transport = AsyncRwTransport::new_server(read, write).with_max_line_length(limits.body_bytes);
        let _open = metrics::session_opened("pipe");
        // rmcp's error may quote what the client sent, which is not for the log.
        let running =
            serve_server_with_ct(Session(handler.for_session()), transport, CancellationToken::new()).await.map_err(
                |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "the client did not begin an MCP session"),
            )?;
        match running.waiting().await {
            Ok(QuitReason::JoinError(error)) | Err(error) => Err(std::io::Error::other(error)),
            Ok(_) => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;
    use crate::mcp::test_backend::TestBackend;

    #[tokio::test]
    async fn a_client_initializes_and_lists_over_a_pipe_until_it_closes() {
        let backend = TestBackend::new();
        let caller = backend.caller("good");
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(ours);
        let serving = tokio::spawn(serve_pipe(backend, Access::new(caller), read, write));
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        let mut say = async |message: Value| {
            write.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        };
        say(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",
            "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}))
        .await;
        let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(answer["result"]["serverInfo"]["name"], "chatbotx");
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
        say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        say(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "no_such_tool"}})).await;
        let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(2), &json!(-32602)));
        drop((lines, write));
        serving.await.unwrap().unwrap();
    }
}
