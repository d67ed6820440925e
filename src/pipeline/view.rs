//! Looking into a held mail: its content goes from the quarantine to an examiner, and what a person may be shown of it comes back.
//!
//! Nothing of a mail is read here. Whoever asks has checked that he may, and has written down that he looked, before he calls: see
//! [`view`].

use super::gateway::{Gateway, Whose};
use crate::{
    base::{clock::Tick, ids::Id, letters::is_unseen, limits},
    examine::{NotViewed, View, ViewAsk},
    formats::archive::zip,
    store::StoreError,
};
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
