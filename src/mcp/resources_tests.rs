//! Resources and subscriptions, with a real client over every transport.

use std::sync::Arc;
use std::time::Duration;

use aggregates::ids::WorkspaceId;
use aggregates::token::Scope;
use axum::Router;
use axum::http::{Method, StatusCode};
use rmcp::model::{
    ClientConfig, ErrorCode, ProtocolVersion, ReadResourceRequestParams, ResourceContents,
    ResourceUpdatedNotificationParam, ServerNotification, SubscribeRequestParams, SubscriptionFilter,
    UnsubscribeRequestParams,
};
use rmcp::service::{ClientServiceExt, NotificationContext, RunningService, ServiceError, SubscriptionEnd};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, Peer, RoleClient};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Access, Backend, serve_pipe};
use crate::app::{App, Caller, CreatedToken, NewToken, OpenOptions};
use crate::http::test_doors::{doors_over, initialize};
use crate::http::{Phase, Readiness, serve};
use crate::operations::{CallOptions, registry};
use crate::settings::Settings;

/// Longer than any update takes.
const PATIENCE: Duration = Duration::from_secs(10);

struct House {
    _folder: tempfile::TempDir,
    app: Arc<App>,
    workspace: WorkspaceId,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(&OpenOptions::in_folder(folder.path())).await.unwrap();
        let workspace = app.create_workspace("Bakery").await.unwrap();
        Self { _folder: folder, app, workspace }
    }

    async fn call(&self, name: &str, arguments: Value) -> Value {
        let operation = registry::all().get(name).unwrap();
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let caller = Caller::local(self.workspace);
        operation.call(Arc::clone(&self.app), caller, CallOptions::default(), arguments).await.unwrap()
    }

    /// A new contact's URI and id.
    async fn contact(&self, name: &str) -> (String, String) {
        let made = self.call("create_contact", json!({"firstName": name})).await;
        let id = made["contact"]["id"].as_str().unwrap().to_owned();
        (format!("chatbotx://contacts/{id}"), id)
    }

    async fn tag(&self, contact: &str, tag: &str) {
        self.call("add_contact_tags", json!({"contactId": contact, "tags": [tag]})).await;
    }

    async fn no_followers(&self) {
        while self.app.followers() > 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn token(&self, scopes: Vec<Scope>) -> CreatedToken {
        let new = NewToken { name: format!("{scopes:?}"), permission: Default::default(), scopes, expires_at: None };
        self.app.create_token(self.workspace, &new).await.unwrap()
    }
}

/// A client that notes which resources are said to have changed.
struct Noting(mpsc::UnboundedSender<String>);

impl ClientHandler for Noting {
    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let _ = self.0.send(params.uri);
    }

    fn get_info(&self) -> ClientConfig {
        ClientConfig::default()
    }
}

struct Client {
    running: RunningService<RoleClient, Noting>,
    updates: mpsc::UnboundedReceiver<String>,
}

impl Client {
    async fn update(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.updates.recv()).await.expect("no update came").unwrap()
    }

    fn peer(&self) -> &Peer<RoleClient> {
        self.running.peer()
    }

    async fn read(&self, uri: &str) -> Result<Value, ServiceError> {
        let read = self.peer().read_resource(ReadResourceRequestParams::new(uri)).await?;
        let [ResourceContents::TextResourceContents { text, mime_type, .. }] = read.contents.as_slice() else {
            panic!("one text was expected: {read:?}")
        };
        assert_eq!(mime_type.as_deref(), Some("application/json"));
        Ok(serde_json::from_str(text).unwrap())
    }

    #[expect(deprecated, reason = "the revisions before 2026-07-28 know no other way")]
    async fn subscribe(&self, uri: &str) -> Result<(), ServiceError> {
        self.peer().subscribe(SubscribeRequestParams::new(uri)).await
    }

    #[expect(deprecated, reason = "the revisions before 2026-07-28 know no other way")]
    async fn unsubscribe(&self, uri: &str) -> Result<(), ServiceError> {
        self.peer().unsubscribe(UnsubscribeRequestParams::new(uri)).await
    }
}

fn modern() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

