//! Whether a DNS list may be asked: it has to show first, and again and again, that it answers as lists do (RFC 5782 section 5).
//!
//! Its test entry must be listed and what is never listed must not be, nor a name made by chance, which no cache on the way can answer for
//! a list that is gone. One that does not stand this, refuses us in any answer, or does not
//! answer several times in a row is put aside; it comes back by itself when it stands the trial again. Nothing is refused meanwhile.

use super::{odd, things};
use crate::{
    base::{clock::Tick, limits},
    config::dns_list::{Ask, DnsListConfig, Form},
    facts::{
        auth::{Answer, Names},
        breaker::{Breaker, Leave, Patience},
    },
};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use things::{Subject, Thing};
use tokio::time;

/// How a list stands.
#[derive(Debug)]
pub struct Standing {
    /// Counts what gets no answer, and says when a silent list is tried again.
    breaker: Breaker,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    /// Why it is not asked; none while it is.
    aside: Option<String>,
    tried_at: Option<Tick>,
    /// It has the test entry for IPv6.
    knows_v6: bool,
}

/// How a trial went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// It answers as lists do.
    Stood {
        /// For IPv6 as well.
        v6: bool,
    },
    /// It answered, and not so.
    Failed(String),
    /// It did not answer.
    Silent(String),
}

/// What is to be said of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it stands as before.
    None,
    /// It is not asked any more, and why.
    Aside(String),
    /// It is asked from now on.
    Good,
}

const PATIENCE: Patience = Patience {
    failures_max: limits::DNS_LIST_FAILURES_MAX,
    rest_min: limits::DNS_LIST_REST_MIN,
    rest_max: limits::DNS_LIST_REST_MAX,
};

const NOT_TRIED: &str = "it was not tried yet";

impl Default for Standing {
    fn default() -> Standing {
        let state = State { aside: Some(NOT_TRIED.to_string()), tried_at: None, knows_v6: false };
        Standing { breaker: Breaker::new(PATIENCE), state: Mutex::new(state) }
    }
}

impl Standing {
    /// Why it is not asked; none while it is.
    pub fn aside(&self) -> Option<String> {
        self.state().aside.clone()
    }

    /// May it be asked about this kind of address? Of one that knows no IPv6 no answer means anything.
    pub(super) fn takes(&self, thing: &Thing) -> bool {
        let v6 = matches!(&thing.subject, Subject::Address(IpAddr::V6(_)));
        let state = self.state();
        !v6 || state.knows_v6 || state.aside.is_some()
    }

    /// If it is put aside, its next trial is now.
    pub(super) fn hurry(&self) {
        let mut state = self.state();
        if state.aside.is_some() {
            state.tried_at = None;
            self.breaker.answered();
        }
    }

    /// Is it to be tried now?
    pub fn is_due(&self, now: Tick) -> Option<Leave> {
        let state = self.state().clone();
        let every = match state.aside {
            Some(_) => limits::DNS_LIST_TRIED_AGAIN,
            None => limits::DNS_LIST_TRIED_EVERY,
        };
        match self.breaker.leave(now) {
            Err(_resting) => None,
            Ok(Leave::Trial) => Some(Leave::Trial),
            Ok(Leave::Ordinary) => {
                let due = state.tried_at.is_none_or(|at| now.since(at) >= every);
                due.then_some(Leave::Ordinary)
            }
        }
    }

    /// How a trial went.
    pub fn tried(&self, trial: &Trial, leave: Leave, now: Tick) -> Change {
        match trial {
            Trial::Stood { v6 } => {
                self.breaker.answered();
                let mut state = self.state();
                let was = state.aside.take();
                *state = State { aside: None, tried_at: Some(now), knows_v6: *v6 };
                was.map_or(Change::None, |_| Change::Good)
            }
            Trial::Failed(why) => {
                self.breaker.answered();
                match self.put_aside(why, now) {
                    true => Change::Aside(why.clone()),
                    false => Change::None,
                }
            }
            Trial::Silent(why) => {
                let opened = self.breaker.failed(leave, now);
                let mut state = self.state();
                state.tried_at = Some(now);
                // One lost answer does not speak against a list that is well; one that never answered has nothing for it.
                let is_new = state.aside.as_deref() == Some(NOT_TRIED);
                if is_new || opened && state.aside.is_none() {
                    state.aside = Some(why.clone());
                    return Change::Aside(why.clone());
                }
                Change::None
            }
        }
    }

