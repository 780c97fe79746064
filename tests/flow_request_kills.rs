//! A flow that asks a server, and whose program dies after every single append, and while the server is about to answer: the server is asked
//! once, and the run goes on where it should.

use chatbotx::channels::webchat::Session;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::asked_server::AskedServer;
use crate::fixture::{Program, says};
use crate::flow_runs::{flow, publish, run, sent};

/// Programs that live and die at a time.
const STORIES_AT_ONCE: usize = 4;

/// Where the program dies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    Never,
    /// Right after this position is in the log, before whoever wrote it knows.
    After(u64),
    /// When the server was asked and has not answered.
    WhileAsking,
}

/// What is left when all is done.
#[derive(Debug)]
struct Told {
    texts: Vec<String>,
    status: Value,
    /// The keys under which the server was asked.
    asked: Vec<String>,
    /// What the run's timeline says of requests, in order: how often each was announced, and what came of it.
    requests: Vec<String>,
    first: u64,
    last: u64,
}

async fn settle(program: Program, visitor: Session, death: Death, server: &AskedServer) -> (Program, Session) {
    let mut commits = program.app.log().stream().follow(program.caller.workspace);
    let dies = async {
        match death {
            Death::Never => std::future::pending::<()>().await,
            Death::After(at) => {
                let _head = commits.wait_for(|head| *head >= at).await;
            }
            Death::WhileAsking => server.is_asked(1).await,
        }
    };
    let died = tokio::select! {
        biased;
        () = dies => true,
        () = program.settle() => false,
    };
    if !died {
        return (program, visitor);
    }
    let program = program.restart().await;
    server.let_go();
    let visitor = program.reopen(&visitor).await;
    program.settle().await;
    (program, visitor)
}

/// A flow that asks with `method`, and says how that went.
async fn told(method: &str, death: Death) -> Told {
    let (program, server) = (Program::start_allowing(&["127.0.0.1/32"]).await, AskedServer::start().await);
    let path = if death == Death::WhileAsking { "/hold" } else { "/points" };
    let steps = json!({
        "hello": {"send": {"text": "Hello."}},
        "call": {"http": {"method": method, "url": server.url(path), "saveTo": "run.reply", "onError": "sorry"}},
        "well": {"send": {"text": "{{ run.reply.points }} points"}, "next": "bye"},
        "sorry": {"send": {"text": "Sorry: {{ run.error.code }}"}},
        "bye": {"send": {"text": "Bye."}},
    });
    let more = json!({"start": [{"keyword": {"any": ["go"]}}], "variables": {"reply": ""}});
    publish(&program, flow("Call", &steps, &more)).await;
    let visitor = program.visitor("Ana").await;
    let first = program.head().await;
    says(&visitor, "1", "go").await;
    let (program, visitor) = settle(program, visitor, death, &server).await;
    let run = run(&program, "Call").await;
    let whole = program.done("get_flow_run", json!({"runId": run["id"], "limit": 100})).await;
    let timeline = whole["timeline"].as_array().expect("a timeline");
    let moments = timeline.iter().filter(|moment| moment["type"].as_str().is_some_and(|name| name.contains("Request")));
    let requests = moments.map(|moment| match moment["type"].as_str() {
        Some("FlowRunRequestStarted") => format!("asks {}", moment["data"]["attempt"]),
        _ => moment["data"]["error"].as_str().unwrap_or("answered").to_owned(),
    });
    Told {
        texts: sent(&program, &visitor).await,
        status: run["status"].clone(),
        asked: server.asked().into_iter().map(|asked| asked.key).collect(),
        requests: requests.collect(),
        first,
        last: program.head().await,
    }
}

/// Tells the story with a death at every position at which one can happen.
async fn with_deaths(method: &str) -> Vec<(u64, Told)> {
    let whole = told(method, Death::Never).await;
    assert_eq!(
        (&whole.texts[..], &whole.status),
        (&["Hello.", "7 points", "Bye."].map(str::to_owned)[..], &json!("completed"))
    );
    assert_eq!((whole.asked.len(), &whole.requests[..]), (1, &["asks 1", "answered"].map(str::to_owned)[..]));
    let deaths = whole.first + 1..=whole.last;
    assert!(deaths.clone().count() >= 10, "only {deaths:?}");
    let stories = futures::stream::iter(deaths)
        .map(|position| async move { (position, told(method, Death::After(position)).await) });
    stories.buffer_unordered(STORIES_AT_ONCE).collect().await
}

#[tokio::test]
async fn a_request_that_must_not_be_repeated_is_made_at_most_once_wherever_the_program_dies() {
    let mut unknown = 0;
    for (position, story) in with_deaths("POST").await {
        assert_eq!(story.status, "completed", "after a death at {position}: {story:?}");
        let went_well = story.requests == ["asks 1", "answered"];
        if went_well {
            assert_eq!(story.texts, ["Hello.", "7 points", "Bye."], "after a death at {position}");
            assert_eq!(story.asked.len(), 1, "after a death at {position}");
        } else {
            // It died between the announcement and the request, or before the outcome was written.
            unknown += 1;
            assert_eq!(story.requests, ["asks 1", "unknown"], "after a death at {position}");
            assert_eq!(story.texts, ["Hello.", "Sorry: unknown", "Bye."], "after a death at {position}");
            assert!(story.asked.len() <= 1, "after a death at {position}: {:?}", story.asked);
        }
    }
    assert!(unknown >= 1, "no death fell between the announcement and the request");
}

#[tokio::test]
async fn a_request_that_is_safe_to_repeat_is_made_again_under_the_same_key_when_nobody_knows() {
    let mut again = 0;
    for (position, story) in with_deaths("GET").await {
        assert_eq!(story.texts, ["Hello.", "7 points", "Bye."], "after a death at {position}: {story:?}");
        assert_eq!(story.asked.len(), 1, "after a death at {position}: it died before the request left");
        if story.requests != ["asks 1", "answered"] {
            again += 1;
            // Once more where a busy machine let the lease end: nobody knows then, either.
            let attempts = story.requests.len() / 2;
            let outcome = |attempt| if attempt == attempts { "answered" } else { "unknown" };
            let expected = (1..=attempts).flat_map(|attempt| [format!("asks {attempt}"), outcome(attempt).to_owned()]);
            assert_eq!(story.requests, expected.collect::<Vec<_>>(), "after a death at {position}");
        }
    }
    assert!(again >= 1, "no death fell between the announcement and the request");
}

#[tokio::test]
async fn a_program_that_dies_while_a_server_answers_does_not_know_and_says_so() {
    let posted = told("POST", Death::WhileAsking).await;
    assert_eq!((posted.texts, posted.asked.len()), (["Hello.", "Sorry: unknown", "Bye."].map(str::to_owned).into(), 1));
    assert_eq!(posted.requests, ["asks 1", "unknown"]);
    let got = told("GET", Death::WhileAsking).await;
    assert_eq!(got.texts, ["Hello.", "7 points", "Bye."]);
    assert_eq!(got.requests, ["asks 1", "unknown", "asks 2", "answered"]);
    assert_eq!(got.asked.len(), 2);
    assert_eq!(got.asked[0], got.asked[1], "who knows the key knows that it is the same request");
}
