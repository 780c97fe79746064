//! The limit of what MCP over HTTP can do here: rmcp with one tool that echoes, and nothing else. It serves as rmcp serves fastest,
//! without sessions and with plain JSON answers, says its address on a line of its own, and ends when its input does.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{schemars, tool, tool_router};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// What the tool takes.
#[derive(Deserialize, schemars::JsonSchema)]
struct EchoInput {
    /// What to say back.
    text: String,
}

/// A server without state.
#[derive(Clone)]
struct Echo;

#[tool_router(server_handler)]
impl Echo {
    /// Says the text back.
    #[tool]
    async fn echo(&self, Parameters(input): Parameters<EchoInput>) -> String {
        input.text
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service = StreamableHttpService::new(|| Ok(Echo), std::sync::Arc::new(NeverSessionManager::default()), config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    let ended = async { drop(tokio::io::stdin().read_to_end(&mut Vec::new()).await) };
    axum::serve(listener, axum::Router::new().route_service("/mcp", service)).with_graceful_shutdown(ended).await?;
    Ok(())
}
