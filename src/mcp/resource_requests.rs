//! Reading resources and subscribing to them, for every revision of the protocol. Who may read a resource is found out by its getter,
//! also for a subscription: nobody is told of what it may not see.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::request::Parts;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rmcp::model::{
    ClientNotification, ClientRequest, ResourceContents, ResourceUpdatedNotificationParam, ServerConfig, ServerResult,
};
use rmcp::service::{NotificationContext, RequestContext, Service, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Handler;
use super::access::Access;
use super::resources::{self, Named, named};
use super::subscriptions::{self, PER_SESSION, Watch};
use crate::app::App;
use crate::operations::CallOptions;
use crate::problem::{Code, Problem};

/// What was found out about a listening request before it was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Permitted {
    /// The resources that its caller may read, of those that it names.
    pub(super) readable: Arc<BTreeSet<String>>,
    /// Behind this position it is told of changes, so that nothing is missed in between.
    after: u64,
}

/// The handler with what has to happen before rmcp sees a request: rmcp acknowledges a listening request before it asks the handler,
/// so that what the caller may not read has to be taken out earlier. (`listening.rs` does the same for Streamable HTTP.)
#[derive(Clone)]
pub struct Session(pub Handler);

impl Service<RoleServer> for Session {
    async fn handle_request(
        &self,
        mut request: ClientRequest,
        mut context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if let ClientRequest::SubscriptionsListenRequest(listen) = &mut request {
            let access = self.0.access(&context)?;
            let wanted = listen.params.notifications.resource_subscriptions.take().unwrap_or_default();
            let permitted = self.0.before_listening(wanted, &access, &context.ct).await?;
            listen.params.notifications.resource_subscriptions = Some(permitted.readable.iter().cloned().collect());
            context.extensions.insert(permitted);
        }
        self.0.handle_request(request, context).await
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.0.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        ServerHandler::get_info(&self.0)
    }
}

impl Handler {
    /// The program whose log is followed.
    fn program(&self) -> Result<Arc<App>, ErrorData> {
        Arc::clone(self.backend())
            .app()
            .ok_or_else(|| ErrorData::internal_error("there is no log to be followed here", None))
    }

    /// Reads a resource: its getter's answer as compact JSON.
    pub(super) async fn read(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<ResourceContents, ErrorData> {
        let access = self.access(context)?;
        let Named { operation, arguments, .. } = named(uri).ok_or_else(|| unknown(uri))?;
        let answer = self.carry_out(operation, access, CallOptions::default(), arguments, &context.ct).await;
        let text = answer.map_err(|problem| refused(&problem))?.to_string();
        Ok(ResourceContents::text(text, uri).with_mime_type(resources::MIME_TYPE))
    }

    /// Follows a resource behind a position, for a caller who was found to be allowed to read it.
    async fn watch(
        &self,
        uri: &str,
        after: Option<u64>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Watch, ErrorData> {
        let Named { changes, .. } = named(uri).ok_or_else(|| unknown(uri))?;
        let caller = self.access(context)?.caller;
        Watch::begin(self.program()?, caller, changes, after).await.map_err(|problem| refused(&problem))
    }

    /// Subscribes a session to a resource.
    pub(super) async fn begin_subscription(
        &self,
        uri: String,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions().make_room(&uri)?;
        self.read(&uri, context).await?;
        let watch = self.watch(&uri, None, context).await?;
        let (peer, told) = (context.peer.clone(), uri.clone());
        let say = Box::new(move || {
            let (peer, param) = (peer.clone(), ResourceUpdatedNotificationParam::new(told.clone()));
            let said: futures::future::BoxFuture<'static, bool> =
                Box::pin(async move { peer.notify_resource_updated(param).await.is_ok() });
            said
        });
        self.subscriptions().add(uri, watch, say)
    }

    /// What has to be known before a listening request is acknowledged: which of the resources that it names its caller may read, and
    /// from where on it is told of changes.
    pub(super) async fn before_listening(
        &self,
        wanted: Vec<String>,
        access: &Access,
        cancelled: &CancellationToken,
    ) -> Result<Permitted, ErrorData> {
        let wanted: BTreeSet<String> = wanted.into_iter().collect();
        if wanted.len() > PER_SESSION {
            return Err(subscriptions::too_many());
        }
        let head = self.program()?.head(access.caller.workspace).await.map_err(|problem| refused(&problem))?;
        let mut readable = BTreeSet::new();
        for uri in wanted {
            let Some(Named { operation, arguments, .. }) = named(&uri) else { continue };
            let read = self.carry_out(operation, access.clone(), CallOptions::default(), arguments, cancelled).await;
            match read {
                Ok(_) => drop(readable.insert(uri)),
                Err(problem) if matches!(problem.code, Code::NotFound | Code::Forbidden) => {}
                Err(problem) => return Err(refused(&problem)),
            }
        }
        Ok(Permitted { readable: Arc::new(readable), after: head })
    }

    /// Tells of changes until the client does not want it any more, its token opens nothing any more, or the server stops.
    pub(super) async fn tell_changes(&self, context: &SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context();
        let over_http = || request.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Permitted>());
        let permitted = request.extensions.get::<Permitted>().or_else(over_http).ok_or_else(|| {
            tracing::error!("a request to listen was not looked at before it was acknowledged");
            ErrorData::internal_error("what this caller may read is not known", None)
        })?;
        let mut telling = FuturesUnordered::new();
        let accepted = context.accepted().resource_subscriptions.iter().flatten();
        for uri in accepted.filter(|uri| permitted.readable.contains(*uri)) {
            let watch = self.watch(uri, Some(permitted.after), request).await?;
            let (sink, told) = (context.sink().clone(), uri.clone());
            telling.push(watch.tell(Box::new(move || {
                let (sink, told) = (sink.clone(), told.clone());
                Box::pin(async move { sink.notify_resource_updated(told).await.is_ok() })
            })));
        }
        let all_told = async {
            if telling.is_empty() {
                std::future::pending::<()>().await;
            }
            while telling.next().await.is_some() {}
        };
        tokio::select! {
            () = context.cancelled() => {}
            () = self.reads_end() => {}
            () = all_told => {}
        }
        Ok(())
    }
}

/// A URI that names nothing. The code is the protocol's own, for each revision.
fn unknown(uri: &str) -> ErrorData {
    let shown: String = uri.chars().filter(|letter| !letter.is_control()).take(100).collect();
    ErrorData::resource_not_found("there is no such resource", Some(json!({ "uri": shown })))
}

fn refused(problem: &Problem) -> ErrorData {
    let data = serde_json::to_value(problem).ok();
    let message = problem.message.clone();
    match problem.code {
        Code::NotFound => ErrorData::resource_not_found(message, data),
        Code::InvalidInput => ErrorData::invalid_params(message, data),
        Code::Forbidden => ErrorData::invalid_request(message, data),
        _ => ErrorData::internal_error(message, data),
    }
}
