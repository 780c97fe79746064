//! What is spoken at the local socket: one JSON line that says what is wanted, then JSON lines.
//!
//! An MCP opening is answered by `{"ready":{}}`, after which both sides speak newline-delimited JSON-RPC. A command is answered
//! by any number of `{"progress":…}` and one `{"result":…}` or `{"problem":…}`.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::control::ControlCommand;
use crate::problem::{Code, Problem};

/// No line is longer, in either direction: what rmcp takes.
pub const MAX_LINE_BYTES: u64 = 16 << 20;

/// Bytes both ways.
pub trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

/// A connection, over a socket or in memory. Buffered for reading, so that nothing that came with the first line is lost.
pub type Connection = BufReader<Box<dyn Pipe>>;

/// The first line: what the connection is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Opening {
    /// Speak MCP.
    Mcp(McpOpening),
    /// Carry out a command.
    Control(ControlCommand),
    /// Leave the folder to the caller, which is going to serve it.
    Yield {},
}

/// How MCP is to be spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct McpOpening {
    /// The workspace's id or name; the only one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The id or the name of a token to act as, instead of `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The toolsets to list, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toolsets: Option<String>,
    /// Whether every write is refused.
    #[serde(default)]
    pub readonly: bool,
}

/// A line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// MCP may begin.
    Ready {},
    /// How far a command is, or one of the things it lists without end.
    Progress(Value),
    /// What came of a command.
    Result(Value),
    /// Why it was not done.
    Problem(Problem),
}

/// Wraps a stream for [`read_line`] and [`write_line`].
pub fn connection(pipe: impl Pipe + 'static) -> Connection {
    BufReader::new(Box::new(pipe))
}

/// The next line, without its end; nothing when the stream ended. What follows the last line end is a line, too.
///
/// # Errors
/// When reading fails, or a line exceeds [`MAX_LINE_BYTES`].
pub async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
    } else if line.len() as u64 == MAX_LINE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 16 MiB"));
    }
    Ok(Some(line))
}

/// Reads the next line as JSON.
///
/// # Errors
/// When the stream ended or cannot be read, or the line is not what is expected.
pub async fn read_json<T: serde::de::DeserializeOwned>(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<T> {
    let line = read_line(reader).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    serde_json::from_slice(&line).map_err(io::Error::from)
}

/// Writes one line of JSON and sends it off.
///
/// # Errors
/// When the other side is gone.
pub async fn write_json(writer: &mut (impl AsyncWrite + Unpin), value: &impl Serialize) -> io::Result<()> {
    write_line(writer, &serde_json::to_string(value)?).await
}

/// Writes one line and sends it off.
///
/// # Errors
/// When the other side is gone.
pub async fn write_line(writer: &mut (impl AsyncWrite + Unpin), line: &str) -> io::Result<()> {
    writer.write_all(line.as_bytes()).await?;
    writer.write_all(b"\n").await?;
    writer.flush().await
}

/// What a caller is told when the files or the socket of the folder fail.
pub fn unavailable(error: &io::Error) -> Problem {
    Problem::new(Code::Unavailable, format!("the data folder or the process that holds it cannot be reached: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_may_end_with_the_stream() {
        let mut reader = BufReader::new(&b"one\n\ntwo"[..]);
        for expected in [Some(&b"one"[..]), Some(b""), Some(b"two"), None] {
            assert_eq!(read_line(&mut reader).await.unwrap().as_deref(), expected);
        }
    }

    #[test]
    fn an_opening_has_one_written_form() {
        let opening = Opening::Mcp(McpOpening { workspace: Some("Shop".into()), ..McpOpening::default() });
        let text = r#"{"mcp":{"workspace":"Shop","readonly":false}}"#;
        assert_eq!(serde_json::to_string(&opening).unwrap(), text);
        assert_eq!(serde_json::from_str::<Opening>(text).unwrap(), opening);
        assert!(serde_json::from_str::<Opening>(r#"{"mcp":{"workspase":"Shop"}}"#).is_err());
    }
}
