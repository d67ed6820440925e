//! Each thing that is looked at, well and in every way ill.

use super::*;
use crate::wire::tls::mta_sts::read_policy;

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn policy(mode: &str, host: &str) -> StsPolicy {
    let text = format!("version: STSv1\nmode: {mode}\nmx: {host}\nmax_age: 604800\n");
    read_policy(text.as_bytes()).unwrap()
}

fn texts(texts: &[&str]) -> Texts {
    Ok(texts.iter().map(ToString::to_string).collect())
}

fn hosts(names: &[&str]) -> MailHosts {
    MailHosts::Hosts(names.iter().map(|name| (10, domain(name))).collect())
}

#[track_caller]
fn is(finding: &Finding, state: State, words: &str) {
    assert_eq!(finding.state, state, "{finding:?}");
    assert!(finding.says.contains(words), "{finding:?}");
    assert_eq!(finding.mend.is_empty(), state == State::Green, "{finding:?}");
}

#[test]
fn record_policy_and_configuration_have_to_agree() {
    let ours = domain("ours.example");
    let (own, other) = (policy("enforce", "mx.ours.example"), policy("testing", "mx.ours.example"));
    let id = format!("v=STSv1; id={}", policy_id(&own));
    let (good, foreign, none) = (texts(&[&id]), texts(&["v=STSv1; id=1"]), texts(&[]));
    let (served, away) = (Ok(own.clone()), Err("no address".to_string()));
    let (stranger, mx) = (Ok(other), hosts(&["mx.ours.example"]));
    let two = hosts(&["mx.ours.example", "mx2.ours.example"]);
    let silent = Err("silence".to_string());
    for (own, record, served, mx, state, words) in [
        (Some(&own), &good, Some(&served), &mx, State::Green, "enforced"),
        (None, &foreign, Some(&served), &mx, State::Green, "enforced"),
        (Some(&own), &foreign, Some(&served), &mx, State::Yellow, "id of another policy"),
        (Some(&own), &none, Some(&served), &mx, State::Yellow, "no record tells of it"),
        (None, &none, None, &mx, State::Yellow, "there is no policy"),
        (Some(&own), &good, Some(&away), &mx, State::Red, "cannot be had: no address"),
        (Some(&own), &good, Some(&stranger), &mx, State::Red, "not what [mta-sts] says"),
        (Some(&own), &good, Some(&served), &two, State::Red, "does not name the mail host mx2"),
        (None, &foreign, Some(&stranger), &two, State::Yellow, "does not name the mail host mx2"),
        (Some(&own), &texts(&["v=STSv1;"]), Some(&served), &mx, State::Red, "has no id"),
        (Some(&own), &silent, Some(&served), &mx, State::Unknown, "silence"),
    ] {
        is(&mta_sts(&ours, StsSight { own, record, served }, mx), state, words);
    }
}

#[test]
fn mail_has_to_come_here() {
    let (ours, host) = (domain("ours.example"), domain("mx.ours.example"));
    for (found, state, words) in [
        (hosts(&["mx.ours.example"]), State::Green, "comes to mx.ours.example"),
        (hosts(&["a.example", "mx.ours.example"]), State::Green, "one of 1 others"),
        (hosts(&["a.example"]), State::Yellow, "goes to a.example"),
        (MailHosts::TakesNone, State::Red, "null MX"),
        (MailHosts::NoSuchDomain, State::Red, "no such domain"),
        (MailHosts::Unusable("bad".to_string()), State::Red, "bad"),
        (MailHosts::Unknown("silence".to_string()), State::Unknown, "silence"),
    ] {
        is(&mx(&ours, &found, &host), state, words);
    }
}

