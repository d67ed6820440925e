//! The document of the API, OpenAPI 3.1, made from the table of its routes.

use super::{ROUTES as ALL, answer, problem, shape};
use crate::edge::http::{Door, Needs, Route};
use axum::{response::Response, routing::get};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Anybody who reaches the door may read what there is to ask for; it says nothing of us.
pub(super) const ROUTES: &[Route] = &[Route::new(
    Door::Admin,
    "GET",
    "/api/v1/openapi.json",
    "what the API is",
    Needs::Nothing,
    || get(document),
)];

async fn document() -> Response {
    answer(&openapi())
}

fn openapi() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let problem = shape::<problem::Written>(&mut generator);
    let mut paths = Map::new();
    for route in ALL.iter().flat_map(|table| table.iter()) {
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "sluss",
            "version": "1",
            "description": "What the admin pages do, for programs. A token is made on the page of one's own account and has some of that account's rights. \
                Times in answers are milliseconds since 1970; asked for, a time is a moment (2026-11-21T08:30:00Z), a day (2026-11-21, UTC) or such milliseconds. \
                A parameter that a path does not have, and a value that one does not take, are answered by 400. Errors are problem details (RFC 9457).",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "responses": {
                "Problem": {
                    "description": "It was not done; `detail` says why.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({ "summary": route.what, "operationId": operation_id(route) });
    let Some(fields) = operation.as_object_mut() else { return operation };
    let mut ok = json!({ "description": "Done." });
    match (route.needs, route.spec) {
        (Needs::Right(right), Some(spec)) => {
            let said = format!("Needs the right `{}`.", right.word());
            fields.insert("description".to_string(), Value::from(said));
            let schema = (spec.answer)(generator);
            let kind = schema.get("contentMediaType").and_then(Value::as_str);
            let kind = kind.unwrap_or("application/json").to_string();
            ok = json!({ "description": "Done.", "content": { kind: { "schema": schema } } });
            let path = variables(route.path).map(|name| {
                json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
            });
            let query = spec.query.iter().map(|param| {
                json!({ "name": param.name, "in": "query", "description": param.said(), "schema": param.schema() })
            });
            fields.insert("parameters".to_string(), path.chain(query).collect());
            if let Some(body) = spec.body {
                let schema = body(generator);
                let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
                fields.insert("requestBody".to_string(), body);
            }
        }
        (Needs::Nothing | Needs::LogIn | Needs::Right(_), _) => {
            fields.insert("security".to_string(), json!([]));
        }
    }
    let problem = json!({ "$ref": "#/components/responses/Problem" });
    fields.insert("responses".to_string(), json!({ "200": ok, "default": problem }));
    operation
}

/// `get_held_id` for GET /api/v1/held/{id}.
fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1/");
    let words: String = path
        .chars()
        .filter(|letter| !matches!(letter, '{' | '}'))
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
        .collect();
    format!("{}_{words}", route.method.to_lowercase())
}

fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_route_stands_in_the_document_once() {
        let document = openapi();
        let mut ids = HashSet::new();
        for route in ALL.iter().flat_map(|table| table.iter()) {
            let pointer =
                format!("/paths/{}/{}", route.path.replace('/', "~1"), route.method.to_lowercase());
            let operation = document.pointer(&pointer).unwrap_or_else(|| panic!("{route:?}"));
            assert!(ids.insert(operation["operationId"].to_string()), "{route:?}");
            assert!(route.path.starts_with("/api/v1/"), "{route:?}");
        }
        // Every reference leads somewhere.
        let text = document.to_string();
        for reference in
            text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap())
        {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
