//! Whatever a caller sends: no panic, no fault of ours, nothing applied by half, nothing of another workspace.

use chatbotx::operations::{Effect, registry};
use chatbotx::problem::Code;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use crate::fixture::{Program, call_as, neighbour, says};

/// How many names flows are given.
const FLOWS: u32 = 20;

/// What can be named in a workspace.
struct Known {
    contact: Value,
    tag: Value,
    field: Value,
    bot_field: Value,
    conversation: Value,
    message: Value,
    account: Value,
    flow: Value,
    run: Value,
}

impl Known {
    fn ids(&self) -> [&Value; 8] {
        let Self { contact, tag, field, bot_field: _, conversation, message, account, flow, run } = self;
        [contact, tag, field, conversation, message, account, flow, run]
    }

    /// A custom field or a bot field: whichever a member is described as.
    fn field_for(&self, property: &Value) -> Value {
        let described = property["description"].as_str().unwrap_or_default();
        if described.contains("bot field") { self.bot_field.clone() } else { self.field.clone() }
    }
}

async fn furnish(program: &Program, caller: &chatbotx::app::Caller) -> Known {
    let call = async |name: &str, arguments: Value| {
        call_as(&program.app, caller, name, arguments).await.unwrap_or_else(|problem| panic!("{name}: {problem:?}"))
    };
    let accounts = call("list_channels", json!({})).await;
    let account = accounts["items"][0]["id"].clone();
    let id: &str = account.as_str().expect("an id");
    let found = chatbotx::channels::webchat::Account::find(&program.app, id).await.expect("known by its id");
    let (visitor, secret) =
        chatbotx::channels::webchat::new_visitor(&program.app, found, Some("Ana")).expect("a visitor");
    let session = chatbotx::channels::webchat::Session::open(&program.app, found, &secret).expect("its secret");
    let message = says(&session, "one", "Hello").await.message_id;
    let contact =
        call("get_contact", json!({"contactId": format!("webchat:{}", visitor.id())})).await["contact"]["id"].clone();
    let tag = call("create_tag", json!({"name": "VIP"})).await["tag"]["id"].clone();
    let field = call("create_custom_field", json!({"name": "Size", "type": "number"})).await;
    let field =
        field.as_object().and_then(|answer| answer.values().find_map(|noun| noun.get("id"))).expect("an id").clone();
    let conversation = call("list_conversations", json!({})).await["items"][0]["id"].clone();
    let bot_field =
        call("create_bot_field", json!({"name": "Orders", "type": "number"})).await["botField"]["id"].clone();
    let steps = json!({"ask": {"question": {"text": "{{ run.plan }}?"}}});
    let document = json!({"formatVersion": 1, "name": "Ask", "variables": {"plan": "free"}, "steps": steps});
    let flow = call("create_flow", json!({ "document": document })).await["flow"]["id"].clone();
    call("publish_flow", json!({ "flowId": flow })).await;
    let run = call("send_contact_flow", json!({"contactId": contact, "flowId": flow})).await["run"]["id"].clone();
    Known { contact, tag, field, bot_field, conversation, message: json!(message), account, flow, run }
}

fn any_value(random: &mut SmallRng, depth: u32, here: &Known, there: &Known) -> Value {
    let text = |random: &mut SmallRng| -> Value {
        let choices = [
            "",
            " ",
            "x",
            "VIP",
            "Ana",
            "\u{0}",
            "\u{202e}abc",
            "🙂",
            "' or 1=1 --",
            "%",
            "_",
            "*",
            "\"\"",
            "-1",
            "null",
            "email:ana@example.com",
            "email:",
            "phone:+49170123456",
            "phone:abc",
            "webchat:nobody",
            "telegram:1",
            "contact_01jzk00000000000000000000a",
            "tag_",
            "ana@example.com",
            "+491701234567",
            "2026-11-23",
            "2026-02-30",
            "de",
            "Europe/Berlin",
            "in",
            "out",
            "open",
            "full",
            "lastActivity",
            "𒐫𒐫𒐫",
            "text",
        ];
        json!(choices[random.random_range(0..choices.len())])
    };
    let id = |random: &mut SmallRng, from: &Known| from.ids()[random.random_range(0..8)].clone();
    match random.random_range(0..16) {
        0 => Value::Null,
        1 => json!(random.random_bool(0.5)),
        2 => json!(random.random_range(-5..200)),
        3 => json!([i64::MAX, i64::MIN, 0][random.random_range(0..3)]),
        4 => json!([u64::MAX, 1 << 53][random.random_range(0..2)]),
        5 => json!([1.5, -0.0, 1e300][random.random_range(0..3)]),
        6 => json!("long ".repeat([60, 300, 3_000][random.random_range(0..3)])),
        7 | 8 => id(random, here),
        9 => id(random, there),
        10 if depth > 0 => {
            let length = [0, 1, 3, 120][random.random_range(0..4)];
            Value::Array((0..length).map(|_| any_value(random, depth - 1, here, there)).collect())
        }
        11 if depth > 0 => {
            let names = ["id", "title", "name", "$personal", "text", "a"];
            let members = (0..random.random_range(0..4)).map(|_| {
                (names[random.random_range(0..names.len())].to_owned(), any_value(random, depth - 1, here, there))
            });
            Value::Object(members.collect())
        }
        _ => text(random),
    }
}

