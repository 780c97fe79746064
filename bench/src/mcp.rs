//! Calls of tools as a client of MCP sends them, put together as bytes.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::Outcome;
use crate::http::Connection;

/// How a client speaks to a server.
#[derive(Clone, Debug)]
pub enum Dialect {
    /// Revision 2026-07-28: every request stands alone.
    Alone,
    /// Revision 2025-06-18 without a session, for servers that know nothing newer.
    Sessionless,
    /// Revision 2025-06-18 in a session.
    Session(String),
}

/// The last revision that has no sessions.
const ALONE: &str = "2026-07-28";
/// The revision of the older clients.
const OLDER: &str = "2025-06-18";

/// A tool on a server.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Where the server is.
    pub address: SocketAddr,
    head: String,
    before: String,
    after: &'static str,
}

impl Tool {
    /// The tool `name` of a server that wants `token`, if it wants one.
    pub fn new(address: SocketAddr, token: Option<&str>, dialect: Dialect, name: &str) -> Self {
        let mut head = head(address, "/mcp", token);
        let mut after = "}";
        match &dialect {
            Dialect::Alone => {
                head += &format!("mcp-protocol-version: {ALONE}\r\nmcp-method: tools/call\r\nmcp-name: {name}\r\n");
                after = concat!(
                    r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                    r#""io.modelcontextprotocol/clientCapabilities":{}}}"#
                );
            }
            Dialect::Sessionless => head += &format!("mcp-protocol-version: {OLDER}\r\n"),
            Dialect::Session(id) => head += &format!("mcp-protocol-version: {OLDER}\r\nmcp-session-id: {id}\r\n"),
        }
        let before = format!(r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"{name}","arguments":"#);
        Self { address, head, before, after }
    }

    /// Writes the bytes of a call. Calls of one session that run at the same time need different ids.
    pub fn write(&self, id: usize, arguments: &str, request: &mut Vec<u8>) {
        let digits = id.checked_ilog10().unwrap_or_default() as usize + 1;
        let length = self.before.len() + arguments.len() + self.after.len() + r#","id":}"#.len() + digits;
        let Self { head, before, after, .. } = self;
        request.clear();
        // Writing into a vector cannot fail.
        let _ = write!(request, "{head}content-length: {length}\r\n\r\n{before}{arguments}{after},\"id\":{id}}}");
    }

    /// Calls it once; gives the structured content of the result.
    pub async fn call(&self, connection: &mut Connection, arguments: &Value) -> Outcome<Value> {
        let (mut request, mut body) = (Vec::new(), Vec::new());
        self.write(1, &arguments.to_string(), &mut request);
        let head = connection.call(&request, &mut body).await?;
        let text = String::from_utf8_lossy(&body);
        // An answer is JSON, or an event whose data is JSON.
        let line = text.lines().find_map(|line| line.strip_prefix("data: ").or(line.starts_with('{').then_some(line)));
        let mut answer: Value = serde_json::from_str(line.unwrap_or_default())
            .map_err(|error| format!("{arguments}: status {}, {error}: {text}", head.status))?;
        match answer["result"]["isError"].as_bool() {
            Some(false) | None if answer["result"].is_object() => Ok(answer["result"]["structuredContent"].take()),
            _ => Err(format!("{arguments}: {text}").into()),
        }
    }
}

/// The head of a post of a client of MCP, up to the length of its body.
pub fn head(address: SocketAddr, path: &str, token: Option<&str>) -> String {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\n{token}accept: application/json, text/event-stream\r\n\
         content-type: application/json\r\n"
    )
}

/// A post of a message.
pub fn post(head: &str, message: &Value) -> Vec<u8> {
    let message = message.to_string();
    format!("{head}content-length: {}\r\n\r\n{message}", message.len()).into_bytes()
}

/// What a client of an older revision says first.
pub fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": OLDER, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"},
    }})
}

/// And then, when it was answered.
pub fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// Begins a session over Streamable HTTP.
pub async fn begin_session(address: SocketAddr, token: &str) -> Outcome<Dialect> {
    let (mut connection, mut body) = (Connection::open(address).await?, Vec::new());
    let head = head(address, "/mcp", Some(token));
    let answer = connection.call(&post(&head, &initialize()), &mut body).await?;
    let id = answer.session.ok_or_else(|| format!("no session: {}", String::from_utf8_lossy(&body)))?;
    let head = format!("{head}mcp-protocol-version: {OLDER}\r\nmcp-session-id: {id}\r\n");
    let answer = connection.call(&post(&head, &initialized()), &mut body).await?;
    if answer.status != 202 {
        return Err(format!("a session was not begun: status {}", answer.status).into());
    }
    Ok(Dialect::Session(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_as_long_as_it_says_and_a_message() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        for dialect in [Dialect::Alone, Dialect::Sessionless, Dialect::Session("s".to_owned())] {
            for id in [0, 9, 10, 12_345] {
                let mut request = Vec::new();
                Tool::new(address, Some("secret"), dialect.clone(), "echo").write(id, r#"{"a":1}"#, &mut request);
                let request = String::from_utf8(request).unwrap();
                let (head, body) = request.split_once("\r\n\r\n").unwrap();
                assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())), "{request}");
                let message: Value = serde_json::from_str(body).unwrap();
                assert_eq!(message["id"], id);
                assert_eq!(message["params"]["arguments"], json!({"a": 1}));
                assert_eq!(message["params"]["_meta"].is_object(), matches!(dialect, Dialect::Alone));
                assert_eq!(body.matches(r#""id""#).count(), 1);
            }
        }
    }
}
