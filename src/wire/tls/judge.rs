//! The two decisions about a channel, both pure: which policy holds for a mail host, and whether what its server showed will do.
//!
//! A resumed session calls no verifier, so that nothing is decided inside the handshake: the certificates are judged after it, of whatever
//! kind it was. Whatever this refuses waits; nothing is sent in clear where more than [`Policy::Opportunistic`] holds.

use super::{
    Channel, InClear, Policy, Refusal, Secured, Terms, Trust, Version, Vouch,
    dane::{self, Fit, Record},
    mta_sts::{Mode, StsPolicy},
};
use crate::mail::{CertificateState, Domain, NameMatch};

/// What DNS says of a mail host: of the MX that led to it, of its addresses and of its TLSA records, the weakest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Located {
    /// It was not asked: DANE is switched off, or there was no MX to ask for.
    #[default]
    NotAsked,
    /// MX or addresses are provably not signed: TLSA records would prove nothing.
    Insecure,
    /// All is signed, and these are the TLSA records: perhaps none.
    Secure(Vec<Record>),
    /// Something should be signed and is not; what.
    Bogus(String),
    /// Something was not answered; what.
    NoAnswer(String),
}

/// What may hold for a mail host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The configuration demands encryption.
    pub encrypted: bool,
    /// What is agreed with a partner.
    pub partner: Option<Terms>,
    /// What DNS says.
    pub located: Located,
    /// The domain's MTA-STS policy.
    pub sts: Option<StsPolicy>,
}

/// Which policy holds: partner, then DANE, then MTA-STS, then what the configuration says. A partner's terms only ever raise what is asked.
///
/// RFC 7672 section 2.1: where DNS answers are bogus or missing, that may be an attack, and nothing is sent. RFC 8461 section 2: an MTA-STS
/// policy never stands in for DANE that fails.
pub fn policy_of(asked: Asked) -> Result<Policy, Refusal> {
    let (records, is_secure) = match asked.located {
        Located::Bogus(what) => return Err(Refusal::Bogus(what)),
        Located::NoAnswer(what) => return Err(Refusal::NoAnswer(what)),
        Located::NotAsked | Located::Insecure => (Vec::new(), false),
        Located::Secure(records) => (records, true),
    };
    if let Some(terms) = asked.partner {
        return Ok(Policy::Partner(terms));
    }
    let usable = dane::usable(&records);
    if is_secure && !usable.is_empty() {
        return Ok(Policy::Dane(usable));
    }
    // RFC 7672 section 2.2: records of which none can be used still say that there is TLS.
    let encrypted = asked.encrypted || !records.is_empty();
    match asked.sts {
        Some(policy) if policy.mode == Mode::Enforce => Ok(Policy::Sts(policy)),
        // One that is tested must not lower what is asked otherwise.
        Some(policy) if policy.mode == Mode::Testing && !encrypted => Ok(Policy::Sts(policy)),
        Some(_) | None if encrypted => Ok(Policy::Encrypted),
        Some(_) | None => Ok(Policy::Opportunistic),
    }
}

/// What a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// No STARTTLS.
    NotOffered,
    /// STARTTLS, which it then refused; its words.
    Refused(String),
    /// A handshake that failed, also for want of a version that we speak; how.
    Broken(String),
    /// A session.
    Session(Showing),
}

/// What a server showed in a handshake that it got through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Showing {
    /// The version agreed on.
    pub version: Version,
    /// Its own certificate first; at most [`crate::base::limits::CHAIN_CERTIFICATES_MAX`].
    pub chain: Vec<Certificate>,
    /// What authorities say of it: those that the policy names, else those of the system.
    pub certificate: CertificateState,
    /// Those of the names in question that it bears.
    pub bears: Vec<Domain>,
}

/// A certificate as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// All of it, DER.
    pub der: Vec<u8>,
    /// Its public key information, DER; empty where it cannot be read.
    pub key: Vec<u8>,
    /// The server's certificate is signed under this one and in its time.
    pub vouches: bool,
}

