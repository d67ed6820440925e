//! SPF, RFC 7208: may this client send for this domain?
//!
//! Evaluation is bounded as section 4.6.4 demands: ten terms that ask, ten names of each answer, two answers without anything.

use super::{Answer, Names, NoAnswer, has_address, has_good_labels};
use crate::{
    base::limits,
    mail::is_at_or_below,
    wire::auth::{Expansion, Macros, Mechanism, Record, Spf, spf::Prefixes},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::Pin,
};

/// Whose right to send is asked for, and in whose name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'q> {
    /// The client.
    pub client: IpAddr,
    /// What it called itself.
    pub helo: &'q str,
    /// The local part of the envelope sender; "postmaster" for the null sender.
    pub local: &'q str,
    /// The domain: of the envelope sender, or what was said in HELO.
    pub domain: &'q str,
    /// Who receives.
    pub receiver: &'q str,
    /// Seconds since 1970.
    pub seconds: u64,
}

/// What SPF says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The result.
    pub result: Spf,
    /// Why, for an admin.
    pub because: String,
    /// What the domain says to those who fail; text of a stranger.
    pub explanation: Option<String>,
}

/// Compares a client with what a domain publishes: `check_host()` of RFC 7208 section 4.
pub async fn check<N: Names>(names: &N, question: Question<'_>) -> Said {
    // A socket for both families tells of IPv4 clients in IPv6.
    let question = Question { client: question.client.to_canonical(), ..question };
    let mut check =
        Check { names, question, terms_left: TERMS_MAX, voids_left: VOIDS_MAX, name: None };
    let domain = question.domain.to_ascii_lowercase();
    match check.host(&domain).await {
        Ok(Outcome { result, because, exp }) => {
            let explanation = match (result, exp) {
                (Spf::Fail, Some((domain, exp))) => check.explanation(&domain, &exp).await,
                (_, _) => None,
            };
            Said { result, because, explanation }
        }
        Err(Stop { result, because }) => Said { result, because, explanation: None },
    }
}

/// Terms that ask the DNS, RFC 7208 section 4.6.4.
const TERMS_MAX: usize = 10;
/// Answers without anything.
const VOIDS_MAX: usize = 2;
/// Names in one answer about mail hosts.
const NAMES_MAX: usize = 10;

struct Check<'c, N> {
    names: &'c N,
    question: Question<'c>,
    terms_left: usize,
    voids_left: usize,
    /// The client's name, once somebody asked for it.
    name: Option<Option<String>>,
}

/// What a record says.
struct Outcome {
    result: Spf,
    because: String,
    /// Where a failure is explained, and by whose record.
    exp: Option<(String, Macros)>,
}

/// The evaluation ends here.
struct Stop {
    result: Spf,
    because: String,
}

type Stopped<T> = Result<T, Stop>;

fn perm<T>(because: impl Into<String>) -> Stopped<T> {
    Err(Stop { result: Spf::PermError, because: because.into() })
}

impl From<NoAnswer> for Stop {
    fn from(NoAnswer(because): NoAnswer) -> Stop {
        Stop { result: Spf::TempError, because }
    }
}