    /// Not asked from now on. True if it was: a thing to log.
    pub(super) fn put_aside(&self, why: &str, now: Tick) -> bool {
        let mut state = self.state();
        let changes = state.aside.as_deref().is_none_or(|was| was == NOT_TRIED);
        state.aside = Some(why.to_string());
        state.tried_at = Some(now);
        changes
    }

    /// It answered a question about a mail.
    pub(super) fn answered(&self) {
        // What was asked before it was put aside says nothing about now.
        if !self.breaker.is_open() {
            self.breaker.answered();
        }
    }

    /// It did not. True if it is put aside by this: a thing to log.
    pub(super) fn failed(&self, why: &str, now: Tick) -> bool {
        let opened = self.breaker.failed(Leave::Ordinary, now);
        let mut state = self.state();
        let changes = opened && state.aside.is_none();
        if changes {
            state.aside = Some(format!("it does not answer: {why}"));
        }
        changes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, what stands there is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a list for what must be on it and for what must not.
pub(super) async fn try_list<N: Names>(names: &N, list: &DnsListConfig, chance: u32) -> Trial {
    let Entries { listed, listed_v6, never } = Entries::of(list, chance);
    let ask = |name: Option<String>| async move {
        match name {
            Some(name) => in_time(names, &name, list.timeout).await.map(Some),
            None => Ok(None),
        }
    };
    let Never { first, v6, made } = never;
    let (listed, listed_v6, first, v6, made) =
        tokio::join!(ask(listed), ask(listed_v6), ask(first), ask(v6), ask(made));
    judge(list, listed, listed_v6, Never { first, v6, made })
}

async fn in_time<N: Names>(names: &N, name: &str, timeout: Duration) -> Answer<Ipv4Addr> {
    let asked = time::timeout(timeout, names.a(name)).await;
    asked.unwrap_or_else(|_| Err(crate::facts::auth::NoAnswer("it was too slow".to_string())))
}

/// The names by which a list is tried.
#[derive(Debug, PartialEq, Eq)]
struct Entries {
    listed: Option<String>,
    listed_v6: Option<String>,
    never: Never<Option<String>>,
}

/// What is never listed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Never<T> {
    /// What RFC 5782 names.
    first: T,
    /// The same for IPv6.
    v6: T,
    /// A name made by chance.
    made: T,
}

impl Entries {
    fn of(list: &DnsListConfig, chance: u32) -> Entries {
        let zone = &list.zone;
        let under = |name: &str| Some(format!("{name}.{zone}"));
        let v6 = |last| {
            under(&things::digits_backwards(Ipv4Addr::new(127, 0, 0, last).to_ipv6_mapped()))
        };
        let own = list.test_entry.as_ref().and_then(|name| under(name.as_str()));
        match list.form() {
            Form::Address => Entries {
                listed: own.or_else(|| under("2.0.0.127")),
                listed_v6: v6(2),
                never: Never {
                    first: under("1.0.0.127"),
                    v6: v6(1),
                    made: under(&things::backwards(this_machine(chance).into())),
                },
            },
            Form::Domain => Entries {
                listed: own.or_else(|| under("test")),
                listed_v6: None,
                never: Never {
                    first: under("invalid"),
                    v6: None,
                    made: under(&format!("x{chance:08x}.invalid")),
                },
            },
            Form::Hash => {
                // Nobody has sent this, so nobody has listed it.
                let subject = Subject::Text(format!("never listed {chance}"));
                let thing =
                    Thing { ask: Ask::LinkHash, subject, part: String::new(), path: String::new() };
                Entries {
                    listed: own,
                    listed_v6: None,
                    never: Never { first: None, v6: None, made: thing.name_in(list) },
                }
            }
        }
    }
}

/// One of the addresses of this machine, from which no mail comes; lists keep their test entries in 127.0.0.0/16.
fn this_machine(chance: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f80_0000 | chance & 0x007f_ffff)
}

