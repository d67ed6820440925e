//! The admin web listener: a status page, `/metrics`, `/healthz`, `/readyz`. Nothing here changes anything.

use crate::edge::control::Desk;
use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;

/// What the pages read from.
#[derive(Clone)]
struct Pages {
    desk: Arc<Desk>,
    metrics: PrometheusHandle,
}

/// The admin pages.
pub fn admin(desk: Arc<Desk>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/", get(status))
        .route("/metrics", get(render_metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Pages { desk, metrics })
}

/// Opens the admin web.
pub fn open(
    desk: &Arc<Desk>,
    metrics: PrometheusHandle,
    sockets: Vec<std::net::TcpListener>,
) -> Result<(), String> {
    for socket in sockets {
        let socket = tokio::net::TcpListener::from_std(socket)
            .map_err(|error| format!("the admin web cannot be opened: {error}"))?;
        let pages = admin(desk.clone(), metrics.clone());
        tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, pages).await {
                tracing::error!(%error, "the admin web ended");
            }
        });
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    hostname: String,
    well: bool,
    facts: Vec<(&'static str, String)>,
    day: Vec<(String, u64)>,
}

async fn status(State(pages): State<Pages>) -> impl IntoResponse {
    let status = pages.desk.status().await;
    let number = |path: &str| status.pointer(path).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let up = crate::base::units::roughly(std::time::Duration::from_secs(number("/up_seconds")));
    let facts = vec![
        ("Up for", up),
        ("Memory", mebibytes(number("/resident_bytes"))),
        ("Free disk", mebibytes(number("/free_disk_bytes"))),
        ("Connections", number("/connections").to_string()),
        ("Waiting for an examiner", number("/examiners_waiting").to_string()),
        ("Met a limit of late", number("/limits/met").to_string()),
        ("Mails in the queue", number("/queue/mails").to_string()),
        ("Mails in quarantine", number("/quarantine/held").to_string()),
        ("Rules in force", number("/rules").to_string()),
        ("Domains", number("/domains").to_string()),
    ];
    let day = status.get("last_24_hours").and_then(serde_json::Value::as_object).map(|day| {
        day.iter().map(|(action, count)| (action.clone(), count.as_u64().unwrap_or(0))).collect()
    });
    let page = StatusPage {
        hostname: status
            .get("hostname")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("sluss")
            .to_string(),
        well: status.get("well").and_then(serde_json::Value::as_bool).unwrap_or(false),
        facts,
        day: day.unwrap_or_default(),
    };
    match page.render() {
        Ok(html) => (
            [
                (
                    header::CONTENT_SECURITY_POLICY,
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                ),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            Html(html),
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn render_metrics(State(pages): State<Pages>) -> impl IntoResponse {
    let gateway = &pages.desk.gateway;
    let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::gauge!("sluss_queue_mails").set(float(gateway.queue.len()));
    metrics::gauge!("sluss_connections").set(float(pages.desk.connections.count()));
    metrics::gauge!("sluss_examiners_waiting").set(float(gateway.waiting()));
    let remembered = gateway.client_limits.transactions.remembered();
    metrics::gauge!("sluss_limits_addresses_remembered").set(float(remembered));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], pages.metrics.render())
}

async fn healthz() -> &'static str {
    "alive\n"
}

async fn readyz(State(pages): State<Pages>) -> (StatusCode, &'static str) {
    match pages.desk.gateway.settings.load().may_judge {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "no rules are loaded\n"),
    }
}
