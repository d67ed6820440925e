//! Looking into a held mail: its content goes from the quarantine to an examiner, and what a person may be shown of it comes back.
//!
//! Nothing of a mail is read here. Whoever asks has checked that he may, and has written down that he looked, before he calls: see
//! [`view`].

use super::{
    gateway::{Gateway, Whose},
    process::{authentication, client_of},
};
use crate::{
    base::{clock::Tick, ids::Id, letters::is_unseen, limits},
    examine::{NotViewed, View, ViewAsk},
    facts::Facts,
    formats::archive::zip,
    mail::header::Header,
    personal::{self, Date, Scope},
    store::{StoreError, held::HeldState},
    wire::{auth::results::Found, received},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::{IpAddr, Ipv6Addr};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Who looks, and who waits to.
#[derive(Debug)]
pub struct Viewers {
    waiting: Semaphore,
    at_once: Semaphore,
}

impl Default for Viewers {
    fn default() -> Viewers {
        Viewers {
            waiting: Semaphore::new(limits::VIEWS_WAITING_MAX),
            at_once: Semaphore::new(limits::VIEWS_AT_ONCE_MAX),
        }
    }
}

/// A place among those who wait, and one among those who look.
struct Turn<'v> {
    _waited: SemaphorePermit<'v>,
    _looks: SemaphorePermit<'v>,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum NotShown {
    /// There is no such mail.
    #[error("{0} is not in the quarantine")]
    Missing(Id),
    /// It is no mail.
    #[error(
        "these are files in the portal, which their reader fetches there; nobody else opens them"
    )]
    Files,
    /// Too many look, or mail has all the examiners; later there is room.
    #[error("all examiners are busy with mail; try again in a moment")]
    Busy,
    /// It could not be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be opened, or there is nothing of the kind in it.
    #[error(transparent)]
    NotViewed(#[from] NotViewed),
}

/// What is asked of a held mail.
///
/// This opens sealed content. The caller has checked that the person may see it (his role, the owner's consent or a written reason), and
/// has made the audit record of it durable; nothing here asks again. A page that is given is served under
/// [`crate::formats::safe_html::SERVED_UNDER`] in a frame of its own and nowhere else: it comes from a process that reads hostile mail.
pub async fn view(gateway: &Gateway, id: Id, ask: ViewAsk) -> Result<View, NotShown> {
    let quarantine = &gateway.stores.quarantine;
    let held = quarantine.get(id).await?.ok_or(NotShown::Missing(id))?;
    if held.state == HeldState::Files {
        return Err(NotShown::Files);
    }
    let deadline = gateway.clock.tick().plus(limits::VIEW_WAIT_MAX);
    let _turn = turn(gateway, deadline).await.ok_or(NotShown::Busy)?;
    let content = quarantine.content(id).await?.ok_or(NotShown::Missing(id))?;
    // In the line they are one more network of the mail's organisation, so that they take turns with its mail.
    let whose = Whose::new(held.organisation, VIEWERS);
    let at_work = gateway.examiner(whose, deadline).await.ok_or(NotShown::Busy)?;
    let examiner = gateway.settings.load().examiner.clone();
    let viewing = tokio::task::spawn_blocking(move || {
        // Until the thread is done, whatever became of who asked.
        let _at_work = at_work;
        examiner.view(&content, ask)
    });
    let viewed = viewing.await.map_err(|error| NotViewed::NotOpened(error.to_string()))?;
    Ok(viewed?)
}

/// What a header section says of a mail's way here, and what we found out about its sender. Values of persons are masked, as in an index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Way {
    /// What was found out about its sender.
    pub authentication: Vec<Method>,
    /// Who handed it to us; null where nobody knows any more.
    pub peer: Option<Client>,
    /// What servers before us wrote, the last of them first.
    pub steps: Vec<Step>,
    /// The header section as it came.
    pub header: String,
    /// It is longer.
    pub header_is_cut: bool,
}

/// One way of finding out who sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Method {
    /// "spf", "dkim" …
    pub method: String,
    /// "pass", "fail" …
    pub result: String,
    /// About what.
    pub about: String,
}

/// Who handed it to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Client {
    /// The address.
    pub address: String,
    /// What it called itself.
    pub helo: String,
    /// The TLS session; empty in clear.
    pub tls: String,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
}

/// One `Received` field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// What the client called itself.
    pub from: String,
    /// Its address, where the field says one clearly.
    pub address: String,
    /// The server that wrote the field.
    pub by: String,
    /// It says that the mail came by TLS.
    pub tls: bool,
    /// When, as the server wrote it.
    pub at: String,
}

impl Step {
    fn read(value: &str) -> Step {
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let (clauses, at) = value.rsplit_once(';').unwrap_or((&value, ""));
        let word = |name: &str| {
            let (_, rest) = clauses.split_once(name)?;
            rest.split(' ').next().map(str::to_string)
        };
        let from = received::from_clause(&value);
        Step {
            from: from.as_ref().map(|from| from.helo.clone()).unwrap_or_default(),
            address: from.as_ref().map(|from| from.address.to_string()).unwrap_or_default(),
            by: word(" by ")
                .or_else(|| value.strip_prefix("by ").map(first_word))
                .unwrap_or_default(),
            tls: from.is_some_and(|from| from.tls),
            at: at.trim().to_string(),
        }
    }
}

fn first_word(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_string()
}

