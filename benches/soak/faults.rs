//! What breaks, and when.

use crate::common::chance;

/// One thing that goes wrong in a data centre, or is done to a mail server on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A mail server behind is stopped, and started later.
    HopStops,
    /// It waits two seconds before every reply.
    HopTarpits,
    /// It answers 451 after every dot.
    HopSays451,
    /// It takes the mail and resets the connection instead of answering.
    HopResets,
    /// SIGHUP with another good configuration.
    GoodReload,
    /// SIGHUP with a file that is none.
    BadReload,
    /// SIGTERM and a start.
    Stopped,
    /// kill -9 and a start.
    Killed,
    /// Another certificate, in force after SIGHUP.
    Certificate,
    /// 300 connections that say nothing.
    IdleFlood,
    /// Mails whose clocks stand in 1970.
    FarPast,
}

const FAULTS: [Fault; 11] = [
    Fault::HopStops,
    Fault::HopTarpits,
    Fault::HopSays451,
    Fault::HopResets,
    Fault::GoodReload,
    Fault::BadReload,
    Fault::Stopped,
    Fault::Killed,
    Fault::Certificate,
    Fault::IdleFlood,
    Fault::FarPast,
];

impl Fault {
    /// The process after it is another one.
    pub(crate) fn starts_anew(self) -> bool {
        matches!(self, Fault::Stopped | Fault::Killed)
    }

    /// For the table: which of the servers behind, where it is one of them.
    pub(crate) fn label(self, victim: usize) -> String {
        match self {
            Fault::HopStops | Fault::HopTarpits | Fault::HopSays451 | Fault::HopResets => {
                format!("{self:?} {victim}")
            }
            Fault::GoodReload
            | Fault::BadReload
            | Fault::Stopped
            | Fault::Killed
            | Fault::Certificate
            | Fault::IdleFlood
            | Fault::FarPast => format!("{self:?}"),
        }
    }
}

/// So many faults by chance; each comes once before any comes again.
///
/// Where memory is judged, a new process comes only in the first third: the other two thirds, which are compared, are one life,
/// and what leaks slowly is not hidden by a start.
pub(crate) fn plan(luck: &mut u64, count: usize, judged: bool) -> Vec<Fault> {
    let mut bag = Vec::new();
    let mut faults = Vec::new();
    while faults.len() < count {
        if bag.is_empty() {
            bag.extend(FAULTS);
        }
        let one = chance(luck) % u64::try_from(bag.len()).unwrap();
        let fault: Fault = bag.swap_remove(usize::try_from(one).unwrap());
        if !(judged && fault.starts_anew() && faults.len() >= count / 3) {
            faults.push(fault);
        }
    }
    // Chance may have put none of them into the first third.
    if judged && !faults.iter().any(|fault| fault.starts_anew()) {
        faults[0] = Fault::Killed;
    }
    faults
}
