//! HTTP/1.1 as cheap as it gets, for the side that asks: it shares the machine with the server that it measures. Requests are bytes
//! that were put together before; of an answer the head is parsed and the body cut out.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// Header lines of an answer that are understood; a server with more is refused.
const HEADERS_MAX: usize = 32;

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// How the end of a body is known.
#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunks,
}

/// The head of an answer.
pub struct Head {
    /// The status.
    pub status: u16,
    /// The session that the server began, if it did.
    pub session: Option<String>,
    length: Length,
    bytes: usize,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its answer: its head, and its body in `body`.
    pub async fn call(&mut self, request: &[u8], body: &mut Vec<u8>) -> Outcome<Head> {
        let head = self.open_stream(request).await?;
        body.clear();
        let mut place = head.bytes;
        match head.length {
            Length::Bytes(length) => {
                self.fill(place + length).await?;
                body.extend(self.read.drain(..place + length).skip(place));
            }
            Length::Chunks => loop {
                let (skip, length) = match httparse::parse_chunk_size(self.read.get(place..).unwrap_or_default()) {
                    Ok(httparse::Status::Complete((skip, length))) => (skip, usize::try_from(length)?),
                    Ok(httparse::Status::Partial) => {
                        self.more().await?;
                        continue;
                    }
                    Err(_) => return Err("an answer with a chunk of no size".into()),
                };
                let from = place + skip;
                // A chunk, and the last one too, ends with an empty line.
                self.fill(from + length + 2).await?;
                body.extend_from_slice(self.read.get(from..from + length).unwrap_or_default());
                place = from + length + 2;
                if length == 0 {
                    self.read.drain(..place);
                    break;
                }
            },
        }
        Ok(head)
    }

    /// Sends a request and reads the head of its answer only; what follows is read with [`Self::until`].
    pub async fn open_stream(&mut self, request: &[u8]) -> Outcome<Head> {
        self.stream.write_all(request).await?;
        loop {
            if let Some(head) = parse(&self.read)? {
                return Ok(head);
            }
            self.more().await?;
        }
    }

    /// Reads an endless answer until it holds `sign`; gives everything up to its line's end.
    pub async fn until(&mut self, sign: &[u8]) -> Outcome<Vec<u8>> {
        loop {
            if let Some(place) = memchr::memmem::find(&self.read, sign)
                && let Some(end) = memchr::memchr(b'\n', self.read.get(place..).unwrap_or_default())
            {
                return Ok(self.read.drain(..=place + end).collect());
            }
            self.more().await?;
        }
    }

    async fn fill(&mut self, length: usize) -> Outcome<()> {
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Outcome<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(format!("a server hung up after {:?}", String::from_utf8_lossy(&self.read)).into()),
            _ => Ok(()),
        }
    }
}

fn parse(bytes: &[u8]) -> Outcome<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length_of_head) = response.parse(bytes)? else { return Ok(None) };
    let mut head =
        Head { status: response.code.unwrap_or(0), session: None, length: Length::Bytes(0), bytes: length_of_head };
    for header in &*response.headers {
        let value = std::str::from_utf8(header.value)?;
        if header.name.eq_ignore_ascii_case("content-length") {
            head.length = Length::Bytes(value.parse()?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            head.length = Length::Chunks;
        } else if header.name.eq_ignore_ascii_case("mcp-session-id") {
            head.session = Some(value.to_owned());
        }
    }
    Ok(Some(head))
}

/// A GET that is answered once.
pub fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes()
}
