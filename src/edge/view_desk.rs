//! What `sluss quarantine show` is answered when it asks for what is inside a held mail.

use crate::{
    base::ids::Id,
    examine::{View, ViewAsk},
    pipeline::{Gateway, view},
};
use serde_json::{Value, json};

/// Makes the view. That somebody looked is logged first; who may run the command owns the machine, and is asked nothing.
pub(super) async fn answer(gateway: &Gateway, id: Id, ask: ViewAsk) -> Result<Value, String> {
    let what = match ask {
        ViewAsk::Overview => "text",
        ViewAsk::Page(_) => "page",
        ViewAsk::Part(_) => "part",
        ViewAsk::Whole => "whole",
    };
    tracing::warn!(%id, what, "the content of a held mail was opened");
    match view::view(gateway, id, ask).await.map_err(|error| error.to_string())? {
        View::Overview(overview) => Ok(json!(overview)),
        View::Page(page) => Ok(json!(page)),
        View::Bytes(part) => Ok(json!({
            "name": part.name,
            "whole": part.whole,
            "content_base64": data_encoding::BASE64.encode(&part.bytes),
        })),
    }
}
