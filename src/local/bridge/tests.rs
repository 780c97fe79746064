//! The bridge between a client and backends that end in the middle of things.

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use super::*;
use crate::local::protocol::connection;

/// What the test says and sees as the backend.
struct Peer {
    reader: BufReader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
}

impl Peer {
    fn new(stream: DuplexStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: BufReader::new(reader), writer }
    }

    async fn hear(&mut self) -> Value {
        heard(&mut self.reader).await
    }

    async fn say(&mut self, message: &Value) {
        write_line(&mut self.writer, &message.to_string()).await.unwrap();
    }
}

async fn heard(reader: &mut BufReader<impl AsyncRead + Unpin>) -> Value {
    serde_json::from_slice(&read_line(reader).await.unwrap().expect("a line")).unwrap()
}

/// Gives the backends of the test, one after the other.
struct Scripted(mpsc::UnboundedReceiver<Result<DuplexStream, Problem>>);

impl Connector for Scripted {
    async fn connect(&mut self) -> Result<Backend, Problem> {
        match self.0.recv().await {
            Some(Ok(stream)) => Ok(Backend::over(connection(stream))),
            Some(Err(problem)) => Err(problem),
            None => Err(Problem::new(Code::Unavailable, "there is no other backend")),
        }
    }
}

struct Setting {
    backends: mpsc::UnboundedSender<Result<DuplexStream, Problem>>,
    stdin: DuplexStream,
    stdout: BufReader<DuplexStream>,
    bridge: JoinHandle<Result<(), Problem>>,
}

impl Setting {
    fn new() -> Self {
        let (backends, scripted) = mpsc::unbounded_channel();
        let (stdin, client_in) = tokio::io::duplex(1 << 16);
        let (stdout, client_out) = tokio::io::duplex(1 << 16);
        let bridge = tokio::spawn(run(Scripted(scripted), client_in, client_out));
        Self { backends, stdin, stdout: BufReader::new(stdout), bridge }
    }

    fn backend(&self) -> Peer {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        self.backends.send(Ok(theirs)).unwrap();
        Peer::new(ours)
    }

