//! One order, from the account to the certificate (RFC 8555 section 7).

use super::{
    challenges::Challenges,
    folder::{Account as Known, AcmeFolder, FolderError},
};
use crate::{
    base::{clock::UnixMs, hidden::Hidden, limits},
    config::{Acme, ExternalAccount},
    mail::Domain,
};
use data_encoding::BASE64URL_NOPAD;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, ExternalAccountKey,
    HttpClient, Identifier, NewAccount, NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use std::{fs, time::Duration};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCertificate {
    /// The authority said no, or nothing.
    #[error("{at}: {why}")]
    Authority {
        /// Which step.
        at: &'static str,
        /// What it said.
        why: String,
        /// It has forgotten what it gave us a moment ago (RFC 8555 section 6.5): whoever asks anew is answered.
        again: bool,
    },
    /// It looked at our names and did not find what it wanted.
    #[error("the authority did not find our answer at port 80: {0}")]
    NotFound(String),
    /// It can see that a name is ours only in ways we do not have.
    #[error("the authority offers no http-01 for {0}")]
    NoChallenge(String),
    /// The customer's account.
    #[error("[tls.acme] external-account key-file {file}: {why}")]
    External {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// What is kept.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The request could not be made.
    #[error("the request could not be made: {0}")]
    Request(#[from] rcgen::Error),
    /// It took longer than an order may.
    #[error("the authority took more than {} minutes", limits::ACME_ORDER_TIME_MAX.as_secs() / 60)]
    TooSlow,
}

/// What a dialogue needs.
pub(super) struct Dialogue<'a, L> {
    pub(super) acme: &'a Acme,
    pub(super) names: &'a [Domain],
    pub(super) line: L,
    pub(super) folder: &'a AcmeFolder,
    pub(super) challenges: &'a Challenges,
}

impl<L: HttpClient + Clone> Dialogue<'_, L> {
    /// The account at the authority; made where there is none yet.
    pub(super) async fn account(&self) -> Result<Account, NoCertificate> {
        let acme = self.acme;
        let contacts: Vec<String> =
            acme.contacts.iter().map(|contact| format!("mailto:{contact}")).collect();
        let contact: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let external = acme.external_account.as_ref();
        let known = self.folder.account()?.filter(|known| {
            known.directory == acme.directory.as_str()
                && known.external.as_ref() == external.map(|external| &external.id)
        });
        let builder = Account::builder_with_http(Box::new(self.line.clone()));
        if let Some(known) = known {
            let same = known.contacts == contacts;
            let account = builder.from_credentials(known.credentials).await;
            let account = account.map_err(|error| said("the directory", error))?;
            if !same {
                let updated = account.update_contacts(&contact).await;
                updated.map_err(|error| said("contacts", error))?;
                if let Some(known) = self.folder.account()? {
                    self.folder.keep_account(&Known { contacts, ..known })?;
                }
            }
            return Ok(account);
        }
        let external_key = external.map(external_key).transpose()?;
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = acme.directory.to_string();
        let made = builder.create(&wanted, directory.clone(), external_key.as_ref()).await;
        let (account, credentials) = made.map_err(|error| said("the account", error))?;
        let external = external.map(|external| external.id.clone());
        self.folder.keep_account(&Known { directory, external, contacts, credentials })?;
        Ok(account)
    }

    /// A certificate for the key, with those above it, PEM. `replaces`: the one it comes after, where the authority wants to know.
    pub(super) async fn certificate(
        &self,
        account: &Account,
        key: &KeyPair,
        replaces: Option<CertificateIdentifier<'_>>,
    ) -> Result<String, NoCertificate> {
        let mut order = self.order(account, replaces).await?;
        let proven = self.prove(&mut order).await;
        self.challenges.clear();
        proven?;
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        let mut wanted = CertificateParams::new(names)?;
        // The authority writes none of it, and some refuse an empty common name.
        wanted.distinguished_name = DistinguishedName::new();
        let request = wanted.serialize_request(key)?;
        let asked = order.finalize_csr(request.der()).await;
        asked.map_err(|error| said("the request", error))?;
        let found = order.poll_certificate(&PATIENCE).await;
        found.map_err(|error| said("the certificate", error))
    }

    /// When the authority would have a certificate renewed, and when it wants to be asked again (RFC 9773 section 4.2); none if it does not say.
    pub(super) async fn window(
        &self,
        account: &Account,
        called: &CertificateIdentifier<'_>,
    ) -> Option<(UnixMs, UnixMs, Duration)> {
        let (info, again) = account.renewal_info(called).await.ok()?;
        let window = info.suggested_window;
        let moment = |nanoseconds: i128| u64::try_from(nanoseconds / 1_000_000).ok().map(UnixMs);
        let start = moment(window.start.unix_timestamp_nanos())?;
        let end = moment(window.end.unix_timestamp_nanos())?;
        Some((start, end, again))
    }

    async fn order(
        &self,
        account: &Account,
        replaces: Option<CertificateIdentifier<'_>>,
    ) -> Result<Order, NoCertificate> {
        let names: Vec<Identifier> =
            self.names.iter().map(|name| Identifier::Dns(name.to_string())).collect();
        if let Some(replaced) = replaces {
            match account.new_order(&NewOrder::new(&names).replaces(replaced)).await {
                Ok(order) => return Ok(order),
                // RFC 9773 section 5: it may not want to hear of it, and then none is named.
                Err(error) => {
                    tracing::debug!(%error, "the authority takes no order in place of the old certificate");
                }
            }
        }
        let ordered = account.new_order(&NewOrder::new(&names)).await;
        if let Err(Error::Api(problem)) = &ordered
            && is_of_kind(problem, "accountDoesNotExist")
        {
            // The next try makes another.
            self.folder.forget_account()?;
        }
        ordered.map_err(|error| said("the order", error))
    }

    /// Has the authority look at our names.
    async fn prove(&self, order: &mut Order) -> Result<(), NoCertificate> {
        let looked = |error| said("the names", error);
        let mut all = order.authorizations();
        while let Some(one) = all.next().await {
            let mut one = one.map_err(looked)?;
            match one.status {
                // Seen not long ago.
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => (),
                AuthorizationStatus::Invalid
                | AuthorizationStatus::Revoked
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Deactivated => {
                    return Err(NoCertificate::NotFound(faults(&one.challenges)));
                }
            }
            let name = one.identifier().to_string();
            let challenge = one.challenge(ChallengeType::Http01);
            let mut challenge = challenge.ok_or(NoCertificate::NoChallenge(name))?;
            self.challenges.put(&challenge.token, challenge.key_authorization().as_str());
            challenge.set_ready().await.map_err(looked)?;
        }
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Processing) => Ok(()),
            // Why stands with each name.
            Ok(OrderStatus::Invalid | OrderStatus::Pending) | Err(Error::Api(_)) => {
                Err(NoCertificate::NotFound(refusals(order).await))
            }
            Err(error) => Err(looked(error)),
        }
    }
}