/// The names a server may go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The mail host; none where it is known by its address alone.
    pub host: Option<Domain>,
    /// RFC 7672 section 3.2.2: under DANE, also the domain whose mail host it provably is; to a partner, the partner's own.
    pub also: Vec<Domain>,
}

impl Showing {
    /// Does the certificate bear one of them?
    pub fn bears_any(&self, names: &Names) -> bool {
        self.bears_host(names) || self.bears_also(names)
    }

    fn bears_also(&self, names: &Names) -> bool {
        names.also.iter().any(|name| self.bears.contains(name))
    }

    fn bears_host(&self, names: &Names) -> bool {
        names.host.as_ref().is_some_and(|host| self.bears.contains(host))
    }
}

/// Will it do, and who vouches for it? In clear, where that is allowed, nobody does.
pub fn judge(policy: &Policy, shown: &Shown, names: &Names) -> Result<Vouch, Refusal> {
    let showing = match (shown, may_be_clear(policy)) {
        (Shown::Session(showing), _) => showing,
        (Shown::NotOffered | Shown::Refused(_) | Shown::Broken(_), true) => {
            return Ok(Vouch::Nobody);
        }
        (Shown::NotOffered, false) => return Err(Refusal::NotOffered),
        (Shown::Refused(said), false) => return Err(Refusal::Refused(said.clone())),
        (Shown::Broken(how), false) => return Err(Refusal::Broken(how.clone())),
    };
    match policy {
        Policy::Opportunistic | Policy::Encrypted => Ok(by_chance(showing, names)),
        Policy::Partner(terms) => as_agreed(terms, showing, names).map(|()| Vouch::Partner),
        Policy::Dane(records) => match dane::fit(records, showing, names) {
            Fit::Yes => Ok(Vouch::Dane),
            Fit::OtherName => Err(Refusal::OtherName),
            Fit::NotUnder => Err(Refusal::Certificate(match showing.certificate {
                CertificateState::Expired => CertificateState::Expired,
                CertificateState::NotYetValid => CertificateState::NotYetValid,
                CertificateState::NotLooked
                | CertificateState::Good
                | CertificateState::UnknownAuthority
                | CertificateState::SelfMade
                | CertificateState::Unusable => CertificateState::UnknownAuthority,
            })),
            Fit::No => Err(Refusal::NoTlsaFits),
        },
        Policy::Sts(policy) if policy.mode == Mode::Enforce => match &names.host {
            Some(host) if policy.names(host) => is_good(showing, names).map(|()| Vouch::MtaSts),
            Some(host) => Err(Refusal::HostNotNamed(host.clone())),
            None => Err(Refusal::OtherName),
        },
        Policy::Sts(_) => Ok(by_chance(showing, names)),
    }
}

/// What an MTA-STS policy that is only tested would have said of this channel, had it been enforced; nothing where all is well.
pub fn would_refuse(policy: &StsPolicy, host: &Domain, channel: &Channel) -> Option<Refusal> {
    let session = match &channel.secured {
        Secured::Tls(session) => session,
        Secured::Clear(InClear::NotOffered) => return Some(Refusal::NotOffered),
        Secured::Clear(InClear::Refused(said)) => return Some(Refusal::Refused(said.clone())),
        Secured::Clear(InClear::Broken(how)) => return Some(Refusal::Broken(how.clone())),
        Secured::Clear(InClear::Local | InClear::SwitchedOff) => return None,
    };
    if !policy.names(host) {
        return Some(Refusal::HostNotNamed(host.clone()));
    }
    match (session.certificate, session.name) {
        (CertificateState::Good, NameMatch::Yes) => None,
        (CertificateState::Good, NameMatch::No | NameMatch::NotLooked) => Some(Refusal::OtherName),
        (state, _) => Some(Refusal::Certificate(state)),
    }
}

fn may_be_clear(policy: &Policy) -> bool {
    match policy {
        Policy::Opportunistic => true,
        Policy::Sts(policy) => policy.mode != Mode::Enforce,
        Policy::Encrypted | Policy::Partner(_) | Policy::Dane(_) => false,
    }
}