/// An answer, or none because there was nothing to ask.
type Asked = Result<Option<Vec<Ipv4Addr>>, crate::facts::auth::NoAnswer>;

fn judge(list: &DnsListConfig, listed: Asked, listed_v6: Asked, never: Never<Asked>) -> Trial {
    let Never { first, v6, made } = never;
    let all = [&listed, &listed_v6, &first, &v6, &made];
    let answers = all.into_iter().filter_map(|asked| asked.as_ref().ok()?.as_ref()).flatten();
    if let Some(why) = answers.into_iter().find_map(|answer| odd(list, *answer)) {
        return Trial::Failed(why);
    }
    let any = |asked: &Asked| matches!(asked, Ok(Some(answers)) if !answers.is_empty());
    if any(&first) || any(&v6) || any(&made) {
        return Trial::Failed("it lists everything, even what is never listed".to_string());
    }
    // Name servers that do not carry IPv6 fail on it at times; then it is not asked about.
    let silent = [&listed, &first, &made].into_iter().find_map(|asked| asked.as_ref().err());
    match (silent, &listed) {
        (Some(error), _) => Trial::Silent(format!("it does not answer: {error}")),
        (None, Ok(Some(answers))) if answers.is_empty() => {
            Trial::Failed("it does not list its own test entry".to_string())
        }
        (None, _) => Trial::Stood { v6: any(&listed_v6) && v6.is_ok() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::auth::NoAnswer;

    fn list(more: &str) -> DnsListConfig {
        toml::from_str(&format!("name = \"bl\"\nzone = \"bl.example\"\n{more}")).unwrap()
    }

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    #[test]
    fn the_names_by_which_lists_are_tried() {
        let v6 = |last: &str| {
            Some(format!(
                "{last}.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example"
            ))
        };
        let name = |text: &str| Some(format!("{text}.bl.example"));
        let none = || None;
        for (more, listed, listed_v6, never) in [
            (
                "asks = [\"client\"]",
                name("2.0.0.127"),
                v6("2"),
                [name("1.0.0.127"), v6("1"), name("7.0.128.127")],
            ),
            (
                "asks = [\"from\"]",
                name("test"),
                none(),
                [name("invalid"), none(), name("x00000007.invalid")],
            ),
            (
                "asks = [\"from\"]\ntest-entry = \"test.links.example\"",
                name("test.links.example"),
                none(),
                [name("invalid"), none(), name("x00000007.invalid")],
            ),
            (
                "asks = [\"link-hash\"]\nhash = \"md5-hex\"",
                none(),
                none(),
                [none(), none(), name("f8795c3a59485e8d91af3f20483eb01c")],
            ),
        ] {
            let [first, v6, made] = never;
            let never = Never { first, v6, made };
            let want = Entries { listed, listed_v6, never };
            assert_eq!(Entries::of(&list(more), 7), want, "{more}");
        }
        assert_eq!(this_machine(u32::MAX), Ipv4Addr::new(127, 255, 255, 255));
    }

    #[test]
    fn trials() {
        let config = list("asks = [\"client\"]");
        let yes = |text: &str| Ok(Some(vec![text.parse().unwrap()]));
        let no = || Ok(Some(Vec::new()));
        let silent = || Err(NoAnswer("SERVFAIL".to_string()));
        let two = || yes("127.0.0.2");
        for (listed, listed_v6, [first, v6, made], want) in [
            (two(), two(), [no(), no(), no()], "stood 6"),
            (two(), no(), [no(), no(), no()], "stood"),
            (two(), silent(), [no(), silent(), no()], "stood"),
            (two(), two(), [no(), two(), no()], "failed: it lists everything"),
            (two(), no(), [two(), no(), no()], "failed: it lists everything"),
            // A cache knows what was never listed while the list was well.
            (two(), no(), [no(), no(), two()], "failed: it lists everything"),
            (two(), two(), [no(), no(), silent()], "silent: it does not answer: SERVFAIL"),
            (no(), no(), [no(), no(), no()], "failed: it does not list its own test entry"),
            (
                yes("127.255.255.254"),
                no(),
                [no(), no(), no()],
                "failed: it answers 127.255.255.254",
            ),
            (yes("192.0.2.1"), no(), [two(), no(), no()], "failed: it answers 192.0.2.1"),
            (silent(), silent(), [silent(), silent(), silent()], "silent"),
            (two(), no(), [silent(), no(), no()], "silent"),
        ] {
            let got = match judge(&config, listed, listed_v6, Never { first, v6, made }) {
                Trial::Stood { v6: true } => "stood 6".to_string(),
                Trial::Stood { v6: false } => "stood".to_string(),
                Trial::Failed(why) => format!("failed: {why}"),
                Trial::Silent(why) => format!("silent: {why}"),
            };
            assert!(got.starts_with(want), "{got}, not {want}");
        }
        let hashes = list("asks = [\"link-hash\"]");
        let nothing = || Ok(None);
        let never = Never { first: nothing(), v6: nothing(), made: no() };
        assert_eq!(judge(&hashes, nothing(), nothing(), never), Trial::Stood { v6: false });
    }

    #[test]
    fn a_list_is_put_aside_once_and_comes_back() {
        let standing = Standing::default();
        let stood = Trial::Stood { v6: false };
        let wrong = Trial::Failed("x".to_string());
        assert!(standing.aside().is_some(), "before the first trial nobody is asked");
        let leave = standing.is_due(at(0)).unwrap();
        assert_eq!(standing.tried(&stood, leave, at(0)), Change::Good);
        assert_eq!((standing.aside(), standing.is_due(at(599))), (None, None));
        let leave = standing.is_due(at(600)).unwrap();
        assert_eq!(standing.tried(&wrong, leave, at(600)), Change::Aside("x".to_string()));
        let leave = standing.is_due(at(660)).unwrap();
        assert_eq!(standing.tried(&wrong, leave, at(660)), Change::None, "said once");
        let leave = standing.is_due(at(720)).unwrap();
        assert_eq!(standing.tried(&stood, leave, at(720)), Change::Good);
        assert!(standing.put_aside("refused", at(721)) && !standing.put_aside("refused", at(722)));
        assert_eq!(standing.is_due(at(723)), None);
        standing.hurry();
        assert_eq!(standing.is_due(at(723)), Some(Leave::Ordinary));
    }

    #[test]
    fn silence_puts_a_list_aside_after_a_while_and_one_lost_answer_does_not() {
        let standing = Standing::default();
        let (stood, silent) = (Trial::Stood { v6: false }, Trial::Silent("dead".to_string()));
        assert_eq!(standing.tried(&stood, Leave::Ordinary, at(0)), Change::Good);
        assert_eq!(standing.tried(&silent, Leave::Ordinary, at(600)), Change::None);
        assert!(!standing.failed("slow", at(601)) && !standing.failed("slow", at(601)));
        standing.answered();
        for _ in 1..limits::DNS_LIST_FAILURES_MAX {
            assert!(!standing.failed("slow", at(602)));
        }
        assert!(standing.failed("slow", at(602)) && !standing.failed("slow", at(602)));
        assert_eq!(standing.aside().as_deref(), Some("it does not answer: slow"));
        // It rests for five seconds, then longer, and is tried by nobody's mail.
        assert_eq!(standing.is_due(at(606)), None);
        assert_eq!(standing.is_due(at(607)), Some(Leave::Trial));
        assert_eq!(standing.tried(&silent, Leave::Trial, at(607)), Change::None);
        assert_eq!(standing.is_due(at(612)), None);
        assert_eq!(standing.is_due(at(617)), Some(Leave::Trial));
        assert_eq!(standing.tried(&stood, Leave::Trial, at(617)), Change::Good);
        assert_eq!(standing.aside(), None);
        // One that never answered has nothing for it.
        let fresh = Standing::default();
        let dead = Change::Aside("dead".to_string());
        assert_eq!(fresh.tried(&silent, Leave::Ordinary, at(0)), dead);
    }
}