/// A filter: mostly one that can be read, sometimes with a field, an operator or a value that does not belong there.
fn any_filter(random: &mut SmallRng, depth: u32, here: &Known, there: &Known) -> Value {
    if depth > 0 && random.random_bool(0.3) {
        let inner: Vec<Value> =
            (0..random.random_range(0..4)).map(|_| any_filter(random, depth - 1, here, there)).collect();
        return match inner {
            few if few.len() < 2 => json!({"not": few.first().cloned().unwrap_or(Value::Null)}),
            two if two.len() == 2 => json!({ "any": two }),
            more => json!({ "all": more }),
        };
    }
    let conditions = [
        json!({"field": "name", "op": "startsWith", "value": "Zo"}),
        json!({"field": "email", "op": "exists"}),
        json!({"field": "tag", "op": "in", "value": [here.tag]}),
        json!({"field": "customField.Size", "op": "between", "value": [-5, 1.5]}),
        json!({"field": "lastInboundAt", "op": "notWithinLast", "value": "7d"}),
        json!({"field": "channel", "op": "eq", "value": "webchat"}),
        json!({"field": "unanswered", "op": "eq", "value": false}),
        json!({"field": "tag", "op": "eq", "value": there.tag}),
    ];
    let mut condition = conditions[random.random_range(0..conditions.len())].clone();
    if random.random_bool(0.2) {
        let member = ["field", "op", "value", "all"][random.random_range(0..4)];
        condition[member] = any_value(random, 1, here, there);
    }
    condition
}

/// A flow's document: mostly one that can be read, sometimes with a part that does not belong there.
fn any_document(random: &mut SmallRng, here: &Known, there: &Known) -> Value {
    let steps = [
        json!({"send": {"text": "Hi {{ contact.firstName | default('there') }}", "buttons": [{"text": "Go", "then": "a"}]}}),
        json!({"question": {"text": "Size?", "validate": "number", "saveTo": "customField.Size", "timeout": "1d"}}),
        json!({"condition": {"cases": [{"when": any_filter(random, 2, here, there), "then": "a"}]}}),
        json!({"wait": {"for": "1h", "between": "09:00-18:00", "days": "mon-fri"}}),
        json!({"wait": {"event": "tagApplied"}}),
        json!({"setField": {"field": "run.plan", "value": "{{ lastInput }}", "operation": "append"}}),
        json!({"addTags": ["VIP", here.tag]}),
        json!({"callFlow": {"flow": here.flow, "variables": {"plan": 1}}}),
        json!({"startFlow": there.flow}),
        json!({"split": {"branches": [{"weight": 1, "then": "a"}, {"weight": 2, "then": "a"}]}}),
        json!({"http": {"url": "https://example.com/{{ contact.id }}", "json": {}, "saveTo": "run.plan", "onError": "a"}}),
        json!({"handoff": {}}),
        json!({"goto": "a"}),
    ];
    let mut chosen = Map::new();
    for name in ["a", "b", "c", "d"].into_iter().take(random.random_range(1..5)) {
        let mut step = steps[random.random_range(0..steps.len())].clone();
        if random.random_bool(0.1) {
            let kind = step.as_object().and_then(|step| step.keys().next()).cloned().unwrap_or_default();
            step[kind] = any_value(random, 2, here, there);
        }
        chosen.insert(name.to_owned(), step);
    }
    let name = format!("Flow {}", random.random_range(0..FLOWS));
    let mut document = json!({"formatVersion": 1, "name": name, "variables": {"plan": "free"}, "steps": chosen});
    if random.random_bool(0.2) {
        let member = ["name", "start", "policy", "variables", "steps", "surprise"][random.random_range(0..6)];
        document[member] = any_value(random, 2, here, there);
    }
    document
}

