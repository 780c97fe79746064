//! `chatbotx stdio`: MCP on standard input and output, from the data folder or from a server elsewhere.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::arguments::StdioArguments;
use super::options::GlobalOptions;
use super::serve::stop_signal;
use crate::app::App;
use crate::local::Reach;
use crate::local::bridge::{self, LocalConnector, RemoteConnector, RemoteOptions};
use crate::local::holder::Yields;
use crate::local::protocol::McpOpening;
use crate::local::service::opener;
use crate::problem::Problem;

/// The variable with the token of a server elsewhere. It is no option: other users of the machine could see it.
const API_KEY: &str = "CHATBOTX_API_KEY";

/// Speaks MCP until standard input ends or a signal comes.
///
/// # Errors
/// When there is nothing to speak to.
pub async fn stdio(options: &GlobalOptions, arguments: StdioArguments) -> Result<(), Problem> {
    let stop = stop_signal()?;
    let StdioArguments { workspace, token, toolsets, readonly, api_url } = arguments;
    if let Some(url) = api_url {
        let key = std::env::var(API_KEY).ok().filter(|key| !key.is_empty());
        let key =
            key.ok_or_else(|| Problem::invalid(API_KEY, "a server elsewhere needs a token in CHATBOTX_API_KEY"))?;
        if url.scheme() == "http" && !is_loopback(&url) {
            tracing::warn!("CHATBOTX_API_URL is not https: the token can be read on its way");
        }
        let connector = RemoteConnector::new(RemoteOptions { url, key, toolsets, readonly })?;
        return tokio::select! {
            outcome = bridge::run(connector, tokio::io::stdin(), tokio::io::stdout()) => outcome,
            () = stop.cancelled() => Ok(()),
        };
    }
    let folder = options.folder()?;
    let (opened, apps) = mpsc::unbounded_channel();
    let mut reach = Reach::new(folder.clone(), opener(options.open_options(&folder), opened), Yields::ToServer);
    let opening = McpOpening { workspace, token, toolsets, readonly };
    let connector = LocalConnector::new(&mut reach, opening);
    let outcome = tokio::select! {
        outcome = bridge::run(connector, tokio::io::stdin(), tokio::io::stdout()) => outcome,
        () = stop.cancelled() => Ok(()),
        problem = outdated(apps) => Err(problem),
    };
    // In order, so that the next process opens databases that were closed.
    reach.leave().await;
    outcome
}

/// Waits until the program, when it is this process that opens it, cannot follow the log any more: whoever started this process may
/// start a newer one.
async fn outdated(mut apps: mpsc::UnboundedReceiver<Arc<App>>) -> Problem {
    while let Some(app) = apps.recv().await {
        app.stopping().cancelled().await;
        if let Err(problem) = app.refuse_if_outdated() {
            return problem;
        }
    }
    std::future::pending().await
}

fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_go_unencrypted_to_this_machine_only() {
        for (url, expected) in [
            ("http://localhost:8080/api", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
