//! The account: what was sent, what was acknowledged, what arrived or is held.

use crate::{
    common::Taken,
    mails::{Mail, known_again},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Legs under way when the gateway is killed: a mail of up to three recipients on each of five connections to three servers.
/// They may have arrived without the gateway having noted it, and come again; nothing else may.
const UNDER_WAY_MAX: usize = 3 * 3 * sluss::base::limits::CONNECTIONS_PER_DESTINATION_MAX;

/// A mail and one of its recipients.
type Leg = (String, String);

/// What everybody writes into.
#[derive(Default)]
pub(crate) struct Ledger {
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    /// The hash of every mail that was tried.
    sent: HashMap<String, blake3::Hash>,
    /// Acknowledged by a 250.
    owed: BTreeSet<Leg>,
    refused: BTreeMap<String, usize>,
    arrived: BTreeMap<Leg, Arrivals>,
    held: usize,
    damaged: Vec<String>,
    /// Mails that the gateway wrote itself.
    others: usize,
}

/// How often one leg arrived.
#[derive(Debug, Default, Clone, Copy)]
struct Arrivals {
    times: usize,
    /// So many of them got no answer: each must be followed by another try.
    unanswered: usize,
}

/// Counts for the table.
pub(crate) struct Counts {
    pub(crate) sent: usize,
    pub(crate) owed: usize,
    pub(crate) open: usize,
}

impl Ledger {
    /// This mail is about to be sent.
    pub(crate) fn send(&self, mail: &Mail) {
        let hash = blake3::hash(&mail.bytes);
        self.open().sent.insert(mail.name.clone(), hash);
    }

    /// It was acknowledged for these.
    pub(crate) fn owe(&self, mail: &Mail, taken: Vec<&str>) {
        let legs = taken.into_iter().map(|to| (mail.name.clone(), to.to_string()));
        self.open().owed.extend(legs);
    }

    /// It was not acknowledged: a code, or what happened instead.
    pub(crate) fn refused(&self, how: &str) {
        *self.open().refused.entry(how.to_string()).or_default() += 1;
    }

    /// A server behind has taken these.
    pub(crate) fn arrive(&self, taken: Vec<Taken>) {
        for one in taken {
            let recipients = one.rcpt.iter().map(|line| between(line)).collect();
            self.enter(recipients, &one.bytes, usize::from(one.unanswered));
        }
    }

    /// This is in the quarantine.
    pub(crate) fn hold(&self, recipient: &str, bytes: &[u8]) {
        self.open().held += 1;
        self.enter(vec![recipient.to_string()], bytes, 0);
    }

    pub(crate) fn counts(&self) -> Counts {
        let pages = self.open();
        let open = pages.owed.iter().filter(|leg| !pages.arrived.contains_key(*leg)).count();
        Counts { sent: pages.sent.len(), owed: pages.owed.len(), open }
    }

    /// Prints the account and gives what is wrong with it.
    pub(crate) fn balance(&self, kills: usize) -> Vec<String> {
        let pages = self.open();
        let lost: Vec<&Leg> =
            pages.owed.iter().filter(|leg| !pages.arrived.contains_key(*leg)).collect();
        let unasked = pages.arrived.keys().filter(|leg| !pages.owed.contains(*leg)).count();
        let again: usize = pages.arrived.values().map(|leg| leg.times - 1).sum();
        // A mail whose answer was lost every time may have come once for each of them, and once more.
        let unexplained: Vec<(&Leg, usize)> = pages
            .arrived
            .iter()
            .map(|(leg, arrivals)| (leg, (arrivals.times - 1).saturating_sub(arrivals.unanswered)))
            .filter(|(_, times)| *times > 0)
            .collect();
        println!(
            "{} mails sent, {} legs acknowledged, {} lost, {} damaged, {} held, {again} arrivals more than once, {} of them without a lost answer, {unasked} legs arrived unacknowledged, {} mails of the gateway's own; not taken: {:?}",
            pages.sent.len(),
            pages.owed.len(),
            lost.len(),
            pages.damaged.len(),
            pages.held,
            unexplained.len(),
            pages.others,
            pages.refused
        );
        let mut wrong: Vec<String> = lost.iter().map(|leg| format!("lost: {leg:?}")).collect();
        wrong.extend(pages.damaged.iter().map(|what| format!("damaged: {what}")));
        let excused = kills * UNDER_WAY_MAX;
        if unexplained.len() > excused {
            wrong.push(format!("twice, and no answer was lost: {unexplained:?}"));
        }
        if pages.owed.len() < pages.sent.len() / 2 || pages.held == 0 {
            wrong.push("too little was taken or held to show anything".to_string());
        }
        wrong
    }

    fn enter(&self, recipients: Vec<String>, bytes: &[u8], unanswered: usize) {
        let known = known_again(bytes);
        let hash = known.as_ref().ok().and_then(Option::as_ref).map(|(_, sent)| blake3::hash(sent));
        let mut pages = self.open();
        match (known, hash) {
            (Ok(Some((name, sent))), Some(hash)) => {
                if pages.sent.get(&name) != Some(&hash) {
                    let length = sent.len();
                    pages.damaged.push(format!("{name} for {recipients:?}, now {length} bytes"));
                }
                for recipient in recipients {
                    let leg = pages.arrived.entry((name.clone(), recipient)).or_default();
                    leg.times += 1;
                    leg.unanswered += unanswered;
                }
            }
            (Err(why), _) => pages.damaged.push(why),
            (Ok(_), _) => pages.others += 1,
        }
    }

    fn open(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands in angle brackets.
fn between(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_string()
}