/// A client at the other end of a pipe, as `stdio` is one.
async fn over_pipe(house: &House, lifecycle: ClientLifecycleMode) -> Client {
    pipe_of(house, Caller::local(house.workspace), lifecycle).await
}

async fn pipe_of(house: &House, caller: Caller, lifecycle: ClientLifecycleMode) -> Client {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (read, write) = tokio::io::split(ours);
    let backend: Arc<dyn Backend> = Arc::<App>::clone(&house.app);
    tokio::spawn(serve_pipe(backend, Access::new(caller), read, write));
    let (sender, updates) = mpsc::unbounded_channel();
    Client { running: Noting(sender).serve_with_lifecycle(theirs, lifecycle).await.unwrap(), updates }
}

/// A server that listens, until it is dropped.
struct Listening {
    uri: String,
    stop: CancellationToken,
}

impl Listening {
    async fn start(house: &House) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (stop, readiness) = (CancellationToken::new(), Readiness::starting());
        readiness.set(Phase::Ready);
        let backend: Arc<dyn Backend> = Arc::<App>::clone(&house.app);
        tokio::spawn(serve(backend, Settings::default(), Router::new(), listener, stop.clone(), readiness));
        Self { uri, stop }
    }

    async fn client(&self, token: &CreatedToken, lifecycle: ClientLifecycleMode) -> Client {
        let config = StreamableHttpClientTransportConfig::with_uri(self.uri.as_str()).auth_header(token.text.as_str());
        let (sender, updates) = mpsc::unbounded_channel();
        let transport = StreamableHttpClientTransport::from_config(config);
        Client { running: Noting(sender).serve_with_lifecycle(transport, lifecycle).await.unwrap(), updates }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn code(refused: Result<impl std::fmt::Debug, ServiceError>) -> ErrorCode {
    match refused {
        Err(ServiceError::McpError(error)) => error.code,
        other => panic!("an error of the protocol was expected: {other:?}"),
    }
}

/// What holds for a client of the revisions with sessions, whatever carries it.
async fn subscribes(house: &House, mut client: Client) {
    let (uri, id) = house.contact("Ana").await;
    let (other, other_id) = house.contact("Bo").await;
    let can = client.peer().peer_info().unwrap().capabilities.resources.clone().unwrap();
    assert_eq!((can.subscribe, can.list_changed), (Some(true), None));
    client.subscribe(&uri).await.unwrap();
    client.subscribe("chatbotx://workspace").await.unwrap();
    house.tag(&other_id, "VIP").await;
    assert_eq!(client.update().await, "chatbotx://workspace", "a tag was made; Bo was not subscribed to");
    house.tag(&id, "VIP").await;
    assert_eq!(client.update().await, uri);
    assert_eq!(client.read(&uri).await.unwrap()["contact"]["tags"], json!(["VIP"]));
    client.unsubscribe(&uri).await.unwrap();
    client.subscribe(&other).await.unwrap();
    house.tag(&id, "second").await;
    assert_eq!(client.update().await, "chatbotx://workspace");
    house.tag(&other_id, "second").await;
    assert_eq!(client.update().await, other, "Ana is not subscribed to any more");
    for nothing in ["chatbotx://contacts/contact_00000000000000000000000000", "chatbotx://nothing"] {
        assert_eq!(code(client.subscribe(nothing).await), ErrorCode::RESOURCE_NOT_FOUND);
        assert_eq!(code(client.read(nothing).await), ErrorCode::RESOURCE_NOT_FOUND);
    }
    client.running.cancel().await.unwrap();
}

/// What holds for a client of the revision without sessions.
async fn listens(house: &House, client: Client) {
    let (uri, id) = house.contact("Ana").await;
    let missing = "chatbotx://contacts/contact_00000000000000000000000000";
    let wanted = SubscriptionFilter::builder().resource_subscriptions([uri.as_str(), missing]).build();
    let mut listening = client.peer().listen(wanted).await.unwrap();
    assert_eq!(
        listening.acknowledged().resource_subscriptions,
        Some(vec![uri.clone()]),
        "what is not there is dropped"
    );
    house.tag(&id, "VIP").await;
    let told = tokio::time::timeout(PATIENCE, listening.next()).await.expect("no update came").unwrap().unwrap();
    assert!(
        matches!(&told, ServerNotification::ResourceUpdatedNotification(told) if told.params.uri == uri),
        "{told:?}"
    );
    assert_eq!(client.read(&uri).await.unwrap()["contact"]["tags"], json!(["VIP"]));
    assert_eq!(code(client.read(missing).await), ErrorCode::INVALID_PARAMS);
    listening.cancel().await.unwrap();
    let crowd = SubscriptionFilter::builder()
        .resource_subscriptions((0..101).map(|number| format!("chatbotx://contacts/{number}")))
        .build();
    assert!(client.peer().listen(crowd).await.is_err());
    client.running.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_subscribes_over_a_pipe() {
    let house = House::new().await;
    subscribes(&house, over_pipe(&house, ClientLifecycleMode::Initialize).await).await;
    listens(&house, over_pipe(&house, modern()).await).await;
    house.app.close().await;
}

#[tokio::test]
async fn a_client_subscribes_over_streamable_http() {
    let house = House::new().await;
    let listening = Listening::start(&house).await;
    let token = house.token(Vec::new()).await;
    subscribes(&house, listening.client(&token, ClientLifecycleMode::Initialize).await).await;
    listens(&house, listening.client(&token, modern()).await).await;
    drop(listening);
    house.app.close().await;
}

#[tokio::test]
async fn a_stopping_server_ends_listening_in_order() {
    let house = House::new().await;
    let listening = Listening::start(&house).await;
    let client = listening.client(&house.token(Vec::new()).await, modern()).await;
    let wanted = SubscriptionFilter::builder().resource_subscription("chatbotx://workspace").build();
    let mut subscription = client.peer().listen(wanted).await.unwrap();
    listening.stop.cancel();
    let next = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("listening goes on").unwrap();
    assert!(next.is_none(), "{next:?}");
    assert!(matches!(subscription.end(), Some(SubscriptionEnd::Graceful(_))), "{:?}", subscription.end());
    house.app.close().await;
}

#[tokio::test]
async fn a_client_subscribes_over_a_legacy_stream() {
    let house = House::new().await;
    let (uri, id) = house.contact("Ana").await;
    let token = house.token(Vec::new()).await;
    let doors = doors_over(Arc::clone(&house.app), &Settings::default());
    let (mut events, address) = doors.stream("/mcp/sse", &token.text).await;
    let post = async |message: Value| {
        let status = doors.send(Method::POST, &address, &[], Some(message)).await.status();
        assert_eq!(status, StatusCode::ACCEPTED);
    };
    post(initialize()).await;
    assert_eq!(events.json().await["result"]["capabilities"]["resources"], json!({"subscribe": true}));
    post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let request =
        |id: u8, method: &str, uri: &str| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"uri": uri}});
    post(request(2, "resources/subscribe", &uri)).await;
    assert_eq!(events.json().await["result"], json!({}));
    house.tag(&id, "VIP").await;
    let update = json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}});
    assert_eq!(events.json().await, update);
    // The token is revoked, and nothing is said any more, whether or not the stream has ended yet.
    house.app.revoke_token(house.workspace, token.id).await.unwrap();
    house.tag(&id, "second").await;
    doors.server.gate.watch.look().await;
    assert_eq!(events.next().await, None);
    house.app.close().await;
}

