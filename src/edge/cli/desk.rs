//! How a command reaches its gateway: by the control socket if one runs, else by opening the data folder itself.

use super::{Failure, Place, change::unread, runtime};
use crate::{
    base::clock::Clock,
    edge::{
        caller::{self, Asking},
        connections::Connections,
        control::{self, Desk, Request, Response},
        load::{Kept, Opener},
        serve,
    },
    examine::Reveal,
    store::master::MasterKey,
};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Asks and gives the answer's value.
pub(super) fn ask(place: &Place, request: Request) -> Result<serde_json::Value, Failure> {
    ask_because(place, request, None)
}

/// The same, with a reason for the audit log.
pub(super) fn ask_because(
    place: &Place,
    request: Request,
    reason: Option<String>,
) -> Result<serde_json::Value, Failure> {
    // Before root is given away.
    let asking = Asking { by: Some(caller::of_this_process()), reason };
    // The file alone says where the gateway is; a long list of domains is not read for every question.
    let written = place.source().written(place.data.as_deref()).map_err(unread)?;
    let master = serve::become_its_user(&place.source(), written.alone())?;
    runtime()?.block_on(async {
        let answered = control::ask_as(written.data_dir(), &request, &asking).await;
        let response = match answered
            .map_err(|error| format!("the running gateway did not answer: {error}"))?
        {
            Some(response) => response,
            None => {
                let config = place.source().read(place.data.as_deref());
                without_gateway(config.map_err(Failure::BadInput)?, master, request, asking).await?
            }
        };
        match response {
            Response::Ok(value) => Ok(value),
            Response::Error(sentence) => Err(Failure::Failed(sentence)),
        }
    })
}

/// No gateway runs: the stores are opened here, under their lock, and closed again.
async fn without_gateway(
    config: crate::config::Config,
    master: Option<MasterKey>,
    request: Request,
    asking: Asking,
) -> Result<Response, Failure> {
    if !config.data_dir.join("spool").exists() {
        let sentence = format!(
            "no gateway runs, and there is no data in {}: is it the right --config or --data?",
            config.data_dir.display()
        );
        return Err(Failure::Failed(sentence));
    }
    let clock = Clock::system();
    // Mails are looked at again before they go, and mails are opened in the locked room only.
    let opener = match matches!(request, Request::QuarantineRelease { .. }) {
        true => Opener::Workers { reveal: Reveal::No, kept: Kept::default() },
        false => Opener::Here,
    };
    let opened = serve::open(config, master, &clock, opener)?;
    let desk = Desk {
        gateway: opened.gateway,
        signer: opened.signer,
        connections: Arc::new(Connections::default()),
        started: clock.now(),
        observed: ArcSwap::default(),
        reload: None,
        renew: None,
        certificates: None,
    };
    let response = desk.answer(request, asking).await;
    let spool = desk.gateway.stores.spool.clone();
    spool.flush_and_close().await.map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(response)
}
