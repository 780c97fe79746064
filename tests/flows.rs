//! Flows as documents: drafts that may be unfinished, versions that never change, names that are unique, and what is checked before one
//! starts.

use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::{Program, call_as, neighbour, same_tables, says};
use crate::flow_runs::{flow, publish, reference};

pub const WELCOME: &str = "\
formatVersion: 1
name: Welcome
# Comments are the author's own.
steps:
  hello:
    send: { text: \"Hi {{ contact.firstName | default('there') }}!\" }
  ask:
    question: { text: Which cake?, saveTo: customField.Cake }
  thanks:
    send: { text: \"{{ lastInput }} it is.\" }
";

fn say(text: &str) -> Value {
    json!({"say": {"send": {"text": text}}})
}

#[tokio::test]
async fn a_draft_may_be_unfinished_and_is_published_only_when_nothing_is_wrong_with_it() {
    let program = Program::start().await;
    let made = program.done("create_flow", json!({ "yaml": WELCOME })).await;
    assert_eq!((&made["valid"], &made["flow"]["hasUnpublishedChanges"]), (&json!(false), &json!(true)));
    let error = &made["errors"][0];
    assert_eq!((&error["code"], &error["path"]), (&json!("unknown_field"), &json!("steps.ask.question.saveTo")));
    let id = made["flow"]["id"].clone();
    let refused = program.refused("publish_flow", json!({ "flowId": id })).await;
    assert_eq!((refused.code, refused.field.as_deref()), (Code::InvalidInput, Some("flowId")));
    assert!(refused.message.contains("steps.ask.question.saveTo"), "{}", refused.message);
    let not_yet = program.done("create_contact", json!({"firstName": "Ana"})).await["contact"]["id"].clone();
    let refused = program.refused("send_contact_flow", json!({"contactId": not_yet, "flowId": "Welcome"})).await;
    assert_eq!((refused.code, refused.field.as_deref()), (Code::Conflict, Some("flowId")));
    assert!(refused.hint.is_some_and(|hint| hint.contains("publish_flow")));

    program.done("create_custom_field", json!({"name": "Cakes", "type": "text"})).await;
    let shown = program.done("get_flow", json!({"flowId": "welcome"})).await;
    assert_eq!(shown["errors"][0]["candidates"][0]["id"], "Cakes", "{}", shown["errors"]);
    program.done("update_custom_field", json!({"field": "Cakes", "name": "Cake"})).await;
    assert_eq!(program.done("validate_flow", json!({ "flowId": id })).await["valid"], true);
    let published = program.done("publish_flow", json!({"flowId": id, "idempotencyKey": "k"})).await;
    assert_eq!((&published["flow"]["publishedVersion"], &published["changed"]), (&json!(1), &json!(true)));
    assert_eq!(published["flow"]["hasUnpublishedChanges"], false);
    let again = program.done("publish_flow", json!({"flowId": id, "idempotencyKey": "k"})).await;
    assert_eq!((&again["replayed"], &again["position"]), (&json!(true), &published["position"]));
    let twice = program.done("publish_flow", json!({ "flowId": id })).await;
    assert_eq!((&twice["changed"], &twice["flow"]["publishedVersion"]), (&json!(false), &json!(1)));
}

#[tokio::test]
async fn every_fault_is_told_at_once_and_checking_writes_nothing() {
    let program = Program::start().await;
    program.done("create_tag", json!({"name": "Newsletter"})).await;
    let before = program.head().await;
    let document = flow(
        "Faults",
        &json!({
            "a": {"sned": {"text": "x"}},
            "b": {"goto": "nowhere"},
            "c": {"condition": {"cases": [{"when": {"field": "tag", "op": "eq", "value": "Newslettre"}, "then": "a"}]}},
        }),
        &json!({}),
    );
    let checked = program.done("validate_flow", json!({ "document": document })).await;
    assert_eq!(checked["valid"], false);
    let errors = checked["errors"].as_array().expect("errors");
    let with = |code: &str| errors.iter().find(|error| error["code"] == code);
    assert_eq!(
        with("unknown_step_kind").map(|error| &error["candidates"][0]["id"]),
        Some(&json!("send")),
        "{errors:?}"
    );
    assert_eq!(with("missing_target").map(|error| &error["path"]), Some(&json!("steps.b.goto")), "{errors:?}");
    assert_eq!(
        with("unknown_tag").map(|error| &error["candidates"][0]["id"]),
        Some(&json!("Newsletter")),
        "{errors:?}"
    );
    let unreadable = program.done("validate_flow", json!({"yaml": "steps: [\nname: x"})).await;
    assert_eq!(unreadable["valid"], false);
    assert_eq!(program.head().await, before);
    for (arguments, field) in [
        (json!({}), "document"),
        (json!({"document": {}, "yaml": "a: 1"}), "document"),
        (json!({"flowId": "x", "document": {}}), "flowId"),
    ] {
        let refused = program.refused("validate_flow", arguments).await;
        assert_eq!((refused.code, refused.field.as_deref()), (Code::InvalidInput, Some(field)));
    }
    let unreadable = program.refused("create_flow", json!({"yaml": "steps: ["})).await;
    assert_eq!((unreadable.code, unreadable.field.as_deref()), (Code::InvalidInput, Some("yaml")));
    let nameless = program.refused("create_flow", json!({"document": {"steps": {}}})).await;
    assert_eq!((nameless.code, nameless.field.as_deref()), (Code::InvalidInput, Some("document.name")));
}

#[tokio::test]
async fn versions_never_change_and_an_old_one_becomes_the_draft_again() {
    let program = Program::start().await;
    let id = publish(&program, flow("Hello", &say("one"), &json!({}))).await;
    for text in ["two", "three"] {
        let document = flow("Hello", &say(text), &json!({}));
        program.done("update_flow_draft", json!({"flowId": id, "document": document})).await;
        program.done("publish_flow", json!({ "flowId": id })).await;
    }
    let listed = program.done("list_flow_versions", json!({"flowId": id, "limit": 2})).await;
    let numbers = |listed: &Value| -> Vec<u64> {
        listed["items"].as_array().expect("items").iter().filter_map(|item| item["version"].as_u64()).collect()
    };
    assert_eq!(numbers(&listed), [3, 2]);
    let rest = program.done("list_flow_versions", json!({"flowId": id, "cursor": listed["nextCursor"]})).await;
    assert_eq!((numbers(&rest), rest.get("nextCursor")), (vec![1], None));

    let restored = program.done("restore_flow_version", json!({"flowId": id, "version": 1})).await;
    assert_eq!((&restored["changed"], &restored["flow"]["publishedVersion"]), (&json!(true), &json!(3)));
    let draft = program.done("get_flow", json!({ "flowId": id })).await;
    assert_eq!(draft["document"]["steps"], say("one"));
    let published = program.done("publish_flow", json!({ "flowId": id })).await;
    assert_eq!(published["flow"]["publishedVersion"], 4);
    for (version, text) in [(1, "one"), (2, "two"), (3, "three"), (4, "one")] {
        let shown = program.done("get_flow", json!({"flowId": id, "version": version})).await;
        assert_eq!(shown["document"]["steps"], say(text), "version {version}");
        assert!(shown.get("errors").is_none());
    }
    for operation in ["get_flow", "restore_flow_version"] {
        let refused = program.refused(operation, json!({"flowId": id, "version": 9})).await;
        assert_eq!((refused.code, refused.field.as_deref()), (Code::NotFound, Some("version")), "{operation}");
    }
    let before = program.tables().await;
    program.app.rebuild_projections(&chatbotx::app::unheard()).await.expect("rebuilt");
    same_tables(&before, &program.tables().await);
}

#[tokio::test]
async fn a_flows_name_is_unique_and_free_when_it_is_given_up() {
    let program = Program::start().await;
    let first = publish(&program, flow("Chào mừng", &say("x"), &json!({}))).await;
    let other = json!({"document": flow("chao mung", &say("y"), &json!({}))});
    let taken = program.refused("create_flow", other.clone()).await;
    assert_eq!((taken.code, taken.field.as_deref()), (Code::Conflict, Some("document.name")));
    assert_eq!(Some(&json!(taken.candidates[0].id)), Some(&first));
    let second = program.done("create_flow", json!({"yaml": "name: Second"})).await["flow"]["id"].clone();
    let taken = program.refused("update_flow_draft", json!({"flowId": second, "yaml": "name: CHÀO MỪNG"})).await;
    assert_eq!((taken.code, taken.field.as_deref()), (Code::Conflict, Some("yaml")));
    let missing = program.refused("get_flow", json!({"flowId": "Secnd"})).await;
    assert_eq!((missing.code, missing.candidates[0].name.as_deref()), (Code::NotFound, Some("Second")));
    // The old name of a flow is free, and what was restored may not take it back.
    program.done("update_flow_draft", json!({"flowId": first, "yaml": "name: Third"})).await;
    program.done("create_flow", other).await;
    let refused = program.refused("restore_flow_version", json!({"flowId": first, "version": 1})).await;
    assert_eq!(refused.code, Code::Conflict);

    let deleted = program.done("delete_flow", json!({ "flowId": second })).await;
    assert_eq!(deleted["deleted"]["name"], "Second");
    for operation in ["get_flow", "publish_flow", "validate_flow", "simulate_flow", "delete_flow", "list_flow_versions"]
    {
        assert_eq!(program.refused(operation, json!({ "flowId": second })).await.code, Code::NotFound, "{operation}");
    }
    program.done("create_flow", json!({"yaml": "name: Second"})).await;
    let names = program.done("list_flows", json!({})).await;
    let names: Vec<&str> =
        names["items"].as_array().expect("items").iter().filter_map(|item| item["name"].as_str()).collect();
    assert_eq!(names, ["chao mung", "Second", "Third"]);
    let theirs = neighbour(&program).await;
    let refused = call_as(&program.app, &theirs, "get_flow", json!({ "flowId": first })).await.expect_err("not theirs");
    assert_eq!(refused.code, Code::NotFound);
}

#[tokio::test]
async fn publishing_makes_the_tags_that_a_flow_adds() {
    let program = Program::start().await;
    let made = program.done(
        "create_flow",
        json!({"document": flow("Tags", &json!({"tag": {"addTags": ["eats cake"]}}), &json!({}))}),
    );
    let made = made.await;
    assert_eq!((&made["valid"], &made["warnings"][0]["code"]), (&json!(true), &json!("unknown_tag")));
    let dry = program.done("publish_flow", json!({"flowId": "Tags", "dryRun": true})).await;
    let types: Vec<&str> =
        dry["wouldAppend"].as_array().expect("events").iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, ["TagCreated", "FlowPublished"]);
    program.done("publish_flow", json!({"flowId": "Tags"})).await;
    assert_eq!(program.done("get_tag", json!({"tag": "EATS CAKE"})).await["tag"]["name"], "eats cake");
    assert!(program.done("get_flow", json!({"flowId": "Tags"})).await.get("warnings").is_none());
}

#[tokio::test]
async fn what_was_read_is_written_back_unchanged_however_long_it_is_and_whatever_it_hides() {
    let program = Program::start().await;
    let family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{202e}x";
    let made = program.done("create_flow", json!({"document": flow("Hidden", &say(family), &json!({}))})).await;
    let id = made["flow"]["id"].clone();
    let refused = program.refused("get_flow", json!({"flowId": id, "format": "json"})).await;
    assert_eq!((refused.code, refused.field.as_deref()), (Code::InvalidInput, Some("format")));
    let shown = program.done("get_flow", json!({ "flowId": id })).await;
    let yaml = shown["yaml"].as_str().expect("YAML");
    assert!(!yaml.contains('\u{202e}'), "what is hidden is written out");
    let same = program.done("update_flow_draft", json!({"flowId": id, "yaml": yaml})).await;
    assert_eq!(same["changed"], false);

    let steps: Value = (0..400)
        .map(|number| {
            (format!("s{number}"), json!({"send": {"text": format!("\u{1f370}\n\"{number}\" {}", "ä".repeat(90))}}))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let document = flow("Long", &steps, &json!({}));
    let id = program.done("create_flow", json!({ "document": document })).await["flow"]["id"].clone();
    let refused = program.refused("get_flow", json!({"flowId": id, "format": "json"})).await;
    assert!(refused.hint.is_some_and(|hint| hint.contains("yaml")));
    let (mut text, mut offset, mut pieces) = (String::new(), json!(0), 0);
    while !offset.is_null() {
        let piece = program.done("get_flow", json!({"flowId": id, "format": "yaml", "offset": offset})).await;
        assert!(piece.to_string().len() <= 24_000 && piece.get("truncated").is_none());
        text.push_str(piece["yaml"].as_str().expect("a piece"));
        offset = piece["nextOffset"].clone();
        pieces += 1;
    }
    assert!(pieces > 3, "{pieces}");
    assert_eq!(program.done("update_flow_draft", json!({"flowId": id, "yaml": text})).await["changed"], false);
}

#[tokio::test]
async fn the_form_of_documents_is_shown_whole_and_its_example_is_a_document() {
    let program = Program::start().await;
    let form = program.done("get_flow_schema", json!({})).await;
    assert!(form.get("truncated").is_none(), "{} bytes", form.to_string().len());
    let made = program.done("create_flow", json!({"yaml": form["example"]})).await;
    assert!(made["flow"]["name"].is_string());
    let kinds = form["stepKinds"].as_array().expect("kinds");
    assert!(kinds.len() > 15, "{kinds:?}");
    for kind in kinds {
        assert!(kind["does"].as_str().is_some_and(|does| does.len() > 10), "{kind}");
        let one = program.done("get_flow_schema", json!({"step": kind["kind"]})).await;
        let name = kind["kind"].as_str().expect("a name");
        assert!(one["schema"]["properties"].get(name).is_some() && one.get("truncated").is_none(), "{one}");
    }
    let refused = program.refused("get_flow_schema", json!({"step": "qestion"})).await;
    assert_eq!((refused.code, refused.candidates[0].id.as_str()), (Code::InvalidInput, "question"));
}

#[tokio::test]
async fn contacts_are_found_by_the_state_of_their_last_run() {
    let program = Program::start().await;
    let start = json!({"start": [{"keyword": {"any": ["go"]}}]});
    publish(&program, flow("Ask. me", &json!({"ask": {"question": {"text": "Name?"}}}), &start)).await;
    let (ana, bo, chi) = (program.visitor("Ana").await, program.visitor("Bo").await, program.visitor("Chi").await);
    for (visitor, words) in [(&ana, vec!["go", "Ana", "go"]), (&bo, vec!["go", "Bo"]), (&chi, vec!["hello"])] {
        for (number, text) in words.into_iter().enumerate() {
            says(visitor, &number.to_string(), text).await;
            program.settle().await;
        }
    }
    let names = async |filter: Value| -> Vec<String> {
        let found = program.done("list_contacts", json!({"filter": filter, "sort": "name"})).await;
        found["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let state = |op: &str, value: Value| json!({"field": "flow.Ask. me.state", "op": op, "value": value});
    assert_eq!(names(state("eq", json!("waiting"))).await, ["Ana"]);
    assert_eq!(names(state("eq", json!("completed"))).await, ["Bo"]);
    assert_eq!(names(state("ne", json!("waiting"))).await, ["Bo", "Chi"]);
    assert_eq!(names(json!({"field": "flow.ask. me.state", "op": "exists"})).await, ["Ana", "Bo"]);
    let misspelt = json!({"filter": {"field": "flow.Ask me!.state", "op": "exists"}});
    let misspelt = program.refused("filter_contacts", misspelt).await;
    assert_eq!((misspelt.code, misspelt.candidates[0].name.as_deref()), (Code::NotFound, Some("Ask. me")));
    let fields = program.done("list_filter_fields", json!({})).await;
    let listed = fields["items"].as_array().expect("items").iter().find(|item| item["field"] == "flow.Ask. me.state");
    let listed = listed.expect("the flow's state");
    assert_eq!(listed["values"][1], "waiting");
    program.done("filter_contacts", json!({"filter": listed["example"]})).await;
}

#[tokio::test]
async fn what_starts_a_flow_by_hand_is_checked_before_anything_is_written() {
    let program = Program::start().await;
    let variables = json!({"variables": {"plan": "free"}});
    publish(&program, flow("Plan", &json!({"ask": {"question": {"text": "{{ run.plan }}?"}}}), &variables)).await;
    let visitor = program.visitor("Ana").await;
    says(&visitor, "1", "Hello").await;
    let ana = reference(&visitor);
    let before = program.head().await;
    for (more, field) in [
        (json!({"variables": {"plna": 1}}), "variables.plna"),
        (json!({"variables": {"plan": {"$personal": 1}}}), "variables.plan"),
        (json!({"variables": {"plan": [[[[1]]]]}}), "variables.plan"),
        (json!({"variables": {"plan": "x".repeat(30_000)}}), "variables"),
        (json!({"flowId": "Plann"}), "flowId"),
        (json!({"onConflict": "fight"}), "onConflict"),
        (json!({"contactId": "email:nobody@example.com"}), "contactId"),
    ] {
        let mut arguments = json!({"contactId": ana, "flowId": "Plan"});
        for (member, value) in more.as_object().expect("an object") {
            arguments[member] = value.clone();
        }
        let refused = program.refused("send_contact_flow", arguments).await;
        assert_eq!(refused.field.as_deref(), Some(field), "{refused:?}");
    }
    assert_eq!(program.head().await, before);
    let send = |on_conflict: &str| json!({"contactId": ana, "flowId": "plan", "variables": {"plan": "pro"}, "onConflict": on_conflict});
    let first = program.done("send_contact_flow", send("reject")).await;
    let rejected = program.refused("send_contact_flow", send("reject")).await;
    assert_eq!((rejected.code, json!(rejected.candidates[0].id)), (Code::Conflict, first["run"]["id"].clone()));
    let queued = program.done("send_contact_flow", send("queue")).await;
    assert_eq!(queued["run"]["status"], "queued");
    let restarted = program.done("send_contact_flow", send("restart")).await;
    assert_eq!(restarted["run"]["status"], "running");
    let ended = program.done("get_flow_run", json!({"runId": first["run"]["id"]})).await;
    assert_eq!((&ended["run"]["status"], &ended["run"]["error"]["code"]), (&json!("cancelled"), &json!("restarted")));
    let cancel = json!({"runId": restarted["run"]["id"]});
    assert_eq!(program.done("cancel_flow_run", cancel.clone()).await["changed"], true);
    let again = program.done("cancel_flow_run", cancel).await;
    assert_eq!((&again["changed"], &again["run"]["status"]), (&json!(false), &json!("cancelled")));
    let nobody = program.refused("cancel_flow_run", json!({"runId": "run_01jzk00000000000000000000a"})).await;
    assert_eq!((nobody.code, nobody.field.as_deref()), (Code::NotFound, Some("runId")));
}