#[tokio::test]
async fn nobody_is_told_of_what_it_may_not_read() {
    let house = House::new().await;
    let listening = Listening::start(&house).await;
    let (uri, id) = house.contact("Ana").await;
    let token = house.token(vec![Scope::MessagesRead]).await;
    let mut client = listening.client(&token, ClientLifecycleMode::Initialize).await;
    assert_eq!(code(client.subscribe(&uri).await), ErrorCode::INVALID_REQUEST);
    assert_eq!(code(client.read(&uri).await), ErrorCode::INVALID_REQUEST);
    let templates = client.peer().list_all_resource_templates().await.unwrap();
    let names: Vec<&str> = templates.iter().map(|template| template.name.as_str()).collect();
    assert_eq!(names, ["conversation"]);
    client.subscribe("chatbotx://workspace").await.unwrap();
    house.tag(&id, "VIP").await;
    assert_eq!(client.update().await, "chatbotx://workspace");
    let foreign = house.app.create_workspace("Neighbour").await.unwrap();
    let new =
        NewToken { name: "theirs".to_owned(), permission: Default::default(), scopes: Vec::new(), expires_at: None };
    let theirs = house.app.create_token(foreign, &new).await.unwrap();
    let neighbour = listening.client(&theirs, ClientLifecycleMode::Initialize).await;
    assert_eq!(code(neighbour.read(&uri).await), ErrorCode::RESOURCE_NOT_FOUND);
    let client = listening.client(&token, modern()).await;
    let wanted = SubscriptionFilter::builder().resource_subscriptions([uri.as_str(), "chatbotx://workspace"]).build();
    let accepted = client.peer().listen(wanted).await.unwrap();
    assert_eq!(accepted.acknowledged().resource_subscriptions, Some(vec!["chatbotx://workspace".to_owned()]));
    drop(listening);
    house.app.close().await;
}

