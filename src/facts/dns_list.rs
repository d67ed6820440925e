//! Block and allow lists that are asked by the DNS, RFC 5782.
//!
//! A list is asked only while it has shown that it answers as lists do ([`standing`]): one that lists everything, refuses us or is dead
//! refuses and weighs nothing, and is said to be put aside. All questions about a mail go at the same time, under one deadline.
//! Answers are remembered by the resolver, as long as the zone says and within its bound.

pub mod standing;
pub mod things;

use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    config::{
        dns_list::{Ask, Code, DnsListConfig, Means},
        policy::Category,
    },
    facts::{Known, auth::Names},
};
use serde::{Deserialize, Serialize};
use standing::{Standing, Trial};
use std::{collections::HashSet, net::Ipv4Addr, sync::Arc, time::Duration};
use things::Thing;
use tokio::{task::JoinSet, time};

/// What the lists say of a mail, stored with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listings {
    /// What is listed.
    pub hits: Vec<Hit>,
    /// Lists that did not answer, or not about everything.
    pub unanswered: Vec<Unanswered>,
}

/// A thing in a mail that is on a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// The list's name in the configuration.
    pub list: String,
    /// Against the mail or for it.
    pub means: Means,
    /// What the thing is in the mail.
    pub ask: Ask,
    /// The address or domain; empty for what is only known by its hash.
    pub what: String,
    /// What the list calls it; empty if the configuration has no words for it.
    pub called: String,
    /// What a listing is.
    pub category: Category,
    /// What it weighs.
    #[serde(serialize_with = "crate::base::number::write")]
    pub weight: f32,
    /// It refuses at RCPT, where policy lets it.
    pub refuses: bool,
    /// The part it is in; empty for the whole mail.
    pub part: String,
    /// The part's path inside archives.
    pub path: String,
}

/// A list without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unanswered {
    /// The list.
    pub list: String,
    /// Why.
    pub because: String,
}

/// One list in force.
#[derive(Debug)]
pub struct DnsList {
    /// As configured.
    pub config: DnsListConfig,
    standing: Standing,
}

/// All lists in force.
#[derive(Debug, Clone)]
pub struct DnsLists {
    lists: Vec<Arc<DnsList>>,
    clock: Clock,
}

impl DnsLists {
    /// Makes ready what is configured. A list that was there before keeps its standing; if it is put aside it is tried at once,
    /// for whoever reloads may have mended something.
    pub fn new(configured: &[DnsListConfig], before: Option<&DnsLists>, clock: &Clock) -> DnsLists {
        let known = |config: &DnsListConfig| {
            let lists = before.map(|before| before.lists.iter()).into_iter().flatten();
            let list = lists.into_iter().find(|list| list.config == *config)?;
            list.standing.hurry();
            Some(list.clone())
        };
        let lists = configured.iter().map(|config| {
            known(config).unwrap_or_else(|| {
                Arc::new(DnsList { config: config.clone(), standing: Standing::default() })
            })
        });
        DnsLists { lists: lists.collect(), clock: clock.clone() }
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Each list, and why it is not asked, if it is not.
    pub fn standings(&self) -> impl Iterator<Item = (&DnsListConfig, Option<String>)> {
        self.lists.iter().map(|list| (&list.config, list.standing.aside()))
    }

    /// Those of them about which this is true.
    pub fn only(&self, wanted: impl Fn(&DnsListConfig) -> bool) -> DnsLists {
        let lists = self.lists.iter().filter(|list| wanted(&list.config)).cloned();
        DnsLists { lists: lists.collect(), clock: self.clock.clone() }
    }

    /// Asks all lists about what they are to be asked about, at the same time. What has not answered after `time_max` has not answered.
    pub async fn ask<N>(&self, names: &N, things: &[Thing], time_max: Duration) -> Known<Listings>
    where
        N: Names + Clone + Send + 'static,
    {
        if self.is_empty() {
            return Known::NotAsked;
        }
        let mut found = Listings::default();
        let mut asking = JoinSet::new();
        let mut open: Vec<usize> = Vec::new();
        for (number, list) in self.lists.iter().enumerate() {
            let questions = list.questions(things, &mut found);
            open.push(questions.len());
            for (thing, name) in questions {
                let (list, names, clock) = (list.clone(), names.clone(), self.clock.clone());
                asking.spawn(async move {
                    (number, list.ask_about(&names, thing, &name, &clock).await)
                });
            }
        }
        let answers = async {
            while let Some(answer) = asking.join_next().await {
                let Ok((number, answer)) = answer else { continue };
                if let Some(left) = open.get_mut(number) {
                    *left = left.saturating_sub(1);
                }
                match answer {
                    Said::NotListed => (),
                    Said::Listed(hit) => found.hits.push(hit),
                    Said::Nothing(unanswered) => found.unanswered.push(unanswered),
                }
            }
        };
        let in_time = time::timeout(time_max, answers).await.is_ok();
        if !in_time {
            let late = self.lists.iter().zip(&open).filter(|(_, left)| **left > 0);
            found.unanswered.extend(late.map(|(list, _)| list.unanswered("it was too slow")));
        }
        found.settle();
        Known::Yes(found)
    }

    /// Tries those lists whose turn it is. Gives back when all of them have answered or their time is up.
    pub async fn try_due<N: Names + Clone + Send + 'static>(&self, names: &N) {
        let mut trying = JoinSet::new();
        for list in &self.lists {
            if let Some(leave) = list.standing.is_due(self.clock.tick()) {
                let (list, names, clock) = (list.clone(), names.clone(), self.clock.clone());
                trying.spawn(async move {
                    // Without randomness a name in a cache may speak for a list that is gone; that is noticed by the next mails.
                    let chance = getrandom::u32().unwrap_or(0);
                    let trial = standing::try_list(&names, &list.config, chance).await;
                    list.note(trial, leave, clock.tick());
                });
            }
        }
        trying.join_all().await;
    }
}