impl<N: Names> Check<'_, N> {
    fn host<'a>(
        &'a mut self,
        domain: &'a str,
    ) -> Pin<Box<dyn Future<Output = Stopped<Outcome>> + Send + 'a>> {
        Box::pin(async move {
            let none = |because: String| Ok(Outcome { result: Spf::None, because, exp: None });
            if !is_domain(domain) {
                return none(format!("{domain:?} is no domain"));
            }
            let mut texts = self.names.txt(domain).await?;
            texts.retain(|text| Record::is_meant(text));
            let record = match &texts[..] {
                [] => return none(format!("{domain} publishes no SPF record")),
                [text] => Record::parse(text),
                [_, ..] => return perm(format!("{domain} publishes several SPF records")),
            };
            let record = match record {
                Ok(record) => record,
                Err(wrong) => return perm(format!("{domain}: {wrong}")),
            };
            for directive in &record.directives {
                if self.matches(&directive.mechanism, domain).await? {
                    let result = directive.qualifier.result();
                    let because = format!("{domain} says so of {}", self.question.client);
                    let exp = record.exp.map(|exp| (domain.to_string(), exp));
                    return Ok(Outcome { result, because, exp });
                }
            }
            if let Some(redirect) = &record.redirect {
                self.count_term()?;
                let name = self.name_of(redirect, domain).await;
                let outcome = self.host(&name).await?;
                return match outcome.result {
                    Spf::None => {
                        perm(format!("{domain} redirects to {name}, which publishes nothing"))
                    }
                    Spf::Neutral
                    | Spf::Pass
                    | Spf::Fail
                    | Spf::SoftFail
                    | Spf::TempError
                    | Spf::PermError => Ok(outcome),
                };
            }
            let because = format!("{domain} says nothing of {}", self.question.client);
            Ok(Outcome { result: Spf::Neutral, because, exp: None })
        })
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Stopped<bool> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, bits) => Ok(match self.question.client {
                IpAddr::V4(client) => same_v4(client, *network, *bits),
                IpAddr::V6(_) => false,
            }),
            Mechanism::Ip6(network, bits) => Ok(match self.question.client {
                IpAddr::V6(client) => same_v6(client, *network, *bits),
                IpAddr::V4(_) => false,
            }),
            Mechanism::Include(target) => {
                self.count_term()?;
                let name = self.name_of(target, domain).await;
                let included = self.host(&name).await?;
                match included.result {
                    Spf::Pass => Ok(true),
                    Spf::Fail | Spf::SoftFail | Spf::Neutral => Ok(false),
                    Spf::None => perm(format!("{domain} includes {name}, which publishes nothing")),
                    Spf::TempError | Spf::PermError => {
                        Err(Stop { result: included.result, because: included.because })
                    }
                }
            }
            Mechanism::A(target, prefixes) => {
                self.count_term()?;
                let name = self.target(target.as_ref(), domain).await;
                let found = self.has_address(&name, *prefixes).await?;
                self.count_void(found.is_none())?;
                Ok(found.unwrap_or(false))
            }
            Mechanism::Mx(target, prefixes) => {
                self.count_term()?;
                let name = self.target(target.as_ref(), domain).await;
                let hosts = self.look_up(&name, self.names.mx(&name)).await?;
                self.count_void(hosts.is_empty())?;
                if hosts.len() > NAMES_MAX {
                    return perm(format!("{name} has more than {NAMES_MAX} mail hosts"));
                }
                for host in hosts {
                    if self.has_address(&host, *prefixes).await?.unwrap_or(false) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Mechanism::Ptr(target) => {
                self.count_term()?;
                let name = self.target(target.as_ref(), domain).await;
                let names = self.validated_names().await?;
                Ok(names.iter().any(|one| is_at_or_below(one, &name)))
            }
            Mechanism::Exists(target) => {
                self.count_term()?;
                let name = self.name_of(target, domain).await;
                let found = self.look_up(&name, self.names.a(&name)).await?;
                self.count_void(found.is_empty())?;
                Ok(!found.is_empty())
            }
        }
    }

    /// Has this host an address like the client's? None: it has none at all.
    async fn has_address(&self, host: &str, prefixes: Prefixes) -> Stopped<Option<bool>> {
        match self.question.client {
            IpAddr::V4(client) => {
                let found = self.look_up(host, self.names.a(host)).await?;
                let same = found.iter().any(|one| same_v4(client, *one, prefixes.v4));
                Ok((!found.is_empty()).then_some(same))
            }
            IpAddr::V6(client) => {
                let found = self.look_up(host, self.names.aaaa(host)).await?;
                let same = found.iter().any(|one| same_v6(client, *one, prefixes.v6));
                Ok((!found.is_empty()).then_some(same))
            }
        }
    }

    /// What cannot be a name has no records: nobody need be asked.
    async fn look_up<T>(&self, name: &str, asked: impl Future<Output = Answer<T>>) -> Answer<T> {
        match has_good_labels(name) {
            true => asked.await,
            false => Ok(Vec::new()),
        }
    }

    /// The client's names that lead back to it, RFC 7208 section 5.5. What cannot be asked is no name.
    async fn validated_names(&mut self) -> Stopped<Vec<String>> {
        let Ok(names) = self.names.ptr(self.question.client).await else { return Ok(Vec::new()) };
        self.count_void(names.is_empty())?;
        let mut good = Vec::new();
        for name in names.into_iter().take(limits::CLIENT_NAMES_MAX) {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if let Ok(true) = has_address(self.names, &name, self.question.client).await {
                good.push(name);
            }
        }
        Ok(good)
    }

    async fn target(&mut self, target: Option<&Macros>, domain: &str) -> String {
        match target {
            None => domain.to_string(),
            Some(target) => self.name_of(target, domain).await,
        }
    }

    async fn name_of(&mut self, macros: &Macros, domain: &str) -> String {
        let name = self.client_name(macros, domain).await;
        macros.expand_to_name(&self.expansion(domain, name.as_deref())).to_ascii_lowercase()
    }

    /// The client's name where macros ask for it: best one in this domain.
    async fn client_name(&mut self, macros: &Macros, domain: &str) -> Option<String> {
        if !macros.wants_name() {
            return None;
        }
        if let Some(known) = &self.name {
            return known.clone();
        }
        // RFC 7208 section 7.3: a failure here is "unknown", and no term was spent.
        let names = self.names_for_macro().await;
        let same = names.iter().find(|name| *name == domain);
        let within = || names.iter().find(|name| is_at_or_below(name, domain));
        let name = same.or_else(within).or(names.first()).cloned();
        self.name = Some(name.clone());
        name
    }

    async fn names_for_macro(&mut self) -> Vec<String> {
        let voids = self.voids_left;
        let names = self.validated_names().await.unwrap_or_default();
        self.voids_left = voids;
        names
    }

    fn expansion<'e>(&'e self, domain: &'e str, name: Option<&'e str>) -> Expansion<'e> {
        let Question { client, helo, local, domain: sender, receiver, seconds } = self.question;
        Expansion { sender: (local, sender), domain, client, helo, name, receiver, seconds }
    }

    async fn explanation(&mut self, domain: &str, exp: &Macros) -> Option<String> {
        let name = self.name_of(exp, domain).await;
        let texts = self.look_up(&name, self.names.txt(&name)).await.ok()?;
        // RFC 7208 section 6.2: several are as good as none.
        let [text] = &texts[..] else { return None };
        let macros = Macros::explanation(std::str::from_utf8(text).ok()?)?;
        let name = self.client_name(&macros, domain).await;
        Some(macros.expand(&self.expansion(domain, name.as_deref())))
    }

    fn count_term(&mut self) -> Stopped<()> {
        match self.terms_left.checked_sub(1) {
            Some(left) => {
                self.terms_left = left;
                Ok(())
            }
            None => perm(format!("more than {TERMS_MAX} terms ask the DNS")),
        }
    }

    fn count_void(&mut self, is_void: bool) -> Stopped<()> {
        if !is_void {
            return Ok(());
        }
        match self.voids_left.checked_sub(1) {
            Some(left) => {
                self.voids_left = left;
                Ok(())
            }
            None => perm(format!("more than {VOIDS_MAX} names without anything")),
        }
    }
}

