//! The way in without a token, for the suite, which cannot send one: every request shows a token that was made for this. All checks
//! behind it are those of the product.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// The token that everybody shows. Only for listeners on the loopback interface.
#[derive(Clone)]
pub struct OpenHouse(Arc<HeaderValue>);

impl OpenHouse {
    /// Everybody comes in with `token`; nothing when it cannot stand in a header.
    #[must_use]
    pub fn with(token: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(Self(Arc::new(value)))
    }
}

impl fmt::Debug for OpenHouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenHouse")
    }
}

/// The middleware: puts the token into requests that show none.
pub async fn let_in(State(house): State<OpenHouse>, mut request: Request, next: Next) -> Response {
    request.headers_mut().entry(header::AUTHORIZATION).or_insert_with(|| (*house.0).clone());
    next.run(request).await
}