/// What the authority says of the names that it did not believe.
async fn refusals(order: &mut Order) -> String {
    let mut said = Vec::new();
    let mut all = order.authorizations();
    while let Some(Ok(mut one)) = all.next().await {
        if one.refresh().await.is_ok() {
            let why = faults(&one.challenges);
            if !why.is_empty() {
                said.push(why);
            }
        }
    }
    match said.is_empty() {
        true => "it does not say why".to_string(),
        false => said.join("; "),
    }
}

fn faults(challenges: &[instant_acme::Challenge]) -> String {
    let faults = challenges.iter().filter_map(|challenge| challenge.error.as_ref());
    let faults: Vec<String> = faults.map(problem).collect();
    faults.join("; ")
}

/// A problem in its own words, and where the words are several, all of them.
fn problem(problem: &Problem) -> String {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
    let detail = problem.detail.as_deref().unwrap_or_default();
    let parts: String = problem.subproblems.iter().map(|part| format!("; {part}")).collect();
    let text = format!("{detail}{parts} ({kind})");
    bounded(&text)
}

/// One line that fits into ours.
fn bounded(text: &str) -> String {
    let plain = text.chars().map(|one| if one.is_control() { ' ' } else { one });
    plain.take(limits::ACME_WHY_CHARACTERS_MAX).collect()
}

fn said(at: &'static str, error: Error) -> NoCertificate {
    if let Error::Api(found) = &error {
        let again = is_of_kind(found, "badNonce");
        return NoCertificate::Authority { at, why: problem(found), again };
    }
    NoCertificate::Authority { at, why: bounded(&error.to_string()), again: false }
}

fn is_of_kind(problem: &Problem, word: &str) -> bool {
    let kind = problem.r#type.as_deref().and_then(|kind| kind.rsplit(':').next());
    kind == Some(word)
}

fn external_key(external: &ExternalAccount) -> Result<ExternalAccountKey, NoCertificate> {
    let file = external.key_file.display().to_string();
    let wrong = |why: String| NoCertificate::External { file: file.clone(), why };
    let text = fs::read_to_string(&external.key_file).map_err(|error| wrong(error.to_string()))?;
    let text = Hidden::new("key of the external account", text);
    let key = BASE64URL_NOPAD.decode(text.expose().trim().trim_end_matches('=').as_bytes());
    let key = key.map_err(|error| wrong(format!("it is no base64url: {error}")))?;
    Ok(ExternalAccountKey::new(external.id.clone(), &key))
}

const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_secs(1))
    .backoff(1.5)
    .timeout(limits::ACME_STEP_TIME_MAX);

#[cfg(test)]
mod tests;
