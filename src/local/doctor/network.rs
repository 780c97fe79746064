//! Where the server listens, or would, and whether it answers there.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::Finding;
use crate::settings::Settings;

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(settings: &Settings, serving: Option<&str>) -> Vec<Finding> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            let what = format!("nothing can be asked over HTTP: {error}");
            return vec![Finding::problem("network", what, "see the certificates of this machine")];
        }
    };
    let mut findings = Vec::new();
    match serving {
        Some(address) => findings.push(ready(&client, address).await),
        None => findings.push(port(settings.listen)),
    }
    if let Some(url) = &settings.public_url {
        findings.push(public(&client, url, serving.is_some()).await);
    }
    findings
}

/// Whether a server could listen.
fn port(listen: SocketAddr) -> Finding {
    let check = "listen address";
    match std::net::TcpListener::bind(listen) {
        Ok(_) => Finding::ok(check, format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let what = format!("another program has {listen}");
            Finding::problem(check, what, "end it, or choose another: --listen 127.0.0.1:0 picks a free one")
        }
        Err(error) => {
            let what = format!("nobody can listen on {listen}: {error}");
            Finding::problem(check, what, "choose an address of this machine: --listen 127.0.0.1:8080")
        }
    }
}

async fn ready(client: &reqwest::Client, address: &str) -> Finding {
    let check = "server";
    let mend = "look at its standard error, or restart it";
    let answer = match client.get(format!("{address}/readyz")).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let what = format!("{address}/readyz does not answer: {}", error.without_url());
            return Finding::problem(check, what, mend);
        }
    };
    let status = answer.status();
    if status.is_success() {
        return Finding::ok(check, format!("{address} is ready"));
    }
    // Without a body the status says what there is to say.
    let body: Value = answer.json().await.unwrap_or_default();
    let troubles: Vec<&str> = body["troubles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let why = if troubles.is_empty() { status.to_string() } else { troubles.join(", ") };
    Finding::problem(check, format!("{address} is not ready: {why}"), mend)
}

async fn public(client: &reqwest::Client, url: &axum::http::Uri, served: bool) -> Finding {
    let check = "public URL";
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    if !is_http || url.host().is_none() {
        let what = format!("{url} is not the address of a server");
        return Finding::problem(check, what, "write it with its scheme: --public-url https://chat.example.com");
    }
    let base = url.to_string();
    let address = format!("{}/healthz", base.trim_end_matches('/'));
    match client.get(&address).send().await {
        Ok(answer) if answer.status().is_success() => Finding::ok(check, format!("{address} answers")),
        _ if !served => {
            let what = format!("{address} does not answer, and no server runs");
            Finding::warning(check, what, "start the server, then look again")
        }
        Ok(answer) => {
            let mend = "let the proxy forward every path to the server, and keep the Host header";
            Finding::problem(check, format!("{address} answers {}", answer.status()), mend)
        }
        Err(error) => {
            let what = format!("{address} cannot be reached from this machine: {}", error.without_url());
            Finding::warning(check, what, "see the name, the certificate and the proxy; from elsewhere it may work")
        }
    }
}