    async fn say(&mut self, message: &Value) {
        write_line(&mut self.stdin, &message.to_string()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        heard(&mut self.stdout).await
    }

    /// Hangs up and gives what stands on standard output that nobody has read.
    async fn rest(mut self) -> (Result<(), Problem>, String) {
        drop(self.stdin);
        let ended = self.bridge.await.unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).await.unwrap();
        (ended, rest)
    }
}

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn result(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

async fn shake_hands(setting: &mut Setting, backend: &mut Peer) {
    setting.say(&request(0, "initialize", &json!({"protocolVersion": "2025-11-25"}))).await;
    let initialize = backend.hear().await;
    backend.say(&result(&initialize["id"], &json!({"serverInfo": {"name": "one"}}))).await;
    assert_eq!(setting.hear().await["id"], 0);
    setting.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!(backend.hear().await["method"], "notifications/initialized");
}

#[tokio::test]
async fn a_call_in_flight_is_repeated_at_the_next_backend_and_answered_once() {
    let mut setting = Setting::new();
    let mut first = setting.backend();
    shake_hands(&mut setting, &mut first).await;
    setting.say(&request(1, "tools/call", &json!({"name": "add_contact_tags", "arguments": {"n": 1.0}}))).await;
    setting.say(&request(2, "tools/call", &json!({"name": "get_workspace"}))).await;
    let calls = [first.hear().await, first.hear().await];
    first.say(&result(&json!(2), &json!({"from": "first"}))).await;
    assert_eq!(setting.hear().await["result"]["from"], "first");
    drop(first);

    let mut second = setting.backend();
    let again = second.hear().await;
    assert_eq!((&again["method"], &again["params"]["protocolVersion"]), (&json!("initialize"), &json!("2025-11-25")));
    second.say(&result(&again["id"], &json!({"serverInfo": {"name": "two"}}))).await;
    assert_eq!(second.hear().await["method"], "notifications/initialized");
    let repeated = second.hear().await;
    assert_eq!(repeated, calls[0]);
    assert!(repeated["params"]["_meta"][REQUEST_ID].is_string());
    // Twice, as a backend might that had answered before it ended.
    second.say(&result(&json!(1), &json!({"from": "second"}))).await;
    second.say(&result(&json!(1), &json!({"from": "second"}))).await;
    assert_eq!(setting.hear().await["result"]["from"], "second");
    assert_eq!(setting.rest().await, (Ok(()), String::new()));
}

#[tokio::test]
async fn a_call_made_between_two_backends_is_answered_by_the_next() {
    let mut setting = Setting::new();
    let mut first = setting.backend();
    shake_hands(&mut setting, &mut first).await;
    drop(first);
    setting.say(&request(1, "ping", &json!({}))).await;
    let mut second = setting.backend();
    let again = second.hear().await;
    second.say(&result(&again["id"], &json!({}))).await;
    second.hear().await;
    assert_eq!(second.hear().await["method"], "ping");
    second.say(&result(&json!(1), &json!({}))).await;
    assert_eq!(setting.hear().await["id"], 1);
    assert_eq!(setting.rest().await, (Ok(()), String::new()));
}

#[tokio::test]
async fn a_client_that_hangs_up_still_gets_its_answers() {
    let setting = Setting::new();
    let mut backend = setting.backend();
    let mut setting = setting;
    setting.say(&request(1, "tools/list", &json!({}))).await;
    backend.hear().await;
    let ending = tokio::spawn(setting.rest());
    backend.say(&result(&json!(1), &json!({"tools": []}))).await;
    let (ended, rest) = ending.await.unwrap();
    assert_eq!(ended, Ok(()));
    assert_eq!(serde_json::from_str::<Value>(&rest).unwrap()["result"]["tools"], json!([]));
}

#[tokio::test]
async fn a_refusal_is_told_to_every_call_and_ends_the_bridge() {
    let mut setting = Setting::new();
    let mut first = setting.backend();
    setting.say(&request(1, "tools/list", &json!({}))).await;
    first.hear().await;
    setting.backends.send(Err(Problem::new(Code::Forbidden, "the token was revoked"))).unwrap();
    drop(first);
    let refusal = setting.hear().await;
    assert_eq!((&refusal["id"], &refusal["error"]["data"]["code"]), (&json!(1), &json!("forbidden")));
    let (ended, rest) = setting.rest().await;
    assert_eq!((ended.unwrap_err().code, rest), (Code::Forbidden, String::new()));
}

#[tokio::test]
async fn when_nobody_answers_the_client_is_told_and_may_try_again() {
    let mut setting = Setting::new();
    let mut first = setting.backend();
    setting.say(&request(1, "tools/list", &json!({}))).await;
    first.hear().await;
    setting.backends.send(Err(Problem::new(Code::Unavailable, "nobody is there"))).unwrap();
    drop(first);
    assert_eq!(setting.hear().await["error"]["data"]["code"], "unavailable");
    setting.say(&request(2, "tools/list", &json!({}))).await;
    let mut second = setting.backend();
    assert_eq!(second.hear().await["id"], 2);
    second.say(&result(&json!(2), &json!({}))).await;
    assert_eq!(setting.hear().await["id"], 2);
    assert_eq!(setting.rest().await, (Ok(()), String::new()));
}

#[tokio::test]
async fn a_line_that_is_no_message_is_answered_and_goes_nowhere() {
    let mut setting = Setting::new();
    let mut backend = setting.backend();
    setting.stdin.write_all(b"{broken\n\n").await.unwrap();
    assert_eq!(setting.hear().await["error"]["code"], -32700);
    setting
        .stdin
        .write_all(br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#)
        .await
        .unwrap();
    setting.stdin.write_all(b"\n").await.unwrap();
    for id in [1, 2] {
        assert_eq!(backend.hear().await["id"], id);
        backend.say(&result(&json!(id), &json!({}))).await;
        assert_eq!(setting.hear().await["id"], id);
    }
    assert_eq!(setting.rest().await, (Ok(()), String::new()));
}