/// Its YAML (JSON is some, too), now and then cut off.
fn any_yaml(random: &mut SmallRng, here: &Known, there: &Known) -> Value {
    let text = any_document(random, here, there).to_string();
    let most = if random.random_bool(0.1) { random.random_range(0..text.len()) } else { text.len() };
    json!(text.chars().take(most).collect::<String>())
}

fn arguments(random: &mut SmallRng, schema: &Map<String, Value>, here: &Known, there: &Known) -> Map<String, Value> {
    let mut arguments = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in properties {
        // Calls that wait for something would only make this slow.
        if matches!(name.as_str(), "timeoutMs" | "waitMs" | "settleMs") {
            arguments.insert(name, json!(0));
            continue;
        }
        let likely = if required.contains(&name.as_str()) { 0.95 } else { 0.25 };
        if !random.random_bool(likely) {
            continue;
        }
        let choices = property.get("enum").and_then(Value::as_array);
        let value = match (name.as_str(), choices) {
            ("contactId", _) if random.random_bool(0.7) => here.contact.clone(),
            ("conversationId", _) if random.random_bool(0.7) => here.conversation.clone(),
            ("messageId", _) if random.random_bool(0.7) => here.message.clone(),
            ("field", _) if random.random_bool(0.7) => here.field_for(&property),
            ("fields", _) if random.random_bool(0.5) => {
                let items = &property["items"];
                match items.pointer("/properties/field") {
                    Some(inner) => {
                        json!([{"field": here.field_for(inner), "value": any_value(random, 0, here, there)}])
                    }
                    None => json!([here.field_for(items)]),
                }
            }
            ("flowId", _) if random.random_bool(0.5) => here.flow.clone(),
            ("flowId", _) if random.random_bool(0.5) => json!(format!("Flow {}", random.random_range(0..FLOWS))),
            ("runId", _) if random.random_bool(0.7) => here.run.clone(),
            ("version", _) if random.random_bool(0.7) => json!(1),
            ("document", _) if random.random_bool(0.9) => any_document(random, here, there),
            ("yaml", _) if random.random_bool(0.9) => any_yaml(random, here, there),
            ("variables", _) if random.random_bool(0.7) => json!({"plan": any_value(random, 2, here, there)}),
            ("replies", _) if random.random_bool(0.7) => json!(["Go", "", "43", "yes"]),
            ("filter", _) if random.random_bool(0.9) => any_filter(random, 3, here, there),
            ("text" | "firstName" | "name", _) if random.random_bool(0.6) => json!("Zoë"),
            (_, Some(choices)) if random.random_bool(0.7) => choices[random.random_range(0..choices.len())].clone(),
            _ => any_value(random, 2, here, there),
        };
        arguments.insert(name, value);
    }
    if random.random_bool(0.05) {
        arguments.insert("surprise".to_owned(), any_value(random, 1, here, there));
    }
    arguments
}

/// A call of any operation through another: mostly of one that exists.
fn through(random: &mut SmallRng, here: &Known, there: &Known) -> Map<String, Value> {
    let operations = registry::all().operations();
    let inner = &operations[random.random_range(0..operations.len())];
    let arguments = match random.random_range(0..10) {
        0 => any_value(random, 2, here, there),
        _ => Value::Object(arguments(random, &inner.input_schema, here, there)),
    };
    let name = if random.random_bool(0.9) { json!(inner.facts.name) } else { any_value(random, 1, here, there) };
    Map::from_iter([("name".to_owned(), name), ("arguments".to_owned(), arguments)])
}

#[tokio::test]
async fn generated_inputs_never_break_anything() {
    let program = Program::start().await;
    let here = furnish(&program, &program.caller).await;
    let other = neighbour(&program).await;
    let there = furnish(&program, &other).await;
    let theirs = program.app.head(other.workspace).await.expect("readable");
    let each = if std::env::var_os("CHATBOTX_LONG").is_some() { 10_000 } else { 420 };
    let mut random = SmallRng::seed_from_u64(42);
    let mut accepted = std::collections::BTreeMap::new();
    for operation in registry::all().operations() {
        let name = operation.facts.name;
        for number in 0..each {
            let arguments = match operation.facts.effect {
                Effect::Any => through(&mut random, &here, &there),
                _ => arguments(&mut random, &operation.input_schema, &here, &there),
            };
            let shown = Value::Object(arguments.clone());
            let before = program.head().await;
            let dry = arguments.get("dryRun") == Some(&Value::Bool(true));
            match call_as(&program.app, &program.caller, name, shown.clone()).await {
                Ok(answer) => {
                    *accepted.entry(name).or_insert(0) += 1;
                    assert!(answer.is_object(), "{name} {shown}: {answer}");
                    if !operation.facts.effect.writes() || dry {
                        assert_eq!(program.head().await, before, "{name} {shown} wrote");
                    }
                }
                Err(problem) => {
                    assert_ne!(problem.code, Code::Internal, "{name} #{number} {shown}: {problem:?}");
                    assert_ne!(problem.code, Code::Unavailable, "{name} #{number} {shown}: {problem:?}");
                    assert_eq!(program.head().await, before, "{name} {shown} was refused and wrote all the same");
                    assert!(!problem.message.is_empty());
                }
            }
        }
    }
    // The generator reaches beyond the checks: every operation was carried out, too.
    for operation in registry::all().operations() {
        assert!(accepted.contains_key(operation.facts.name), "{} was never accepted", operation.facts.name);
    }
    assert_eq!(program.app.head(other.workspace).await.expect("readable"), theirs, "the neighbour was touched");
    let verification = program.app.verify(&chatbotx::app::unheard()).await.expect("readable");
    assert!(verification.ok, "{verification:?}");
}

