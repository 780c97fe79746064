//! Where a request carries its token, and how the token is taken out, so that nothing behind this point can log it.

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, Uri, header, request::Parts};

/// The header of the product's own clients.
const WORKSPACE_TOKEN: HeaderName = HeaderName::from_static("x-workspace-token");
/// Names of a token in the query.
const QUERY_NAMES: [&str; 2] = ["token", "workspace_token"];
/// No token of ours is longer; what is longer is not even compared.
const TOKEN_LENGTH_MAX: usize = 512;

/// What a request shows.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    Missing,
    /// One token, perhaps in several places.
    Token(String),
    /// Two different ones, or something that cannot be a token.
    Unusable,
    /// A token in the URL of an endpoint where that is switched off.
    UrlTokenOff,
}

impl std::fmt::Debug for Credentials {
    /// Never shows the token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "Missing",
            Self::Token(_) => "Token(…)",
            Self::Unusable => "Unusable",
            Self::UrlTokenOff => "UrlTokenOff",
        })
    }
}

/// Takes the credentials out of a request: afterwards neither its headers nor its URL hold them. `url_tokens` tells whether the
/// URL counts.
pub fn take(parts: &mut Parts, url_tokens: bool) -> Credentials {
    let mut found: Vec<Option<String>> = Vec::new();
    found.extend(from_headers(&mut parts.headers));
    let in_url = from_url(&mut parts.uri);
    if !in_url.is_empty() && !url_tokens {
        return Credentials::UrlTokenOff;
    }
    found.extend(in_url.into_iter().map(Some));
    let mut tokens = found.into_iter();
    match tokens.next() {
        None => Credentials::Missing,
        Some(Some(first)) if first.len() <= TOKEN_LENGTH_MAX && tokens.all(|other| other.as_ref() == Some(&first)) => {
            Credentials::Token(first)
        }
        Some(_) => Credentials::Unusable,
    }
}

/// Tokens from the headers; `None` stands for a value that cannot be one.
fn from_headers(headers: &mut HeaderMap) -> Vec<Option<String>> {
    let mut found = Vec::new();
    for value in headers.get_all(&WORKSPACE_TOKEN) {
        match value.to_str().map(str::trim) {
            Ok("") => {}
            Ok(text) => found.push(Some(text.to_owned())),
            Err(_) => found.push(None),
        }
    }
    for value in headers.get_all(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.trim().split_once(' ')).and_then(|(scheme, token)| {
            (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim().to_owned())
        });
        found.push(token);
    }
    headers.remove(&WORKSPACE_TOKEN);
    headers.remove(header::AUTHORIZATION);
    found
}

fn from_url(uri: &mut Uri) -> Vec<String> {
    let Some(query) = uri.query() else { return Vec::new() };
    let mut found = Vec::new();
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !QUERY_NAMES.contains(&name.as_ref()) {
            kept.append_pair(&name, &value);
        } else if !value.is_empty() {
            found.push(value.into_owned());
        }
    }
    let kept = kept.finish();
    let path = uri.path();
    let rest = if kept.is_empty() { path.to_owned() } else { format!("{path}?{kept}") };
    let mut pieces = std::mem::take(uri).into_parts();
    pieces.path_and_query = PathAndQuery::try_from(rest).ok();
    *uri = Uri::from_parts(pieces).unwrap_or_default();
    found
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn taken(uri: &str, headers: &[(&str, &str)]) -> Credentials {
        take(&mut parts(uri, headers), true)
    }

    #[test]
    fn a_token_is_found_wherever_clients_put_it() {
        let token = Credentials::Token("abc".to_owned());
        assert_eq!(taken("/mcp", &[("x-workspace-token", "abc")]), token);
        assert_eq!(taken("/mcp", &[("authorization", "Bearer abc")]), token);
        assert_eq!(taken("/mcp", &[("authorization", "bearer  abc ")]), token);
        assert_eq!(taken("/mcp?token=abc", &[]), token);
        assert_eq!(taken("/mcp?x=1&workspace_token=%61bc", &[]), token);
        assert_eq!(taken("/mcp", &[]), Credentials::Missing);
    }

    #[test]
    fn the_same_token_twice_is_one_and_two_tokens_are_none() {
        assert_eq!(taken("/mcp?token=abc", &[("authorization", "Bearer abc")]), Credentials::Token("abc".to_owned()));
        assert_eq!(taken("/mcp?token=abd", &[("authorization", "Bearer abc")]), Credentials::Unusable);
        assert_eq!(taken("/mcp?token=a&token=b", &[]), Credentials::Unusable);
        assert_eq!(taken("/mcp", &[("x-workspace-token", "a"), ("authorization", "Bearer b")]), Credentials::Unusable);
    }

    #[test]
    fn another_scheme_is_not_a_token() {
        assert_eq!(taken("/mcp", &[("authorization", "Basic abc")]), Credentials::Unusable);
        assert_eq!(taken("/mcp", &[("authorization", "Bearer ")]), Credentials::Unusable);
        assert_eq!(taken("/mcp", &[("x-workspace-token", "a"), ("authorization", "Basic b")]), Credentials::Unusable);
    }

    #[test]
    fn a_token_in_the_url_can_be_switched_off() {
        assert_eq!(take(&mut parts("/mcp?token=abc", &[]), false), Credentials::UrlTokenOff);
        assert_eq!(take(&mut parts("/mcp?x=1", &[]), false), Credentials::Missing);
    }

    #[test]
    fn afterwards_the_request_holds_no_token() {
        let mut request = parts(
            "/mcp?toolsets=all&%74oken=abc&name=a%26b",
            &[("authorization", "Bearer abc"), ("x-workspace-token", "abc"), ("accept", "text/event-stream")],
        );
        take(&mut request, true);
        assert_eq!(request.uri, "/mcp?toolsets=all&name=a%26b");
        assert!(!format!("{request:?}").contains("abc"), "{request:?}");
        assert_eq!(request.headers.len(), 1);
    }
}