#[tokio::test]
async fn a_burst_is_few_updates_and_the_last_change_is_always_told() {
    let house = House::new().await;
    let mut client = over_pipe(&house, ClientLifecycleMode::Initialize).await;
    let (uri, id) = house.contact("Ana").await;
    client.subscribe(&uri).await.unwrap();
    let began = tokio::time::Instant::now();
    for number in 0..100 {
        house.tag(&id, &format!("tag {number}")).await;
    }
    let mut updates = 0;
    loop {
        assert_eq!(client.update().await, uri);
        updates += 1;
        let contact = client.read(&uri).await.unwrap();
        // Whoever reads after the last update sees the last change.
        if contact["contact"]["tags"].as_array().unwrap().len() == 100 && client.updates.is_empty() {
            break;
        }
    }
    let most = began.elapsed().as_millis() / 250 + 2;
    assert!(updates <= most, "{updates} updates within {:?}", began.elapsed());
    house.app.close().await;
}

#[tokio::test]
async fn a_session_has_its_share_of_subscriptions() {
    let house = House::new().await;
    let client = over_pipe(&house, ClientLifecycleMode::Initialize).await;
    let mut uris = Vec::new();
    for number in 0..101 {
        uris.push(house.contact(&format!("Person {number}")).await.0);
    }
    for uri in &uris[..100] {
        client.subscribe(uri).await.unwrap();
    }
    client.subscribe(&uris[0]).await.unwrap();
    assert_eq!(code(client.subscribe(&uris[100]).await), ErrorCode::INVALID_REQUEST);
    client.unsubscribe(&uris[7]).await.unwrap();
    client.subscribe(&uris[100]).await.unwrap();
    house.app.close().await;
}

#[tokio::test]
async fn a_session_that_ends_leaves_no_subscription_behind() {
    let house = House::new().await;
    let (uri, _) = house.contact("Ana").await;
    let client = over_pipe(&house, ClientLifecycleMode::Initialize).await;
    client.subscribe(&uri).await.unwrap();
    assert_eq!(house.app.followers(), 1);
    client.running.cancel().await.unwrap();
    tokio::time::timeout(PATIENCE, house.no_followers()).await.expect("the subscription outlived its session");
    house.app.close().await;
}

#[tokio::test]
async fn a_token_that_ends_is_told_of_nothing_more_even_where_its_session_goes_on() {
    let house = House::new().await;
    let (uri, id) = house.contact("Ana").await;
    let token = house.token(Vec::new()).await;
    let caller = house.app.authenticate(&token.text).await.unwrap();
    let mut client = pipe_of(&house, caller, ClientLifecycleMode::Initialize).await;
    client.subscribe(&uri).await.unwrap();
    house.app.revoke_token(house.workspace, token.id).await.unwrap();
    house.tag(&id, "VIP").await;
    tokio::time::timeout(PATIENCE, house.no_followers()).await.expect("the resource is followed for a revoked token");
    assert!(client.updates.try_recv().is_err());
    house.app.close().await;
}