fn as_agreed(terms: &Terms, showing: &Showing, names: &Names) -> Result<(), Refusal> {
    if showing.version < terms.version_min {
        return Err(Refusal::TooOld);
    }
    match &terms.by {
        Trust::Authorities => match (is_good(showing, names), &names.host) {
            _ if showing.certificate == CertificateState::Good && showing.bears_also(names) => {
                Ok(())
            }
            (Ok(()), Some(host)) if !terms.host_is_known => {
                Err(Refusal::HostNotAgreed(host.clone()))
            }
            (judged, _) => judged,
        },
        Trust::Pins(pins) => {
            let ours = showing.chain.first().map(Certificate::pin);
            match ours.is_some_and(|pin| pins.contains(&pin)) {
                true => Ok(()),
                false => Err(Refusal::OtherKey),
            }
        }
    }
}

impl Certificate {
    /// SHA-256 of its public key information.
    pub fn pin(&self) -> [u8; 32] {
        use sha2::Digest;
        sha2::Sha256::digest(&self.key).into()
    }
}

fn is_good(showing: &Showing, names: &Names) -> Result<(), Refusal> {
    match (showing.certificate, showing.bears_host(names)) {
        (CertificateState::Good, true) => Ok(()),
        (CertificateState::Good, false) => Err(Refusal::OtherName),
        (state, _) => Err(Refusal::Certificate(state)),
    }
}