impl Listings {
    /// In an order that does not depend on who answered first, each list's silence said once.
    fn settle(&mut self) {
        self.hits.sort_by(|a, b| {
            (&a.list, a.ask, &a.what, &a.part).cmp(&(&b.list, b.ask, &b.what, &b.part))
        });
        self.unanswered.sort_by(|a, b| (&a.list, &a.because).cmp(&(&b.list, &b.because)));
        self.unanswered.dedup_by(|a, b| a.list == b.list);
    }
}

/// What a list says of one thing.
enum Said {
    NotListed,
    Listed(Hit),
    Nothing(Unanswered),
}

impl DnsList {
    /// What it is to be asked about, and the names that stand for it; nothing while it is put aside.
    fn questions(&self, things: &[Thing], found: &mut Listings) -> Vec<(Thing, String)> {
        let mut known = HashSet::new();
        let wanted = things.iter().filter(|thing| self.config.is_asked_about(thing.ask));
        let wanted = wanted.filter(|thing| self.standing.takes(thing));
        let mut questions: Vec<(Thing, String)> = wanted
            .filter_map(|thing| Some((thing.clone(), thing.name_in(&self.config)?)))
            .filter(|(_, name)| known.insert(name.clone()))
            .collect();
        if questions.is_empty() {
            return questions;
        }
        if let Some(why) = self.standing.aside() {
            found.unanswered.push(self.unanswered(&why));
            return Vec::new();
        }
        if questions.len() > limits::DNS_LIST_QUESTIONS_MAX {
            let because = format!(
                "it was asked about {} things of {}",
                limits::DNS_LIST_QUESTIONS_MAX,
                questions.len()
            );
            found.unanswered.push(self.unanswered(&because));
            questions.truncate(limits::DNS_LIST_QUESTIONS_MAX);
        }
        questions
    }

