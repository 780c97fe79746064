//! The servers of others, with one tool that echoes.

use tokio::process::Command;

use crate::mcp::{Dialect, Tool};
use crate::server::Server;
use crate::{Outcome, Settings};

/// One of them.
pub(super) struct Peer {
    /// As it is called in the tables.
    pub(super) name: &'static str,
    /// It.
    pub(super) server: Server,
    dialect: Dialect,
}

impl Peer {
    /// Its tool.
    pub(super) fn tool(&self) -> Tool {
        Tool::new(self.server.address, None, self.dialect.clone(), "echo")
    }
}

/// Starts them all; the first is the limit. `bench/run` has installed what they need.
pub(super) async fn start(settings: &Settings) -> Outcome<Vec<Peer>> {
    let bare = std::env::current_exe()?.with_file_name("bare_rmcp");
    let bare = Server::saying_its_address(&mut Command::new(bare)).await?;
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let mut fastmcp = Command::new(settings.peers.join("fastmcp/bin/python"));
    let fastmcp = Server::on_a_port(fastmcp.arg(sources.join("fastmcp/server.py"))).await?;
    let mut typescript = Command::new("node");
    let typescript = Server::on_a_port(typescript.arg(settings.peers.join("typescript-sdk/server.mjs"))).await?;
    Ok(vec![
        Peer { name: "bare rmcp", server: bare, dialect: Dialect::Alone },
        Peer { name: "FastMCP", server: fastmcp, dialect: Dialect::Alone },
        Peer { name: "TypeScript SDK", server: typescript, dialect: Dialect::Sessionless },
    ])
}
