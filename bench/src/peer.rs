//! A peer in a program of its own: it is told by lines of JSON what to do and answers each by one.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::Outcome;

/// A running peer. It ends when its input does.
pub struct Peer {
    name: String,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts one. Its errors go where ours go.
    pub fn start(name: &str, command: &mut Command) -> Outcome<Self> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = started.map_err(|error| format!("{name} cannot be started: {error}"))?;
        let input = child.stdin.take().ok_or("a peer without input")?;
        let output = BufReader::new(child.stdout.take().ok_or("a peer without output")?).lines();
        Ok(Self { name: name.to_owned(), child, input, output })
    }

    /// Asks and waits for the answer.
    pub async fn ask(&mut self, question: &Value) -> Outcome<Value> {
        self.input.write_all(format!("{question}\n").as_bytes()).await?;
        self.input.flush().await?;
        // Some libraries print words of their own before.
        let line = loop {
            let line =
                self.output.next_line().await?.ok_or_else(|| format!("{} ended without an answer", self.name))?;
            if line.starts_with('{') {
                break line;
            }
        };
        let answer: Value = serde_json::from_str(&line).map_err(|error| format!("{}: {error}: {line}", self.name))?;
        match answer.get("error") {
            Some(error) => Err(format!("{}: {error}", self.name).into()),
            None => Ok(answer),
        }
    }

    /// Ends it and waits for its end.
    pub async fn end(self) -> Outcome<()> {
        let Self { mut child, input, .. } = self;
        drop(input);
        child.wait().await?;
        Ok(())
    }
}