/// RFC 7208 section 4.3: a name of several labels, each of a length that can be.
fn is_domain(name: &str) -> bool {
    has_good_labels(name) && name.contains('.')
}

fn same_v4(one: Ipv4Addr, other: Ipv4Addr, bits: u8) -> bool {
    let differ = u32::from(one) ^ u32::from(other);
    differ.checked_shr(32 - u32::from(bits.min(32))).unwrap_or(0) == 0
}

fn same_v6(one: Ipv6Addr, other: Ipv6Addr, bits: u8) -> bool {
    let differ = u128::from(one) ^ u128::from(other);
    differ.checked_shr(128 - u32::from(bits.min(128))).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let v4 = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        for (one, other, bits, want) in [
            ("192.0.2.1", "192.0.2.1", 32, true),
            ("192.0.2.1", "192.0.2.2", 32, false),
            ("192.0.2.1", "192.0.2.200", 24, true),
            ("192.0.2.1", "198.51.100.1", 0, true),
        ] {
            assert_eq!(same_v4(v4(one), v4(other), bits), want, "{one} {other} {bits}");
        }
        assert!(same_v6("2001:db8::1".parse().unwrap(), "2001:db8:ffff::".parse().unwrap(), 32));
        assert!(!same_v6("2001:db8::1".parse().unwrap(), "2001:db9::1".parse().unwrap(), 32));
    }
}
