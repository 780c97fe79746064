//! `chatbotx chat`: plays the customer on webchat from a terminal, so that a person can try the whole loop alone.

use std::borrow::Cow;
use std::time::Duration;

use aggregates::folding::is_hidden;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::arguments::ChatArguments;
use super::chat_stream::{Heard, listen};
use super::options::GlobalOptions;
use crate::local::protocol::unavailable;
use crate::local::server_file::ServerFile;
use crate::problem::{Code, Problem};

/// How often a message is sent again, under the same id, before the person is told.
const TRIES: u32 = 8;

/// A visitor of a webchat account.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) client: reqwest::Client,
    /// Ends with a slash.
    pub(super) base: Url,
    pub(super) secret: String,
}

/// A button that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Button {
    id: String,
    title: String,
}

/// What a person typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Nothing,
    Quit,
    Say(String),
    Press(String),
    NoSuchButton,
}

/// Chats until the person ends it.
///
/// # Errors
/// `unavailable` when no server runs; what the server refused.
pub async fn chat(options: &GlobalOptions, arguments: ChatArguments) -> Result<(), Problem> {
    let server = match arguments.url {
        Some(url) => url,
        None => local_server(options)?,
    };
    let visitor = Visitor::arrive(server, &arguments.account, arguments.name.as_deref()).await?;
    println!(
        "You write as {}. /1 presses the first button, /quit ends.",
        arguments.name.as_deref().unwrap_or("a visitor")
    );
    let (heard, mut events) = mpsc::channel(64);
    let listening = tokio::spawn(listen(visitor.clone(), heard));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut buttons = Vec::new();
    let outcome = loop {
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { break Ok(()) };
                let message = match typed(&line, &buttons) {
                    Typed::Nothing => continue,
                    Typed::Quit => break Ok(()),
                    Typed::NoSuchButton => { println!("  there is no such button"); continue }
                    Typed::Say(text) => json!({ "text": text }),
                    Typed::Press(id) => json!({ "buttonId": id }),
                };
                if let Err(problem) = visitor.send(message).await {
                    println!("  not sent: {}", visible(&problem.message));
                }
            }
            event = events.recv() => match event {
                Some(Heard::Message(message)) => {
                    buttons = show(&message);
                    visitor.confirm(&message).await;
                }
                Some(Heard::Lost) => println!("  the connection is lost, trying again"),
                Some(Heard::Back) => println!("  connected again"),
                Some(Heard::Refused(problem)) => break Err(problem),
                None => break Ok(()),
            },
        }
    };
    listening.abort();
    outcome
}

fn local_server(options: &GlobalOptions) -> Result<Url, Problem> {
    let file = ServerFile::read_live(&options.folder()?).map_err(|error| unavailable(&error))?;
    file.and_then(|file| file.address).and_then(|address| address.parse().ok()).ok_or_else(|| {
        Problem::new(Code::Unavailable, "no server runs on this data folder")
            .hint("start one in another terminal: chatbotx; or name one: --url http://…")
    })
}

impl Visitor {
    async fn arrive(server: Url, account: &str, name: Option<&str>) -> Result<Self, Problem> {
        let mut base = server;
        base.path_segments_mut()
            .map_err(|()| Problem::invalid("url", "this is not the URL of a server"))?
            .clear()
            .extend(["webchat", account, ""]);
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(60))
            .build()
            .map_err(|error| Problem::internal(&error))?;
        let mut visitor = Self { client, base, secret: String::new() };
        let hello = name.map_or_else(|| json!({}), |name| json!({ "name": name }));
        let welcome = visitor.post("visitors", &hello).await?;
        visitor.secret = welcome.get("secret").and_then(Value::as_str).map(str::to_owned).ok_or_else(not_a_webchat)?;
        Ok(visitor)
    }

    /// Sends a message; what is lost on the way is sent again under the same id, and so taken in once.
    async fn send(&self, mut message: Value) -> Result<(), Problem> {
        message["clientMessageId"] = json!(Uuid::new_v4());
        let mut pause = Duration::from_millis(100);
        for _ in 1..TRIES {
            match self.post("messages", &message).await {
                Err(problem) if problem.code == Code::Unavailable => tokio::time::sleep(pause).await,
                outcome => return outcome.map(drop),
            }
            pause *= 2;
        }
        self.post("messages", &message).await.map(drop)
    }

    /// Tells that a message arrived and was seen. It was on the screen when this is called.
    async fn confirm(&self, message: &Value) {
        let Some(id) = message.get("id") else { return };
        for state in ["delivered", "read"] {
            if let Err(problem) = self.post("receipts", &json!({ "messageId": id, "state": state })).await {
                tracing::info!(problem.message, "a receipt was not taken");
            }
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        let url = self.base.join(path).map_err(|error| Problem::internal(&error))?;
        let mut request = self.client.post(url).json(body);
        if !self.secret.is_empty() {
            request = request.bearer_auth(&self.secret);
        }
        let response = request.send().await.map_err(|_| unreachable())?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        if status.is_success() { Ok(answer) } else { Err(refusal(status, &answer)) }
    }
}

