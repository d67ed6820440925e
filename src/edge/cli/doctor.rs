//! `sluss doctor`: what is wrong with the way of mail to and from us, and how it is mended.

use super::{Failure, Place, print, runtime};
use crate::{
    edge::{
        doctor::{self, Asked, Finding, State},
        own_tls,
    },
    mail::Domain,
};
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    place: Place,
    /// Only this domain of ours; without it the first hundred are looked at.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Ask nobody outside this machine: no DNS, no web server.
    #[arg(long)]
    offline: bool,
    /// JSON, one object a line.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let config = self.place.source().read(self.place.data.as_deref());
        let config = config.map_err(Failure::BadInput)?;
        let domain = self.domain.as_deref().map(Domain::parse).transpose();
        let domain = domain.map_err(|error| Failure::BadInput(format!("--domain: {error}")))?;
        if let Some(domain) = &domain
            && own_tls::domains(&config, Some(domain)).is_empty()
        {
            return Err(Failure::BadInput(format!("{domain} is no domain of ours")));
        }
        let asked = Asked { domain: domain.as_ref(), offline: self.offline };
        let found = runtime()?.block_on(doctor::look(&config, asked))?;
        match self.json {
            true => {
                for finding in &found {
                    let text = serde_json::to_string(finding).map_err(|error| error.to_string())?;
                    print::line(&text)?;
                }
            }
            false => show(&found)?,
        }
        let is_red = found.iter().any(|finding| finding.state == State::Red);
        Ok(if is_red { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }
}

/// A line for each, and its mend below it.
fn show(found: &[Finding]) -> Result<(), String> {
    for Finding { check, about, state, says, mend } in found {
        let (about, says) = (print::tame(about), print::tame(says));
        print::line(&format!("{:<8} {check:<12} {about}: {says}", state.word()))?;
        if !mend.is_empty() {
            print::line(&format!("{:<21} → {}", "", print::tame(mend)))?;
        }
    }
    let count = |state| found.iter().filter(|finding| finding.state == state).count();
    let states = [State::Green, State::Yellow, State::Red, State::Unknown];
    let counts = states.map(|state| format!("{} {}", count(state), state.word()));
    print::line(&counts.join(", "))
}
