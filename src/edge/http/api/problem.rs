//! What went wrong, for programs: RFC 9457.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

/// An answer that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::edge::http) struct Problem {
    status: StatusCode,
    detail: String,
    /// What is asked for, where whoever calls is not known.
    challenge: &'static str,
}

/// How it is written.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Written {
    /// Nothing that the status does not say: always "about:blank".
    r#type: &'static str,
    /// What the status is called.
    title: &'static str,
    /// The status.
    status: u16,
    /// What went wrong here, one sentence.
    detail: String,
}

impl Problem {
    pub(in crate::edge::http) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), challenge: "Bearer realm=\"sluss\"" }
    }

    pub(in crate::edge::http) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(in crate::edge::http) fn no_token() -> Problem {
        let detail = "a token is missing: Authorization: Bearer sluss_…";
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// RFC 6750 section 3.1: expired, revoked, malformed, or never one, in a word.
    pub(in crate::edge::http) fn wrong_token() -> Problem {
        let detail = "this token is not valid: it is mistyped, its time is over, or it was ended";
        let problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
        Problem { challenge: "Bearer realm=\"sluss\", error=\"invalid_token\"", ..problem }
    }

    pub(in crate::edge::http) fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    /// It is not there, or none of the caller's business, which sounds alike.
    pub(in crate::edge::http) fn missing() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "there is nothing of this name or id")
    }

    /// It could not be done just now.
    pub(in crate::edge::http) fn away(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    pub(in crate::edge::http) fn ours(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let written = Written {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let body = serde_json::to_vec(&written).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let kind = header::HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if self.status == StatusCode::UNAUTHORIZED {
            let ask = header::HeaderValue::from_static(self.challenge);
            headers.insert(header::WWW_AUTHENTICATE, ask);
        }
        response
    }
}
