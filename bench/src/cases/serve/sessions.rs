//! A thousand clients of the older transport, each with an event stream that stays open.

use std::net::SocketAddr;

use serde_json::json;

use crate::http::Connection;
use crate::mcp::{head, initialize, initialized, post};
use crate::ours::Database;
use crate::report::{Section, Table, Target};
use crate::server::{Place, Product};
use crate::{Outcome, Settings};

/// Sessions.
const SESSIONS: usize = 1_000;
/// Sessions of each token, below the product's limit.
const OF_A_TOKEN: usize = 50;
/// The most that one may hold, in KiB.
const KIB_MAX: f64 = 64.0;

/// A client.
struct Session {
    stream: Connection,
    head: String,
}

/// Opens them, looks at the memory, has each call once, and looks again.
pub(super) async fn measure(settings: &Settings, section: &mut Section) -> Outcome<()> {
    let product = Product::start(settings, &Place::new(settings, Database::Sqlite, "sessions").await?).await?;
    let (server, mut tokens) = (&product.server, Vec::new());
    for number in 0..SESSIONS.div_ceil(OF_A_TOKEN) {
        tokens.push(product.token(&format!("client {number}")).await?);
    }
    // One session that comes and goes: what all share is made before anything is measured.
    let first = tokens.first().ok_or("no token")?;
    let mut posts = Connection::open(server.address).await?;
    let mut warm = open(server.address, first, &mut posts).await?;
    call(&mut warm, &mut posts, 0).await?;
    drop(warm);
    let before = server.resident_kib()?;
    let mut sessions = Vec::with_capacity(SESSIONS);
    for number in 0..SESSIONS {
        let token = tokens.get(number / OF_A_TOKEN).ok_or("no token")?;
        sessions.push(open(server.address, token, &mut posts).await?);
    }
    let open = (server.resident_kib()? - before) / SESSIONS as f64;
    for (number, session) in sessions.iter_mut().enumerate() {
        call(session, &mut posts, number).await.map_err(|error| format!("session {number}: {error}"))?;
    }
    let called = (server.resident_kib()? - before) / SESSIONS as f64;
    drop(sessions);
    product.server.end().await?;
    section.tables.push(Table {
        title: format!(
            "{SESSIONS} sessions of the older transport (HTTP+SSE), initialized; then each calls a tool once and is answered. Posts of all \
             share one connection"
        ),
        columns: ["", "KiB for each session"].map(str::to_owned).to_vec(),
        rows: vec![
            vec!["open".to_owned(), format!("{open:.1}")],
            vec!["after a call of each".to_owned(), format!("{called:.1}")],
        ],
    });
    section.targets.push(Target {
        what: format!("a session of the older transport, after a call: at most {KIB_MAX} KiB"),
        measured: format!("{called:.1} KiB"),
        reached: Some(called <= KIB_MAX),
    });
    Ok(())
}

async fn open(address: SocketAddr, token: &str, posts: &mut Connection) -> Outcome<Session> {
    let mut stream = Connection::open(address).await?;
    let request = format!(
        "GET /mcp/sse HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\n\r\n"
    );
    let answer = stream.open_stream(request.as_bytes()).await?;
    if answer.status != 200 {
        return Err(format!("a session was refused with {}", answer.status).into());
    }
    let endpoint = String::from_utf8(stream.until(b"data: ").await?)?;
    let path = endpoint.rsplit_once("data: ").map(|(_, path)| path.trim()).ok_or("no address to post to")?;
    let mut session = Session { stream, head: head(address, path, Some(token)) };
    accepted(posts, &post(&session.head, &initialize())).await?;
    session.stream.until(br#""serverInfo""#).await?;
    accepted(posts, &post(&session.head, &initialized())).await?;
    Ok(session)
}

async fn call(session: &mut Session, posts: &mut Connection, number: usize) -> Outcome<()> {
    let message = json!({"jsonrpc": "2.0", "id": format!("call-{number}"), "method": "tools/call", "params": {
        "name": "list_contacts", "arguments": {"email": "nobody@example.com"},
    }});
    accepted(posts, &post(&session.head, &message)).await?;
    let answer = session.stream.until(format!(r#""id":"call-{number}""#).as_bytes()).await?;
    match memchr::memmem::find(&answer, br#""isError":false"#) {
        Some(_) => Ok(()),
        None => Err(format!("no result: {}", String::from_utf8_lossy(&answer)).into()),
    }
}

async fn accepted(posts: &mut Connection, request: &[u8]) -> Outcome<()> {
    let mut body = Vec::new();
    match posts.call(request, &mut body).await?.status {
        202 => Ok(()),
        status => Err(format!("status {status}: {}", String::from_utf8_lossy(&body)).into()),
    }
}