/// The server's own problem, or what its status means.
pub(super) fn refusal(status: StatusCode, answer: &Value) -> Problem {
    let message = match answer.get("message").or_else(|| answer.get("detail")).and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => format!("the server answered {status}"),
    };
    let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    Problem::new(if again { Code::Unavailable } else { Code::InvalidInput }, message)
}

pub(super) fn unreachable() -> Problem {
    Problem::new(Code::Unavailable, "the server cannot be reached")
}

fn not_a_webchat() -> Problem {
    Problem::new(Code::Unavailable, "what answers there is no webchat of this program")
}

fn typed(line: &str, buttons: &[Button]) -> Typed {
    let line = line.trim();
    match line.strip_prefix('/').map(|rest| (rest, rest.parse::<usize>())) {
        _ if line.is_empty() => Typed::Nothing,
        Some(("quit", _)) => Typed::Quit,
        Some((_, Ok(number))) => match number.checked_sub(1).and_then(|index| buttons.get(index)) {
            Some(button) => Typed::Press(button.id.clone()),
            None => Typed::NoSuchButton,
        },
        _ => Typed::Say(line.to_owned()),
    }
}

/// Prints a message; gives its buttons, which the next line may press.
fn show(message: &Value) -> Vec<Button> {
    let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
    println!("> {}", visible(text).replace('\n', "\n  "));
    let buttons: Vec<Button> = message
        .get("buttons")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|button| {
            let member = |name: &str| button.get(name).and_then(Value::as_str).map(str::to_owned);
            Some(Button { id: member("id")?, title: member("title").or_else(|| member("text"))? })
        })
        .collect();
    for (index, button) in buttons.iter().enumerate() {
        println!("  /{} {}", index + 1, visible(&button.title));
    }
    buttons
}

/// The text with characters that a terminal would obey, or that hide words, written out.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    // A carriage return lets later words stand over earlier ones.
    let hides = |letter: char| letter == '\r' || is_hidden(letter);
    if !text.contains(hides) {
        return Cow::Borrowed(text);
    }
    let shown = |letter: char| if hides(letter) { letter.escape_unicode().to_string() } else { letter.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_after_a_slash_presses_a_button() {
        let button = |id: &str| Button { id: id.into(), title: "t".into() };
        let buttons = [button("yes"), button("no")];
        for (line, expected) in [
            ("/1", Typed::Press("yes".into())),
            (" /2 ", Typed::Press("no".into())),
            ("/0", Typed::NoSuchButton),
            ("/3", Typed::NoSuchButton),
            ("/quit", Typed::Quit),
            ("/help me", Typed::Say("/help me".into())),
            ("hello ", Typed::Say("hello".into())),
            ("  ", Typed::Nothing),
        ] {
            assert_eq!(typed(line, &buttons), expected, "{line}");
        }
    }

    #[test]
    fn a_terminal_is_given_no_hidden_characters() {
        assert_eq!(visible("Café ☕\nok"), "Café ☕\nok");
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c\rd"), "a\\u{1b}[2Jb\\u{202e}c\\u{d}d");
    }

    #[test]
    fn the_buttons_of_the_last_message_are_the_ones_to_press() {
        let message = json!({"id": "msg_1", "text": "?", "buttons": [{"id": "b1", "title": "Yes"}, {"id": "b2"}]});
        assert_eq!(show(&message), [Button { id: "b1".into(), title: "Yes".into() }]);
        assert_eq!(show(&json!({"text": "plain"})), []);
    }
}