fn by_chance(showing: &Showing, names: &Names) -> Vouch {
    match is_good(showing, names) {
        Ok(()) => Vouch::Pki,
        Err(_) => Vouch::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::TlsSession;
    use sha2::{Digest, Sha256};
    use std::time::Duration;

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn certificate(of: &str, vouches: bool) -> Certificate {
        let bytes = |what: &str| format!("0{what} of {of}").into_bytes();
        Certificate { der: bytes("certificate"), key: bytes("key"), vouches }
    }

    /// The server's certificate "ours" under the authority "ca"; TLSA records speak of these two.
    fn session(certificate_state: CertificateState, leaf: &str, ca: &str, name: &str) -> Shown {
        let vouches = !matches!(
            certificate_state,
            CertificateState::Expired | CertificateState::NotYetValid | CertificateState::SelfMade
        );
        Shown::Session(Showing {
            version: Version::Tls13,
            chain: vec![certificate(leaf, false), certificate(ca, vouches)],
            certificate: certificate_state,
            bears: vec![domain(name)],
        })
    }

    /// The columns of the table.
    fn servers() -> Vec<(&'static str, Shown)> {
        use CertificateState::{Expired, Good, NotYetValid, SelfMade, UnknownAuthority};
        let host = "mx.far.example";
        let unsigned = |mut shown: Shown| {
            if let Shown::Session(showing) = &mut shown {
                showing.chain.iter_mut().for_each(|one| one.vouches = false);
            }
            shown
        };
        vec![
            // Every key is the one that TLSA, and the partner's pin, speak of, unless another is named.
            ("good", session(Good, "ours", "ca", host)),
            ("expired", session(Expired, "ours", "ca", host)),
            ("not yet valid", session(NotYetValid, "ours", "ca", host)),
            ("self-made", session(SelfMade, "ours", "ours", host)),
            ("wrong name", session(Good, "ours", "ca", "other.example")),
            ("unknown authority", session(UnknownAuthority, "ours", "ca", host)),
            ("another key, same authority", session(Good, "another", "ca", host)),
            ("another key and authority", session(Good, "another", "other ca", host)),
            // The authority's certificate is shown, and has not signed.
            ("a borrowed authority", unsigned(session(Good, "another", "ca", host))),
            ("no STARTTLS", Shown::NotOffered),
            ("STARTTLS refused", Shown::Refused("454 no".to_string())),
            ("only TLS 1.0 or 1.1", Shown::Broken("protocol version".to_string())),
            ("broken handshake", Shown::Broken("reset".to_string())),
        ]
    }

    fn record(usage: u8, of: &str) -> Record {
        let data = Sha256::digest(certificate(of, false).key).to_vec();
        Record { usage, selector: 1, matching: 1, data }
    }

    fn sts(mode: Mode, host: &str) -> StsPolicy {
        let text = match mode {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        };
        let text = format!("version: STSv1\nmode: {text}\nmx: {host}\nmax_age: 86400\n");
        let policy = super::super::mta_sts::read_policy(text.as_bytes()).unwrap();
        assert_eq!(policy.max_age, Duration::from_secs(86_400));
        policy
    }

    fn located(word: &str) -> Located {
        match word {
            "off" => Located::NotAsked,
            "insecure" => Located::Insecure,
            "bogus" => Located::Bogus("MX of far.example".to_string()),
            "no answer" => Located::NoAnswer("TLSA of mx.far.example".to_string()),
            "secure: none" => Located::Secure(vec![]),
            "secure: server" => Located::Secure(vec![record(3, "ours")]),
            "secure: authority" => Located::Secure(vec![record(2, "ca")]),
            "secure: rollover" => Located::Secure(vec![record(3, "next"), record(3, "ours")]),
            "secure: stale" => Located::Secure(vec![record(3, "next")]),
            "secure: unusable" => Located::Secure(vec![record(1, "ours")]),
            other => panic!("{other}"),
        }
    }

    fn asked(word: &str) -> Asked {
        let terms = |by| Some(Terms { version_min: Version::Tls12, by, host_is_known: true });
        match word {
            "nothing" => Asked::default(),
            "required" => Asked { encrypted: true, ..Asked::default() },
            "partner" => Asked { partner: terms(Trust::Authorities), ..Asked::default() },
            "unknown host" => Asked {
                partner: terms(Trust::Authorities)
                    .map(|terms| Terms { host_is_known: false, ..terms }),
                ..Asked::default()
            },
            "pin" => {
                let pins = vec![certificate("ours", false).pin()];
                Asked { partner: terms(Trust::Pins(pins)), ..Asked::default() }
            }
            "enforce" => {
                Asked { sts: Some(sts(Mode::Enforce, "*.far.example")), ..Asked::default() }
            }
            "testing" => {
                Asked { sts: Some(sts(Mode::Testing, "*.far.example")), ..Asked::default() }
            }
            "other mx" => {
                Asked { sts: Some(sts(Mode::Enforce, "mx.other.example")), ..Asked::default() }
            }
            other => panic!("{other}"),
        }
    }

    /// Policy × DNSSEC state × certificate. `D` proven by DANE, `S` by MTA-STS, `P` by a partner's terms; `k` encrypted, good by chance; `e`
    /// encrypted to whoever answers; `c` in clear; `-` it waits. Columns as in `servers`:
    /// good, expired, not yet valid, self-made, wrong name, unknown authority, another key, another authority, borrowed authority;
    /// no STARTTLS, refused, old version, broken.
    const TABLE: &[(&str, &str, &str)] = &[
        ("nothing", "off", "keeeeekkk cccc"),
        ("nothing", "insecure", "keeeeekkk cccc"),
        ("nothing", "secure: none", "keeeeekkk cccc"),
        ("nothing", "secure: server", "DDDDDD--- ----"),
        ("nothing", "secure: authority", "D----DD-- ----"),
        ("nothing", "secure: rollover", "DDDDDD--- ----"),
        ("nothing", "secure: stale", "--------- ----"),
        ("nothing", "secure: unusable", "keeeeekkk ----"),
        ("nothing", "bogus", "--------- ----"),
        ("nothing", "no answer", "--------- ----"),
        ("required", "insecure", "keeeeekkk ----"),
        ("required", "secure: none", "keeeeekkk ----"),
        ("required", "secure: server", "DDDDDD--- ----"),
        ("required", "bogus", "--------- ----"),
        ("partner", "off", "P-----PPP ----"),
        ("partner", "insecure", "P-----PPP ----"),
        ("partner", "secure: none", "P-----PPP ----"),
        ("partner", "secure: server", "P-----PPP ----"),
        ("partner", "secure: unusable", "P-----PPP ----"),
        ("partner", "bogus", "--------- ----"),
        ("partner", "no answer", "--------- ----"),
        ("unknown host", "insecure", "--------- ----"),
        ("pin", "insecure", "PPPPPP--- ----"),
        ("pin", "secure: stale", "PPPPPP--- ----"),
        ("pin", "bogus", "--------- ----"),
        ("enforce", "off", "S-----SSS ----"),
        ("enforce", "insecure", "S-----SSS ----"),
        ("enforce", "secure: none", "S-----SSS ----"),
        ("enforce", "secure: server", "DDDDDD--- ----"),
        ("enforce", "secure: stale", "--------- ----"),
        ("enforce", "secure: unusable", "S-----SSS ----"),
        ("enforce", "bogus", "--------- ----"),
        ("enforce", "no answer", "--------- ----"),
        ("other mx", "insecure", "--------- ----"),
        ("other mx", "secure: server", "DDDDDD--- ----"),
        ("testing", "off", "keeeeekkk cccc"),
        ("testing", "insecure", "keeeeekkk cccc"),
        ("testing", "secure: authority", "D----DD-- ----"),
        ("testing", "secure: unusable", "keeeeekkk ----"),
        ("testing", "bogus", "--------- ----"),
    ];

    fn cell(policy: &Result<Policy, Refusal>, shown: &Shown) -> char {
        let names =
            Names { host: Some(domain("mx.far.example")), also: vec![domain("far.example")] };
        let judged = policy.clone().and_then(|policy| judge(&policy, shown, &names));
        match (judged, shown) {
            (Err(_), _) => '-',
            (Ok(Vouch::Dane), _) => 'D',
            (Ok(Vouch::MtaSts), _) => 'S',
            (Ok(Vouch::Partner), _) => 'P',
            (Ok(Vouch::Pki), _) => 'k',
            (Ok(Vouch::Nobody), Shown::Session(_)) => 'e',
            (Ok(Vouch::Nobody), Shown::NotOffered | Shown::Refused(_) | Shown::Broken(_)) => 'c',
        }
    }

    #[test]
    fn each_policy_meets_each_server_in_each_state_of_dns() {
        let mut cells = 0;
        for (what, state, want) in TABLE {
            let policy = policy_of(Asked { located: located(state), ..asked(what) });
            let want: Vec<char> = want.chars().filter(|c| *c != ' ').collect();
            let servers = servers();
            assert_eq!(want.len(), servers.len(), "{what} {state}");
            for ((server, shown), want) in servers.iter().zip(want) {
                assert_eq!(cell(&policy, shown), want, "{what}, {state}, {server}");
                cells += 1;
            }
        }
        assert_eq!(cells, TABLE.len() * 13);
    }

    #[test]
    fn who_refuses_says_why() {
        let names =
            Names { host: Some(domain("mx.far.example")), also: vec![domain("far.example")] };
        let servers = servers();
        let of = |name: &str| {
            servers.iter().find(|(server, _)| *server == name).map(|(_, shown)| shown).unwrap()
        };
        for (what, state, server, want) in [
            ("nothing", "secure: server", "another key and authority", "tlsa-invalid"),
            ("nothing", "secure: server", "no STARTTLS", "starttls-not-supported"),
            ("nothing", "secure: authority", "wrong name", "certificate-host-mismatch"),
            ("nothing", "secure: authority", "expired", "certificate-expired"),
            ("nothing", "secure: authority", "a borrowed authority", "certificate-not-trusted"),
            ("nothing", "bogus", "good", "dnssec-invalid"),
            ("nothing", "no answer", "good", "dnssec-invalid"),
            ("nothing", "secure: unusable", "STARTTLS refused", "starttls-not-supported"),
            ("enforce", "off", "self-made", "certificate-not-trusted"),
            ("enforce", "off", "expired", "certificate-expired"),
            ("enforce", "off", "wrong name", "certificate-host-mismatch"),
            ("enforce", "off", "broken handshake", "validation-failure"),
            ("other mx", "off", "good", "validation-failure"),
            ("pin", "off", "another key and authority", "validation-failure"),
            ("unknown host", "off", "good", "validation-failure"),
        ] {
            let policy = policy_of(Asked { located: located(state), ..asked(what) });
            let refusal = policy.and_then(|policy| judge(&policy, of(server), &names)).unwrap_err();
            assert_eq!(refusal.result_type(), want, "{what} {state} {server}: {refusal}");
        }
    }

    #[test]
    fn a_policy_that_is_tested_says_what_it_would_have_refused() {
        use CertificateState::{Expired, Good, NotLooked, SelfMade};
        let (tested, host) = (sts(Mode::Testing, "*.far.example"), domain("mx.far.example"));
        let tls = |certificate, name| {
            Secured::Tls(TlsSession { certificate, name, ..TlsSession::default() })
        };
        for (secured, host, want) in [
            (tls(Good, NameMatch::Yes), "mx.far.example", None),
            (tls(Good, NameMatch::No), "mx.far.example", Some("certificate-host-mismatch")),
            (tls(Expired, NameMatch::Yes), "mx.far.example", Some("certificate-expired")),
            (tls(SelfMade, NameMatch::Yes), "mx.far.example", Some("certificate-not-trusted")),
            (tls(NotLooked, NameMatch::Yes), "mx.far.example", Some("validation-failure")),
            (tls(Good, NameMatch::Yes), "mx.other.example", Some("validation-failure")),
            (Secured::Clear(InClear::NotOffered), "mx.far.example", Some("starttls-not-supported")),
            (
                Secured::Clear(InClear::Refused("454 no".to_string())),
                "mx.far.example",
                Some("starttls-not-supported"),
            ),
            (
                Secured::Clear(InClear::Broken("reset".to_string())),
                "mx.far.example",
                Some("validation-failure"),
            ),
            (Secured::Clear(InClear::SwitchedOff), "mx.far.example", None),
        ] {
            let channel = Channel { secured, ..Channel::clear(InClear::Local) };
            let said = would_refuse(&tested, &domain(host), &channel);
            assert_eq!(said.as_ref().map(Refusal::result_type), want, "{channel:?}");
        }
        assert!(tested.names(&host));
    }

    #[test]
    fn names_and_versions_that_only_some_policies_ask_for() {
        let names =
            Names { host: Some(domain("mx.far.example")), also: vec![domain("far.example")] };
        // Under DANE the domain's own name will do as well as its mail host's; under MTA-STS the mail host's alone.
        let shown = session(CertificateState::Good, "ours", "ca", "far.example");
        let authority =
            policy_of(Asked { located: located("secure: authority"), ..Asked::default() }).unwrap();
        assert_eq!(judge(&authority, &shown, &names), Ok(Vouch::Dane));
        let enforce = policy_of(asked("enforce")).unwrap();
        assert_eq!(judge(&enforce, &shown, &names), Err(Refusal::OtherName));
        // A partner may insist on a newer version.
        let Shown::Session(mut showing) =
            session(CertificateState::Good, "ours", "ca", "mx.far.example")
        else {
            panic!("no session");
        };
        showing.version = Version::Tls12;
        // A partner's mail host under a provider's name proves itself by the partner's own.
        let terms =
            Terms { version_min: Version::Tls12, by: Trust::Authorities, host_is_known: false };
        assert_eq!(judge(&Policy::Partner(terms.clone()), &shown, &names), Ok(Vouch::Partner));
        let terms = Terms { version_min: Version::Tls13, ..terms };
        let old = Shown::Session(showing);
        assert_eq!(judge(&Policy::Partner(terms), &old, &names), Err(Refusal::TooOld));
    }
}
