//! Flows that ask servers elsewhere: what they send, what they make of the answer, and that nobody else waits for it.

use serde_json::{Value, json};

use crate::asked_server::{AskedServer, until};
use crate::database;
use crate::fixture::{Program, says};
use crate::flow_runs::{flow, publish, reference, run, sent};

/// A program whose flows may ask servers at 127.0.0.1.
async fn program() -> Program {
    Program::start_allowing(&["127.0.0.1/32"]).await
}

/// A flow that begins by the word `go`.
fn by_word(name: &str, word: &str, steps: &Value, variables: &Value) -> Value {
    flow(name, steps, &json!({"start": [{"keyword": {"any": [word]}}], "variables": variables}))
}

#[tokio::test]
async fn what_a_server_answers_is_kept_and_used_and_nothing_of_it_is_in_the_log_in_clear() {
    let (program, server) = (program().await, AskedServer::start().await);
    let steps = json!({
        "call": {"http": {
            "url": server.url("/hook/{{ contact.firstName }}"), "headers": {"X-Name": "{{ contact.firstName }}"},
            "json": {"id": "{{ contact.id }}", "says": "{{ lastInput }}"}, "saveTo": "run.reply",
        }},
        "thanks": {"send": {"text": "{{ run.reply.points }} points for {{ run.reply.word }}"}},
    });
    publish(&program, by_word("Points", "go", &steps, &json!({"reply": ""}))).await;
    let visitor = program.visitor("Annabella").await;
    says(&visitor, "1", "go").await;
    program.settle().await;
    assert_eq!(sent(&program, &visitor).await, ["7 points for Bienenstich"]);
    let whole = run(&program, "Points").await;
    assert_eq!(whole["status"], "completed", "{whole}");
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].method.as_str(), asked[0].path.as_str()), (1, "POST", "/hook/Annabella"));
    let body: Value = serde_json::from_str(&asked[0].body).expect("JSON");
    assert!(body["id"].as_str().expect("an id").starts_with("con"), "{body}");
    assert_eq!(asked[0].key, format!("{}/call/1", whole["id"].as_str().expect("an id")));
    // What is done is done: neither a start nor new read tables ask again.
    let program = program.restart().await;
    program.settle().await;
    assert_eq!(server.asked().len(), 1);
    let folder = program.folder.path().to_owned();
    program.app.close().await;
    for (name, bytes) in database::stored(&folder).await {
        for secret in ["Annabella", "Bienenstich"] {
            let there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!there, "{secret} is in {name}");
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_leads_to_on_error_and_says_why() {
    let (program, server) = (program().await, AskedServer::start().await);
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("bound").port()
    };
    for (index, (url, code)) in [
        (server.url("/broken"), "status 503"),
        (server.url("/text"), "not_json 200"),
        (server.url("/large"), "too_large"),
        (server.url("/hold"), "timeout"),
        (server.url("/inside"), "refused"),
        (format!("http://127.0.0.1:{closed}/"), "unreachable"),
        ("http://127.0.0.2/".to_owned(), "refused"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "refused"),
        ("http://localhost.:1/".to_owned(), "unreachable"),
        ("http://[::ffff:10.0.0.1]/".to_owned(), "refused"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("Call {index}");
        let steps = json!({
            "call": {"http": {"url": url, "saveTo": "run.reply", "timeout": "1s", "onError": "sorry"}},
            "wrong": {"send": {"text": "It went well."}, "next": "bye"},
            "sorry": {"send": {"text": "{{ run.error.code }} {{ run.error.status }}|{{ run.error.message }}"}},
            "bye": {"end": {}},
        });
        publish(&program, by_word(&name, &format!("go{index}"), &steps, &json!({"reply": ""}))).await;
        let visitor = program.visitor("Ana").await;
        says(&visitor, "1", &format!("go{index}")).await;
        program.settle().await;
        let told = sent(&program, &visitor).await;
        let (told, message) = told[0].split_once('|').expect("two parts");
        assert_eq!(told.trim(), code, "{url}: {message}");
        assert!(message.len() > 10 && !message.contains("127.0.0"), "{message}");
    }
}

#[tokio::test]
async fn without_on_error_the_run_fails_and_without_save_to_any_answer_will_do() {
    let (program, server) = (program().await, AskedServer::start().await);
    let call = |path: &str| json!({"call": {"http": {"url": server.url(path)}}, "bye": {"send": {"text": "Bye."}}});
    for (word, path) in [("bad", "/broken"), ("text", "/text"), ("large", "/large"), ("nothing", "/nothing")] {
        publish(&program, by_word(word, word, &call(path), &json!({}))).await;
        let visitor = program.visitor("Ana").await;
        says(&visitor, "1", word).await;
        program.settle().await;
        let ended = run(&program, word).await;
        let expected = if word == "bad" { "failed" } else { "completed" };
        assert_eq!(ended["status"], expected, "{ended}");
    }
    let failed = run(&program, "bad").await;
    assert!(failed.to_string().contains("request_failed"), "{failed}");
}

/// A flow that asks, then asks the contact; and one that says hello.
async fn busy() -> (Program, AskedServer) {
    let (program, server) = (program().await, AskedServer::start().await);
    let steps = json!({
        "call": {"http": {"url": server.url("/hold"), "timeout": "30s"}},
        "ask": {"question": {"text": "Which cake?", "saveTo": "run.cake"}},
        "thanks": {"send": {"text": "{{ run.cake }} it is."}},
    });
    publish(&program, by_word("Slow", "slow", &steps, &json!({"cake": ""}))).await;
    publish(&program, by_word("Quick", "quick", &json!({"hi": {"send": {"text": "Hi."}}}), &json!({}))).await;
    (program, server)
}

#[tokio::test]
async fn nobody_else_waits_for_a_slow_server_and_what_is_written_meanwhile_is_kept() {
    let (program, server) = busy().await;
    let (ana, bo) = (program.visitor("Ana").await, program.visitor("Bo").await);
    says(&ana, "1", "slow").await;
    let meanwhile = async {
        server.is_asked(1).await;
        says(&bo, "1", "quick").await;
        until(async || sent(&program, &bo).await == ["Hi."]).await;
        let waits = run(&program, "Slow").await;
        assert_eq!((&waits["status"], &waits["waits"]["for"]), (&json!("waiting"), &json!("http")));
        // No keyword: it is for what the run asks next. A keyword is one, whoever waits.
        says(&ana, "2", "Bienenstich").await;
        says(&ana, "3", "quick").await;
        until(async || sent(&program, &ana).await == ["Hi."]).await;
        server.let_go();
    };
    tokio::join!(program.settle(), meanwhile);
    program.settle().await;
    assert_eq!(sent(&program, &ana).await, ["Hi.", "Which cake?", "Bienenstich it is."]);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn when_a_person_steps_in_meanwhile_the_run_ends_and_its_answer_is_not_used() {
    let (program, server) = busy().await;
    let ana = program.visitor("Ana").await;
    says(&ana, "1", "slow").await;
    let meanwhile = async {
        server.is_asked(1).await;
        let owner = json!({"contactId": reference(&ana), "as": "human"});
        program.done("take_over_conversation", owner).await;
        until(async || run(&program, "Slow").await["status"] == "cancelled").await;
        server.let_go();
    };
    tokio::join!(program.settle(), meanwhile);
    assert!(sent(&program, &ana).await.is_empty());
}

/// A program that ends in order while a server is asked, which answers then or not; what the contact was told after the next start.
async fn told_after_an_end(is_answered: bool) -> Vec<String> {
    let (program, server) = (program().await, AskedServer::start().await);
    let call = json!({"url": server.url("/hold"), "json": {}, "timeout": "30s", "onError": "sorry"});
    let steps = json!({
        "call": {"http": call},
        "well": {"send": {"text": "Well."}, "next": "bye"},
        "sorry": {"send": {"text": "Sorry: {{ run.error.code }}"}},
        "bye": {"end": {}},
    });
    publish(&program, by_word("Slow", "slow", &steps, &json!({}))).await;
    let ana = program.visitor("Ana").await;
    let running = tokio::spawn(std::sync::Arc::clone(&program.reactions).run());
    says(&ana, "1", "slow").await;
    server.is_asked(1).await;
    program.app.stopping().cancel();
    let ending = std::time::Instant::now();
    if is_answered {
        server.let_go();
    }
    // It keeps its checkpoint: what it has announced lies before it.
    running.await.expect("it ends");
    // Half of the lease of these programs.
    let patience = std::time::Duration::from_millis(300);
    assert!(is_answered || ending.elapsed() >= patience, "it did not wait: {:?}", ending.elapsed());
    let program = program.restart().await;
    program.settle().await;
    let ana = program.reopen(&ana).await;
    assert_eq!(server.asked().len(), 1);
    sent(&program, &ana).await
}

#[tokio::test]
async fn a_program_that_ends_waits_a_little_for_servers_and_the_next_one_knows_of_those_that_did_not_answer() {
    assert_eq!(told_after_an_end(true).await, ["Well."]);
    assert_eq!(told_after_an_end(false).await, ["Sorry: unknown"]);
}

#[tokio::test]
async fn a_request_is_given_up_with_the_lease_and_nobody_knows_then_what_came_of_it() {
    let (program, server) = (program().await, AskedServer::start().await);
    let call = json!({"url": server.url("/hold"), "json": {}, "timeout": "30s", "onError": "sorry"});
    let steps = json!({
        "call": {"http": call, "next": "bye"},
        "sorry": {"send": {"text": "Sorry: {{ run.error.code }}"}},
        "bye": {"end": {}},
    });
    publish(&program, by_word("Slow", "slow", &steps, &json!({}))).await;
    let ana = program.visitor("Ana").await;
    says(&ana, "1", "slow").await;
    // From here on nobody renews the lease: another process might hold it by now.
    tokio::select! {
        () = program.settle() => panic!("the server has not answered"),
        () = server.is_asked(1) => {}
    }
    server.is_given_up(1).await;
    server.let_go();
    program.settle().await;
    assert_eq!(sent(&program, &ana).await, ["Sorry: unknown"]);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn without_the_operators_word_nothing_of_this_machine_is_asked() {
    let (program, server) = (Program::start().await, AskedServer::start().await);
    let steps = json!({"call": {"http": {"url": server.url("/hook")}}});
    publish(&program, by_word("Call", "go", &steps, &json!({}))).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "go").await;
    program.settle().await;
    let failed = run(&program, "Call").await;
    assert!(failed.to_string().contains("--allow-fetch-to"), "it says what to do: {failed}");
    assert!(server.asked().is_empty());
}
