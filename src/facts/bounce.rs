//! Does a bounce return a mail that we sent? Answered from the memory of the Message-IDs that went out through here.
//!
//! Spam goes out under other people's addresses, and what cannot be delivered comes back to them. Whoever forged a sender did not know which
//! Message-IDs we gave out, and we remember them under a key: a bounce that names none of them is not about a mail of ours. That is only
//! said where the memory could know: it has covered the longest time for which servers try, and the domain sends through here all the time.

use crate::base::limits;
use serde::{Deserialize, Serialize};

/// Whose mail a bounce returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returned {
    /// Ours: it went out through here.
    Ours,
    /// Not ours: somebody sent it in our name.
    Foreign,
    /// It cannot be said: why.
    Undecided(String),
}

/// What the memory says about the mail that a bounce returns, and about the domain that it came back to. Days are counted from 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The mail went out through here.
    pub sent: bool,
    /// What is remembered of the domain; none if it never sent through here.
    pub domain: Option<Sending>,
}

/// How a domain has sent through here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sending {
    /// The first day from which on every mail of it is remembered.
    pub since_day: u64,
    /// The day of the last one.
    pub last_day: u64,
    /// Mails in all.
    pub mails: u64,
    /// The last day on which one went out without a Message-ID, so that the next server gave it one.
    pub nameless_day: Option<u64>,
    /// The last day on which a bounce of ours came back: Message-IDs reach the world as they leave here.
    pub proved_day: Option<u64>,
}

/// Decides. `names_one`: the bounce says which mail it returns.
pub fn decide(memory: &Memory, names_one: bool, today: u64) -> Returned {
    let undecided = |why: &str| Returned::Undecided(why.to_string());
    if memory.sent {
        return Returned::Ours;
    }
    if !names_one {
        return undecided("it does not name the mail that it returns");
    }
    let Some(domain) = memory.domain else {
        return undecided("nothing of this domain has gone out through here");
    };
    let days_ago = |day: u64| today.saturating_sub(day);
    if days_ago(domain.since_day) < limits::BOUNCE_COVERED_DAYS_MIN {
        return undecided("what went out is not remembered for long enough");
    }
    if domain.mails < limits::BOUNCE_MAILS_MIN
        || days_ago(domain.last_day) > limits::BOUNCE_QUIET_DAYS_MAX
    {
        return undecided("too little of this domain goes out through here");
    }
    let nameless = domain.nameless_day.is_some_and(|day| days_ago(day) <= limits::SENT_DAYS);
    if nameless {
        return undecided("mail without a Message-ID has gone out, so not every one is known");
    }
    // A smarthost may give every mail a Message-ID of its own; then each bounce would look foreign.
    let proved =
        domain.proved_day.is_some_and(|day| days_ago(day) <= limits::BOUNCE_PROVED_DAYS_MAX);
    if !proved {
        return undecided("no bounce of a mail of this domain has been recognised yet");
    }
    Returned::Foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_memory_that_could_know_calls_a_bounce_foreign() {
        let all = Sending {
            since_day: 100,
            last_day: 120,
            mails: 500,
            nameless_day: None,
            proved_day: Some(90),
        };
        let foreign = |domain: Option<Sending>| {
            decide(&Memory { sent: false, domain }, true, 120) == Returned::Foreign
        };
        for (what, domain, want) in [
            ("it knows", Some(all), true),
            ("it never sent", None, false),
            ("it is young", Some(Sending { since_day: 119, ..all }), false),
            ("it has gone quiet", Some(Sending { last_day: 105, ..all }), false),
            ("it hardly sends", Some(Sending { mails: 3, ..all }), false),
            ("some mails have no name", Some(Sending { nameless_day: Some(110), ..all }), false),
            ("no bounce was known", Some(Sending { proved_day: None, ..all }), false),
            ("the last one long ago", Some(Sending { proved_day: Some(20), ..all }), false),
            ("some had none long ago", Some(Sending { nameless_day: Some(100), ..all }), true),
        ] {
            assert_eq!(foreign(domain), want, "{what}");
        }
        let known = Memory { sent: true, domain: None };
        assert_eq!(decide(&known, true, 120), Returned::Ours);
        let nameless = Memory { sent: false, domain: Some(all) };
        assert!(matches!(decide(&nameless, false, 120), Returned::Undecided(_)));
    }
}