    async fn ask_about<N: Names>(
        &self,
        names: &N,
        thing: Thing,
        name: &str,
        clock: &Clock,
    ) -> Said {
        let asked = time::timeout(self.config.timeout, names.a(name)).await;
        let answers = match asked {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => return Said::Nothing(self.silent(&error.to_string(), clock.tick())),
            Err(_) => return Said::Nothing(self.silent("it was too slow", clock.tick())),
        };
        self.standing.answered();
        match read(&self.config, &answers) {
            Reading::NotListed => {
                self.count("not listed");
                Said::NotListed
            }
            Reading::Listed(codes) => {
                self.count("listed");
                Said::Listed(self.hit(thing, &codes))
            }
            Reading::Unclear(answer) => {
                self.count("unclear");
                Said::Nothing(self.unanswered(&format!("none of its codes explains {answer}")))
            }
            Reading::Odd(why) => {
                self.count("odd");
                self.put_aside(&why, clock.tick());
                Said::Nothing(self.unanswered(&why))
            }
        }
    }

    fn hit(&self, thing: Thing, codes: &[&Code]) -> Hit {
        let config = &self.config;
        let weight = |code: &Code| code.weight.unwrap_or(config.weight);
        let heaviest = codes.iter().max_by(|a, b| weight(a).total_cmp(&weight(b)));
        let called: Vec<&str> = codes.iter().map(|code| code.name.as_str()).collect();
        let category = heaviest.and_then(|code| code.category).unwrap_or(config.category);
        let weight = heaviest.map_or(config.weight, |code| weight(code));
        let refuses = match codes {
            [] => config.refuse,
            some => some.iter().any(|code| code.refuse.unwrap_or(config.refuse)),
        };
        Hit {
            list: config.name.clone(),
            means: config.means,
            ask: thing.ask,
            what: thing.shown(),
            called: called.join(", "),
            category,
            weight: match config.means {
                Means::Block => weight,
                Means::Allow => -weight,
            },
            refuses: refuses && config.means == Means::Block && thing.ask == Ask::Client,
            part: thing.part,
            path: thing.path,
        }
    }

    fn silent(&self, why: &str, now: Tick) -> Unanswered {
        self.count("none");
        if self.standing.failed(why, now) {
            self.say_aside(why);
        }
        self.unanswered(why)
    }

    fn put_aside(&self, why: &str, now: Tick) {
        if self.standing.put_aside(why, now) {
            self.say_aside(why);
        }
    }

    fn say_aside(&self, why: &str) {
        tracing::warn!(
            list = self.config.name,
            why,
            "a DNS list is put aside: nobody is refused and nothing weighs by it until it answers as lists do"
        );
    }

    fn note(&self, trial: Trial, leave: crate::facts::breaker::Leave, now: Tick) {
        if let Trial::Failed(why) | Trial::Silent(why) = &trial {
            tracing::debug!(list = self.config.name, why, "a DNS list did not stand its trial");
        }
        match self.standing.tried(&trial, leave, now) {
            standing::Change::None => (),
            standing::Change::Aside(why) => self.say_aside(&why),
            standing::Change::Good => {
                tracing::info!(
                    list = self.config.name,
                    "a DNS list answers as lists do and is asked"
                );
            }
        }
    }

    fn unanswered(&self, why: &str) -> Unanswered {
        Unanswered { list: self.config.name.clone(), because: why.to_string() }
    }

    fn count(&self, answer: &'static str) {
        let list = self.config.name.clone();
        metrics::counter!("sluss_dns_list_answers_total", "list" => list, "answer" => answer)
            .increment(1);
    }
}

/// What the addresses in an answer mean.
#[derive(Debug, PartialEq)]
enum Reading<'a> {
    NotListed,
    /// Under these codes; none, where none are configured.
    Listed(Vec<&'a Code>),
    /// There are codes, and none for this.
    Unclear(Ipv4Addr),
    /// No list answers so: it refuses us, or is none.
    Odd(String),
}

fn read<'a>(config: &'a DnsListConfig, answers: &[Ipv4Addr]) -> Reading<'a> {
    if let Some(why) = answers.iter().find_map(|answer| odd(config, *answer)) {
        return Reading::Odd(why);
    }
    let Some(first) = answers.first() else { return Reading::NotListed };
    let fits = |code: &&Code| answers.iter().any(|answer| code.answers.hold(*answer));
    let codes: Vec<&Code> = config.codes.iter().filter(fits).collect();
    match (config.codes.is_empty(), codes.is_empty()) {
        (true, _) | (false, false) => Reading::Listed(codes),
        (false, true) => Reading::Unclear(*first),
    }
}