#[tokio::test]
async fn every_operation_refuses_unknown_members_and_names_them() {
    let program = Program::start().await;
    for operation in registry::all().operations() {
        let problem = program.refused(operation.facts.name, json!({"surprise": 1})).await;
        assert_eq!(problem.code, Code::InvalidInput, "{}: {problem:?}", operation.facts.name);
        assert_eq!(problem.field.as_deref(), Some("surprise"), "{}: {problem:?}", operation.facts.name);
    }
}

#[tokio::test]
async fn ids_of_a_neighbour_are_refused_exactly_as_ids_of_nobody() {
    let program = Program::start().await;
    let other = neighbour(&program).await;
    let theirs = furnish(&program, &other).await;
    let nobody = |id: &Value| {
        let id = id.as_str().expect("an id");
        let (prefix, _) = id.rsplit_once('_').expect("a prefix");
        json!(format!("{prefix}_01jzk00000000000000000000a"))
    };
    furnish(&program, &program.caller).await;
    for (name, member, id, rest) in [
        ("get_contact", "contactId", &theirs.contact, json!({})),
        ("update_contact", "contactId", &theirs.contact, json!({"firstName": "x"})),
        ("add_contact_tags", "contactId", &theirs.contact, json!({"tags": ["x"]})),
        ("add_contact_tags", "tagId", &theirs.tag, json!({"contactId": "email:x@example.com"})),
        ("list_contact_tags", "contactId", &theirs.contact, json!({})),
        ("set_contact_custom_field", "contactId", &theirs.contact, json!({"field": "Size", "value": 1})),
        ("list_contact_messages", "contactId", &theirs.contact, json!({})),
        ("send_message", "contactId", &theirs.contact, json!({"text": "x"})),
        ("send_message", "conversationId", &theirs.conversation, json!({"text": "x"})),
        ("get_conversation", "conversationId", &theirs.conversation, json!({})),
        ("mark_conversation_read", "conversationId", &theirs.conversation, json!({})),
        ("get_message_status", "messageId", &theirs.message, json!({})),
        ("list_events", "contactId", &theirs.contact, json!({})),
        ("list_contacts", "tags", &theirs.tag, json!({})),
        ("get_flow", "flowId", &theirs.flow, json!({})),
        ("update_flow_draft", "flowId", &theirs.flow, json!({"yaml": "name: x"})),
        ("publish_flow", "flowId", &theirs.flow, json!({})),
        ("delete_flow", "flowId", &theirs.flow, json!({})),
        ("simulate_flow", "flowId", &theirs.flow, json!({})),
        ("simulate_flow", "contactId", &theirs.contact, json!({"flowId": "Ask"})),
        ("list_flow_runs", "flowId", &theirs.flow, json!({})),
        ("get_flow_run", "runId", &theirs.run, json!({})),
        ("cancel_flow_run", "runId", &theirs.run, json!({})),
    ] {
        let refusal = async |id: Value| {
            let mut arguments = rest.clone();
            arguments[member] = if member == "tags" { json!([id]) } else { id };
            let answer = program.call(name, arguments).await;
            let shown = serde_json::to_value(answer.map_err(|problem| json!({
                "code": problem.code, "message": problem.message, "hint": problem.hint, "candidates": problem.candidates.len(),
            })))
            .expect("JSON");
            shown.to_string()
        };
        let foreign = refusal(id.clone()).await;
        let unknown = refusal(nobody(id)).await;
        let (foreign_id, unknown_id) = (id.as_str().expect("an id"), nobody(id));
        let unknown_id = unknown_id.as_str().expect("an id");
        assert_eq!(foreign.replace(foreign_id, "ID"), unknown.replace(unknown_id, "ID"), "{name}");
    }
}
