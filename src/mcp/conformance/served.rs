//! The product's handler with the fixtures beside it. What is no fixture goes to the product; without `--conformance` everything does.

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    CompletionInfo, ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, JsonObject,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    PromptMessage, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Reference, ServerConfig,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext, SubscriptionSink};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tokio::sync::broadcast;

use super::super::Handler;
use super::asking::{ask, require, tell_steps};
use super::fixtures::{Fixtures, List, ToolFixture, fill, fixtures, typed};
use super::rounds::{Sent, StateKey, Turn};

/// What Streamable HTTP serves.
#[derive(Clone)]
pub struct Served {
    product: Handler,
    beside: Option<Beside>,
}

/// What the fixtures share among requests.
#[derive(Clone)]
struct Beside {
    key: StateKey,
    changes: broadcast::Sender<List>,
}

impl Served {
    /// The product, with the fixtures when they are wanted.
    #[must_use]
    pub fn over(product: Handler, with_fixtures: bool) -> Self {
        let beside = with_fixtures.then(|| Beside { key: StateKey::new(), changes: broadcast::Sender::new(16) });
        Self { product, beside }
    }

    /// The same for one session.
    #[must_use]
    pub fn for_session(&self) -> Self {
        Self { product: self.product.for_session(), beside: self.beside.clone() }
    }

    fn fixtures(&self) -> Result<Option<(&Beside, &'static Fixtures)>, ErrorData> {
        self.beside.as_ref().map(|beside| Ok((beside, fixtures()?))).transpose()
    }
}

impl Beside {
    async fn call(
        &self,
        tool: &ToolFixture,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(capability) = &tool.needs {
            require(capability, context)?;
        }
        if let Some(steps) = tool.steps {
            tell_steps(steps, context).await;
        }
        if let Some(list) = tool.changes {
            // Nobody may be listening.
            let _ = self.changes.send(list);
        }
        let says = |what: &dyn std::fmt::Display| {
            CallToolResult::success(vec![ContentBlock::text(format!("{} {what}", tool.says))])
        };
        if let Some(asks) = &tool.asks {
            let words = request.arguments.unwrap_or_default();
            return Ok(match ask(fill(asks, &words), context).await {
                Ok(answer) => says(&answer),
                Err(error) => CallToolResult::error(vec![ContentBlock::text(error.message)]),
            }
            .into());
        }
        if !tool.rounds.is_empty() {
            let sent = Sent {
                responses: request.input_responses,
                state: request.request_state,
                can: context.client_capabilities(),
            };
            return Ok(match self.key.turn(&request.name, &tool.rounds, tool.sealed, sent)? {
                Turn::Ask(asks) => asks.into(),
                Turn::Done(answers) => says(&json!(answers)).into(),
            });
        }
        let content: Vec<ContentBlock> = typed(json!(tool.content))?;
        Ok(if tool.is_error { CallToolResult::error(content) } else { CallToolResult::success(content) }.into())
    }

    /// Tells of lists that change, until nobody wants to hear it.
    async fn tell_changes(&self, sink: SubscriptionSink) {
        let mut changes = self.changes.subscribe();
        while let Ok(list) = changes.recv().await {
            // A list that this stream did not ask for is refused by the sink.
            let _ = match list {
                List::Tools => sink.notify_tool_list_changed().await,
                List::Prompts => sink.notify_prompt_list_changed().await,
            };
        }
    }
}

impl ServerHandler for Served {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerHandler::get_info(&self.product);
        if self.beside.is_some() {
            let can = &mut info.capabilities;
            can.logging = Some(JsonObject::new());
            can.completions = Some(JsonObject::new());
            can.tools.get_or_insert_default().list_changed = Some(true);
            can.prompts.get_or_insert_default().list_changed = Some(true);
        }
        info
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if self.beside.is_some() { Ok(()) } else { self.product.set_level(request, context).await }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        if let Some((_, all)) = self.fixtures()?
            && let Reference::Prompt(prompt) = &request.r#ref
            && all.prompts.contains_key(&prompt.name)
        {
            let values = CompletionInfo::with_all_values(vec![format!("{}-completed", request.argument.value)]);
            return values.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None));
        }
        self.product.complete(request, context).await
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut listed = self.product.list_tools(request, context).await?;
        if let Some((_, all)) = self.fixtures()? {
            listed.tools.extend(all.list_tools()?);
        }
        Ok(listed)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match self.fixtures()? {
            Some((beside, all)) if all.tools.contains_key(&*request.name) => {
                beside.call(&all.tools[&*request.name], request, &context).await
            }
            _ => self.product.call_tool(request, context).await,
        }
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut listed = self.product.list_prompts(request, context).await?;
        if let Some((_, all)) = self.fixtures()? {
            listed.prompts.extend(all.list_prompts()?);
        }
        Ok(listed)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let Some((beside, prompt)) =
            self.fixtures()?.and_then(|(beside, all)| Some((beside, all.prompts.get(&request.name)?)))
        else {
            return self.product.get_prompt(request, context).await;
        };
        if !prompt.rounds.is_empty() {
            let sent = Sent {
                responses: request.input_responses,
                state: request.request_state,
                can: context.client_capabilities(),
            };
            if let Turn::Ask(asks) = beside.key.turn(&request.name, &prompt.rounds, false, sent)? {
                return Ok(asks.into());
            }
        }
        let messages: Vec<PromptMessage> =
            typed(fill(&json!(prompt.messages), &request.arguments.unwrap_or_default()))?;
        Ok(GetPromptResult::new(messages).into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut listed = self.product.list_resources(request, context).await?;
        if let Some((_, all)) = self.fixtures()? {
            listed.resources.extend(all.list_resources()?);
        }
        Ok(listed)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut listed = self.product.list_resource_templates(request, context).await?;
        if let Some((_, all)) = self.fixtures()? {
            listed.resource_templates.extend(all.list_templates()?);
        }
        Ok(listed)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match self.fixtures()?.and_then(|(_, all)| all.read(&request.uri)) {
            Some(read) => {
                Ok(ReadResourceResult::new(vec![read?]).with_ttl_ms(0).with_cache_scope(CacheScope::Private).into())
            }
            None => self.product.read_resource(request, context).await,
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        match self.fixtures()? {
            // It never changes, so there is nothing to tell.
            Some((_, all)) if all.has_resource(&request.uri) => Ok(()),
            _ => self.product.subscribe(request, context).await,
        }
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.product.unsubscribe(request, context).await
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.product.accepted_subscription_filter(requested)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let Some(beside) = &self.beside else { return self.product.listen(context).await };
        let sink = context.sink().clone();
        tokio::select! {
            outcome = self.product.listen(context) => outcome,
            () = beside.tell_changes(sink) => Ok(()),
        }
    }
}