/// Why an answer is none of a list. RFC 5782 section 2.3: listings are in 127.0.0.0/8. By custom 127.255.255.0/24 and 127.0.0.1 say that
/// whoever asks may not, or asks too much; an address of the world is what a zone that somebody else bought answers.
fn odd(config: &DnsListConfig, answer: Ipv4Addr) -> Option<String> {
    let refused = || Some(format!("it answers {answer}: it refuses us, or is asked too often"));
    match answer.octets() {
        [127, 255, 255, _] | [127, 0, 0, 1] => refused(),
        [127, ..] => {
            let aside = |code: &&Code| code.aside && code.answers.hold(answer);
            let code = config.codes.iter().find(aside)?;
            Some(format!("it answers {answer}: {}", code.name))
        }
        _ => Some(format!("it answers {answer}, which is no answer of a list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(more: &str) -> DnsListConfig {
        let text = format!("name = \"bl\"\nzone = \"bl.example\"\nasks = [\"client\"]\n{more}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn answers_are_read() {
        let coded = list(
            "codes = [{ answer = \"127.0.0.2\", name = \"two\" }, { bits = 8, name = \"eight\" }, \
             { answer = \"127.0.0.255\", name = \"pay\", aside = true }]",
        );
        let plain = list("");
        let told = |config: &DnsListConfig, answers: &[&str]| {
            let answers: Vec<Ipv4Addr> = answers.iter().map(|text| text.parse().unwrap()).collect();
            match read(config, &answers) {
                Reading::NotListed => "no".to_string(),
                Reading::Listed(codes) => {
                    let names: Vec<&str> = codes.iter().map(|code| code.name.as_str()).collect();
                    format!("yes {}", names.join(" "))
                }
                Reading::Unclear(answer) => format!("unclear {answer}"),
                Reading::Odd(why) => format!("odd: {why}"),
            }
        };
        for (config, answers, want) in [
            (&plain, &[][..], "no"),
            (&plain, &["127.0.0.2"], "yes "),
            (&plain, &["127.9.9.9"], "yes "),
            (&plain, &["127.0.0.1"], "odd: it answers 127.0.0.1: it refuses us"),
            (&plain, &["127.255.255.254"], "odd: it answers 127.255.255.254: it refuses us"),
            (&plain, &["127.0.0.2", "192.0.2.1"], "odd: it answers 192.0.2.1, which is no"),
            (&coded, &["127.0.0.2"], "yes two"),
            (&coded, &["127.0.0.10", "127.0.0.2"], "yes two eight"),
            (&coded, &["127.0.0.4"], "unclear 127.0.0.4"),
            (&coded, &["127.0.0.255"], "odd: it answers 127.0.0.255: pay"),
        ] {
            let got = told(config, answers);
            assert!(got.starts_with(want), "{answers:?}: {got}");
        }
    }

    #[test]
    fn the_heaviest_code_counts() {
        let config = list(
            "refuse = true\nweight = 2\ncodes = [{ answer = \"127.0.0.2\", name = \"a\" }, \
             { answer = \"127.0.0.3\", name = \"b\", weight = 5, category = \"phish\", refuse = false }]",
        );
        let list = DnsList { config, standing: Standing::default() };
        for (answers, want) in [
            (&["127.0.0.2"][..], ("a", 2.0, Category::Spam, true)),
            (&["127.0.0.3"], ("b", 5.0, Category::Phish, false)),
            (&["127.0.0.3", "127.0.0.2"], ("a, b", 5.0, Category::Phish, true)),
        ] {
            let answers: Vec<Ipv4Addr> = answers.iter().map(|text| text.parse().unwrap()).collect();
            let Reading::Listed(codes) = read(&list.config, &answers) else { panic!("not listed") };
            let thing = Thing {
                ask: Ask::Client,
                subject: things::Subject::Address([192, 0, 2, 1].into()),
                part: String::new(),
                path: String::new(),
            };
            let hit = list.hit(thing, &codes);
            let got = (hit.called.as_str(), hit.weight, hit.category, hit.refuses);
            assert_eq!(got, want, "{answers:?}");
        }
    }
}