/// The way of a held mail. Its header section alone is read, here and not by an examiner: what stands there is what a trace is made of.
pub async fn way(gateway: &Gateway, id: Id) -> Result<Way, NotShown> {
    let quarantine = &gateway.stores.quarantine;
    let held = quarantine.get(id).await?.ok_or(NotShown::Missing(id))?;
    let deadline = gateway.clock.tick().plus(limits::VIEW_WAIT_MAX);
    let _turn = turn(gateway, deadline).await.ok_or(NotShown::Busy)?;
    let content = quarantine.content(id).await?.ok_or(NotShown::Missing(id))?;
    let asked = quarantine.asked(id).await?;
    let settings = gateway.settings.load();
    let scope = Scope::new(&settings.words, Date::of(held.held_at));
    let mask = |text: &str| personal::mask_all(text, &scope);
    // One that is larger than a mail may have was refused, or came before the bound was set: there is nothing to read.
    let Ok(header) = Header::read(&content) else { return Ok(Way::default()) };
    let whole = header.bytes();
    let kept = whole.get(..limits::VIEW_HEADER_BYTES_MAX).unwrap_or(whole);
    let raw = String::from_utf8_lossy(kept).replace("\r\n", "\n");
    let steps = header.values("Received").into_iter().take(limits::WEB_PAGE_ROWS);
    let mut way = Way {
        steps: steps.map(|value| Step::read(&mask(&value))).collect(),
        header: mask(raw.trim_end()),
        header_is_cut: kept.len() < whole.len(),
        ..Way::default()
    };
    if let Some(asked) = asked {
        // Facts in a form that this version does not read are as if nothing had been asked.
        let facts: Facts = serde_json::from_value(asked.facts).unwrap_or_default();
        let client = client_of(&asked.peer, &facts).to_string();
        let sender = held.sender.to_string();
        let found = authentication(&sender, &asked.peer.helo, &client, &facts);
        let line = |one: &Found<'_>| {
            let about = one.about.iter().map(|(property, value)| format!("{property}={value}"));
            let about = about.collect::<Vec<_>>().join(" ");
            Method { method: one.method.to_string(), result: one.result.to_string(), about }
        };
        way.authentication = found.iter().map(line).collect();
        let tls = asked.peer.tls.as_ref().map(|tls| format!("{}, {}", tls.version, tls.cipher));
        way.peer = Some(Client {
            address: asked.peer.address.to_string(),
            helo: asked.peer.helo,
            tls: tls.unwrap_or_default(),
            at_ms: held.transaction.made().0,
        });
    }
    Ok(way)
}

async fn turn(gateway: &Gateway, deadline: Tick) -> Option<Turn<'_>> {
    let viewers = &gateway.viewers;
    let waited = viewers.waiting.try_acquire().ok()?;
    let patience = deadline.since(gateway.clock.tick());
    let looks = tokio::time::timeout(patience, viewers.at_once.acquire()).await.ok()?.ok()?;
    Some(Turn { _waited: waited, _looks: looks })
}

/// A download that no program opens or scans on its way: a ZIP whose one member needs the password (WinZip AE-2, AES with 256 bits).
/// The name is that of the part, which may be anything; what would lead elsewhere is taken out of it.
pub fn sealed_zip(name: &str, bytes: &[u8], password: &str) -> Result<Vec<u8>, getrandom::Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    Ok(zip::seal(&file_name(name), bytes, password.as_bytes(), salt))
}

/// A name that is a name and nothing else, for a file of a mail.
pub fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|letter| {
            !letter.is_control() && !"<>:\"|?*".contains(*letter) && !is_unseen(*letter)
        })
        .collect();
    let kept = kept.trim_matches([' ', '.']);
    let end = kept.floor_char_boundary(FILE_NAME_BYTES_MAX);
    match kept.get(..end) {
        Some(name) if !name.is_empty() => name.to_string(),
        Some(_) | None => "part".to_string(),
    }
}

/// The network of those who look. No client has it.
const VIEWERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
/// What file systems take.
const FILE_NAME_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_received_field_is_read_as_people_read_it() {
        let step = |value: &str| {
            let Step { from, address, by, tls, at } = Step::read(value);
            format!("{from}|{address}|{by}|{tls}|{at}")
        };
        assert_eq!(
            step(
                "from a.example (b.example [192.0.2.7])\r\n\tby mx.example (Postfix) with ESMTPS id 1; Thu, 19 Nov 2026 10:15:00 +0100"
            ),
            "a.example|192.0.2.7|mx.example|true|Thu, 19 Nov 2026 10:15:00 +0100"
        );
        assert_eq!(step("by mail.example with local; x"), "||mail.example|false|x");
        assert_eq!(step("nonsense"), "||||false|".replace("||||", "|||"));
    }

    #[test]
    fn names_lead_nowhere() {
        for (name, want) in [
            ("invoice.pdf", "invoice.pdf"),
            ("a/b\\..\\c.txt", "c.txt"),
            ("../..", "part"),
            ("", "part"),
            ("x\r\ny\0.txt", "xy.txt"),
            ("fdp.\u{202e}exe", "fdp.exe"),
            ("räksmörgås .", "räksmörgås"),
        ] {
            assert_eq!(file_name(name), want, "{name:?}");
        }
        assert_eq!(file_name(&"ö".repeat(500)).len(), 200);
    }

    #[test]
    fn two_downloads_are_sealed_differently() {
        let seal = || sealed_zip("a.txt", b"the same", "secret").unwrap();
        assert_ne!(seal(), seal());
    }
}