#[test]
fn tlsa_records_have_to_fit() {
    let host = domain("mx.ours.example");
    let names = Names { host: Some(host.clone()), also: Vec::new() };
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed([host.to_string()]).unwrap();
    let (file, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&file, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let text =
        format!("hostname = \"mx.ours.example\"\n[tls]\ncertificate = {file:?}\nkey = {key:?}\n");
    let config = Config::parse(std::path::Path::new("sluss.toml"), &text).unwrap();
    let own = OwnCertificate::read(&config).unwrap();
    let (onlooker, _) =
        crate::edge::tls::vouching(&crate::config::Authorities::File(file)).unwrap();
    let now = UnixMs(1_795_262_400_000);
    let digest = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    let right = Record {
        usage: 3,
        selector: 1,
        matching: 1,
        data: digest(&own.as_ref().unwrap().key_digest()),
    };
    let wrong = Record { data: vec![7; 32], ..right.clone() };
    let pkix = Record { usage: 1, ..right.clone() };
    let none = None;
    for (records, own, state, words) in [
        (Proven::Secure(vec![wrong.clone(), right.clone()]), &own, State::Green, "fits"),
        (Proven::Secure(vec![wrong]), &own, State::Red, "none of them fits"),
        (Proven::Secure(vec![right.clone()]), &none, State::Red, "another one at each start"),
        (Proven::Secure(vec![pkix]), &own, State::Yellow, "usage 2 or 3"),
        (Proven::Secure(Vec::new()), &own, State::Yellow, "the zone is signed"),
        (Proven::Insecure(Vec::new()), &own, State::Yellow, "the zone is not signed"),
        (Proven::Insecure(vec![right]), &own, State::Yellow, "count for nothing"),
        (Proven::Bogus("MX".to_string()), &own, State::Red, "do not fit"),
        (Proven::Unknown("silence".to_string()), &own, State::Unknown, "silence"),
    ] {
        let shown = |records| {
            own.as_ref().map(|own: &OwnCertificate| own.shown(&onlooker, records, &names, now).1)
        };
        is(&tlsa(&host, &records, shown, &names), state, words);
    }
    // What is said of the certificate itself.
    let states = |config: &Config, own| -> Vec<State> {
        certificate(config, &own, &onlooker, now).iter().map(|one| one.state).collect()
    };
    assert_eq!(states(&config, Ok(own.clone()))[..2], [State::Green, State::Green]);
    let other = Config { hostname: domain("other.example"), ..config.clone() };
    assert_eq!(states(&other, Ok(own.clone()))[1], State::Yellow, "another name");
    assert_eq!(states(&config, Ok(None)), [State::Yellow]);
    assert_eq!(states(&config, Err("gone".to_string())), [State::Red]);
    let mut enforcing = config.clone();
    enforcing.own_sts.mode = OwnStsMode::Enforce;
    assert_eq!(states(&enforcing, Ok(None)), [State::Red]);
    let late = UnixMs(u64::MAX / 2);
    let old = certificate(&config, &Ok(own), &onlooker, late);
    is(&old[0], State::Red, "has expired");
}

#[test]
fn records_that_speak_for_mail_are_read() {
    let ours = domain("ours.example");
    for (found, state) in [
        (texts(&["v=spf1 -all", "other"]), State::Green),
        (texts(&["v=spf10"]), State::Yellow),
        (texts(&["v=spf1", "v=spf1 -all"]), State::Red),
        (Err("silence".to_string()), State::Unknown),
    ] {
        is(&spf(&ours, &found), state, "");
    }
    for (found, state) in [
        (texts(&["v=DMARC1; p=reject"]), State::Green),
        (texts(&["v=DMARC1;p = quarantine;"]), State::Green),
        (texts(&["v=DMARC1; p=none; sp=reject"]), State::Yellow),
        (texts(&["v=DMARC1; rua=mailto:a@ours.example"]), State::Red),
        (texts(&[]), State::Yellow),
        (Err("silence".to_string()), State::Unknown),
    ] {
        is(&dmarc(&ours, &found), state, "");
    }
    for (found, state) in [
        (texts(&["v=TLSRPTv1; rua=mailto:a@ours.example"]), State::Green),
        (texts(&[]), State::Yellow),
        (texts(&["v=TLSRPTv1; rua=ftp:x"]), State::Red),
        (
            texts(&["v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:a@b.example"]),
            State::Red,
        ),
        (Err("silence".to_string()), State::Unknown),
    ] {
        is(&tls_rpt(&ours, &found), state, "");
    }
    is(&no_dkim_record("a", dkim::State::Signing, "r"), State::Red, "the mail fails");
    is(&no_dkim_record("a", dkim::State::Waiting, "r"), State::Yellow, "waits");
    is(&no_dkim_record("a", dkim::State::Resting, "r"), State::Green, "rests");
    for (answer, dane, state) in [
        (Some(true), true, State::Green),
        (Some(false), true, State::Red),
        (Some(false), false, State::Yellow),
        (None, true, State::Unknown),
    ] {
        is(&dnssec(answer, dane), state, "");
    }
}
