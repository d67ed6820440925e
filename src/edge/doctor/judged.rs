//! What is made of what was found: one finding for each thing, and its mend. Pure.

use super::{Finding, State};
use crate::{
    base::clock::UnixMs,
    config::{Config, own_sts::OwnStsMode},
    edge::{own_tls::OwnCertificate, showing::Onlooker},
    facts::{dns::MailHosts, dnssec::Proven},
    mail::{CertificateState, Domain},
    store::dkim,
    wire::tls::{
        dane::{self, Fit, Record, Tlsa},
        judge::{Names, Showing},
        mta_sts::{Mode, StsPolicy, policy_id, record_id},
        rpt::{NotRpt, read_record},
    },
};

/// What the DNS says at a name: the texts there, or why nobody knows.
pub(super) type Texts = Result<Vec<String>, String>;

/// Days before its end at which a certificate should have been changed.
const DAYS_LEFT_MIN: u64 = 14;
const DAY_MS: u64 = 86_400_000;

/// Our certificate: is it there, whom does it name, how long is it good, and who vouches for it?
pub(super) fn certificate(
    config: &Config,
    own: &Result<Option<OwnCertificate>, String>,
    onlooker: &Onlooker,
    now: UnixMs,
) -> Vec<Finding> {
    let about = &config.hostname;
    let enforced = config.own_sts.mode == OwnStsMode::Enforce;
    // Under an enforced policy of ours others keep their mail; else only what nobody checks suffers.
    let grave = if enforced { State::Red } else { State::Yellow };
    let own = match own {
        Ok(Some(own)) => own,
        Ok(None) => {
            let (says, mend) = match config.tls.acme {
                None => (
                    "there is none in a file: one is made at each start, for which nobody vouches",
                    "name files in [tls] certificate and key, or write [tls.acme]",
                ),
                Some(_) => (
                    "there is none by ACME yet: until then one is made at each start, for which nobody vouches",
                    "start the gateway, which asks for one; sluss tls renew tells why there is none",
                ),
            };
            return vec![Finding::new("certificate", about, grave, says, mend)];
        }
        Err(why) => {
            let mend = "correct [tls] certificate, or let this user read the file";
            return vec![Finding::new("certificate", about, State::Red, why, mend)];
        }
    };
    let names = Names { host: Some(about.clone()), also: Vec::new() };
    let (session, showing) = own.shown(onlooker, Vec::new(), &names, now);
    let mut found = vec![ends(about, own, config.tls.acme.is_some(), now)];
    found.push(match showing.bears_any(&names) {
        true => Finding::good("certificate", about, "it bears the hostname"),
        false => {
            let says = format!("it does not bear the hostname {about}");
            Finding::new("certificate", about, grave, says, format!("get one for {about}"))
        }
    });
    found.push(match session.certificate {
        CertificateState::Good => {
            Finding::good("certificate", about, "authorities that are known vouch for it")
        }
        CertificateState::NotLooked => Finding::new(
            "certificate",
            about,
            State::Unknown,
            "this system has no list of authorities to hold it against",
            "install the list of certificate authorities (ca-certificates)",
        ),
        state @ (CertificateState::Expired
        | CertificateState::NotYetValid
        | CertificateState::UnknownAuthority
        | CertificateState::SelfMade
        | CertificateState::Unusable) => Finding::new(
            "certificate",
            about,
            grave,
            format!("the certificate {}", state.words()),
            "put the whole chain into the file, the server's own certificate first, from an authority that others know",
        ),
    });
    found
}

fn ends(about: &Domain, own: &OwnCertificate, by_acme: bool, now: UnixMs) -> Finding {
    let mend = match by_acme {
        true => "sluss tls renew gets a new one, or tells why not",
        false => "get a new one, put it into its file, and sluss reload",
    };
    match own.ends() {
        None => Finding::new("certificate", about, State::Red, "nobody can say when it ends", mend),
        Some(ends) if ends <= now => {
            Finding::new("certificate", about, State::Red, "it has expired", mend)
        }
        Some(ends) => {
            let days = ends.since(now).as_secs() * 1_000 / DAY_MS;
            let says = format!("it is good for {days} days more");
            match days < DAYS_LEFT_MIN {
                true => Finding::new("certificate", about, State::Yellow, says, mend),
                false => Finding::good("certificate", about, says),
            }
        }
    }
}

/// Can DNSSEC be used by us?
pub(super) fn dnssec(handed_on: Option<bool>, dane: bool) -> Finding {
    let about = "name servers";
    match handed_on {
        Some(true) => Finding::good("dnssec", about, "they hand signatures on"),
        Some(false) if dane => Finding::new(
            "dnssec",
            about,
            State::Red,
            "they hand no signatures on, so that DANE protects no mail that leaves",
            "name others in [dns] servers, or write dane = \"off\" in [outbound]",
        ),
        Some(false) => Finding::new(
            "dnssec",
            about,
            State::Yellow,
            "they hand no signatures on, and DANE is off",
            "name others in [dns] servers, and write dane = \"on\" in [outbound]",
        ),
        None => Finding::unknown("dnssec", about, "they did not answer"),
    }
}

/// Do the TLSA records of our name fit what we show? Senders with DANE keep their mail where none does.
pub(super) fn tlsa(
    hostname: &Domain,
    records: &Proven<Record>,
    shown: impl FnOnce(Vec<Tlsa>) -> Option<Showing>,
    names: &Names,
) -> Finding {
    let about = format!("_25._tcp.{hostname}");
    let mend =
        "put in the one that sluss tls show prints, and take away those of keys that are gone";
    let records = match records {
        Proven::Secure(records) => records,
        Proven::Insecure(records) if records.is_empty() => {
            return Finding::new(
                "tlsa",
                about,
                State::Yellow,
                "there is none, and the zone is not signed: nobody can hold our server to its key",
                "sign the zone (DNSSEC), then put in the record that sluss tls show prints",
            );
        }
        Proven::Insecure(_) => {
            let says = "there are some, and the zone is not signed: they count for nothing";
            return Finding::new("tlsa", about, State::Yellow, says, "sign the zone (DNSSEC)");
        }
        Proven::Bogus(why) => {
            let says =
                format!("the signatures do not fit, and senders with DANE keep their mail: {why}");
            return Finding::new("tlsa", about, State::Red, says, "mend the zone's signatures");
        }
        Proven::Unknown(why) => return Finding::unknown("tlsa", about, why),
    };
    if records.is_empty() {
        let says =
            "there is none, and the zone is signed: senders with DANE could hold us to our key";
        return Finding::new(
            "tlsa",
            about,
            State::Yellow,
            says,
            "put in the record that sluss tls show prints",
        );
    }
    let usable = dane::usable(records);
    if usable.is_empty() {
        let says = "none of them can be used by mail: usage 2 or 3 is wanted";
        return Finding::new("tlsa", about, State::Yellow, says, mend);
    }
    let Some(showing) = shown(usable.clone()) else {
        let says = "there are some, and our certificate is another one at each start: senders with DANE keep their mail";
        return Finding::new(
            "tlsa",
            about,
            State::Red,
            says,
            "name files in [tls] certificate and key, write [tls.acme], or take the records away",
        );
    };
    match dane::fit(&usable, &showing, names) {
        Fit::Yes => Finding::good("tlsa", about, "one of them fits our certificate"),
        Fit::OtherName | Fit::NotUnder | Fit::No => {
            let says = "none of them fits our certificate: senders with DANE keep their mail";
            Finding::new("tlsa", about, State::Red, says, mend)
        }
    }
}

/// Does a domain's mail come here?
pub(super) fn mx(domain: &Domain, hosts: &MailHosts, hostname: &Domain) -> Finding {
    let mend = format!("put an MX record at {domain} that leads to {hostname}");
    let fault = |state, says: String| Finding::new("mx", domain, state, says, mend.clone());
    match hosts {
        MailHosts::Hosts(hosts) if hosts.iter().any(|(_, host)| host == hostname) => {
            let other = hosts.iter().filter(|(_, host)| host != hostname).count();
            match other {
                0 => Finding::good("mx", domain, format!("its mail comes to {hostname}")),
                _ => {
                    let says = format!("its mail comes to {hostname}, or to one of {other} others");
                    Finding::good("mx", domain, says)
                }
            }
        }
        MailHosts::Hosts(hosts) => {
            let named: Vec<&str> = hosts.iter().map(|(_, host)| host.as_str()).take(3).collect();
            fault(
                State::Yellow,
                format!("its mail goes to {}, and not to {hostname}", named.join(", ")),
            )
        }
        MailHosts::TakesNone => {
            fault(State::Red, "it says that it takes no mail (null MX)".to_string())
        }
        MailHosts::Unusable(why) => fault(State::Red, why.clone()),
        MailHosts::NoSuchDomain => fault(State::Red, "there is no such domain".to_string()),
        MailHosts::Unknown(why) => Finding::unknown("mx", domain, why),
    }
}

/// What is known of a domain's MTA-STS policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct StsSight<'a> {
    /// The one in `[mta-sts]`.
    pub(super) own: Option<&'a StsPolicy>,
    /// The texts at `_mta-sts`.
    pub(super) record: &'a Texts,
    /// What is served to others; none where nobody asked.
    pub(super) served: Option<&'a Result<StsPolicy, String>>,
}

/// Do record, served policy, configuration and mail hosts say the same?
pub(super) fn mta_sts(domain: &Domain, sight: StsSight<'_>, hosts: &MailHosts) -> Finding {
    let StsSight { own, record, served } = sight;
    let texts = match record {
        Ok(texts) => texts,
        Err(why) => return Finding::unknown("mta-sts", domain, why),
    };
    let fault =
        |state, says: String, mend: &str| Finding::new("mta-sts", domain, state, says, mend);
    let put_in = "put in the _mta-sts record that sluss tls show prints";
    let id = match (record_id(texts), own) {
        (Ok(id), _) => id,
        (Err(_), Some(_)) if texts.is_empty() => {
            let says = "a policy is served, and no record tells of it: nobody asks for it";
            return fault(State::Yellow, says.to_string(), put_in);
        }
        (Err(_), None) if texts.is_empty() => {
            let says = "there is no policy: senders without DANE cannot be sure of our server";
            let mend = "set [mta-sts] mode = \"testing\", later \"enforce\", and put in the records that sluss tls show prints";
            return fault(State::Yellow, says.to_string(), mend);
        }
        (Err(why), _) => return fault(State::Red, why.to_string(), put_in),
    };
    let policy = match served {
        Some(Ok(policy)) => policy,
        Some(Err(why)) => {
            let says = format!("the policy cannot be had: {why}");
            let mend = format!(
                "mta-sts.{domain} has to lead to the public web at port 443, with a certificate for that name"
            );
            return fault(State::Red, says, &mend);
        }
        None => return Finding::unknown("mta-sts", domain, "the policy was not asked for"),
    };
    if let MailHosts::Hosts(hosts) = hosts
        && policy.mode != Mode::None
        && let Some((_, left_out)) = hosts.iter().find(|(_, host)| !policy.names(host))
    {
        let state = if policy.mode == Mode::Enforce { State::Red } else { State::Yellow };
        let says = format!("the policy does not name the mail host {left_out}");
        return fault(state, says, "name all mail hosts in mx of [mta-sts]");
    }
    match own {
        Some(own) if own != policy => {
            let says = "what is served is not what [mta-sts] says".to_string();
            fault(
                State::Red,
                says,
                "sluss reload, and see that no other server answers at that name",
            )
        }
        Some(own) if policy_id(own) != id => {
            let says =
                "the record has the id of another policy: senders keep the old one".to_string();
            fault(State::Yellow, says, put_in)
        }
        Some(_) | None => {
            let says = match policy.mode {
                Mode::Enforce => "policy and record agree: enforced",
                Mode::Testing => "policy and record agree: tested",
                Mode::None => "policy and record agree: it holds no more",
            };
            Finding::good("mta-sts", domain, says)
        }
    }
}

/// Does a domain hear how TLS went?
pub(super) fn tls_rpt(domain: &Domain, texts: &Texts) -> Finding {
    let mend = "put in the _smtp._tls record that sluss tls show prints";
    let fault = |state, says: &str| Finding::new("tls-rpt", domain, state, says, mend);
    match texts.as_ref().map(|texts| (read_record(texts), texts.is_empty())) {
        Err(why) => Finding::unknown("tls-rpt", domain, why),
        Ok((Ok(_), _)) => Finding::good("tls-rpt", domain, "senders know where to report"),
        Ok((Err(_), true)) => {
            fault(State::Yellow, "there is no record: nobody tells how TLS with our server went")
        }
        Ok((Err(NotRpt::NotOneRecord), false)) => {
            fault(State::Red, "there is not exactly one record with v=TLSRPTv1")
        }
        Ok((Err(NotRpt::NoWhere), false)) => {
            fault(State::Red, "the record names no mailto: or https: that can be used")
        }
    }
}

/// Does a domain say who sends its mail?
pub(super) fn spf(domain: &Domain, texts: &Texts) -> Finding {
    let texts = match texts {
        Ok(texts) => texts,
        Err(why) => return Finding::unknown("spf", domain, why),
    };
    let is_spf = |text: &&String| **text == "v=spf1" || text.starts_with("v=spf1 ");
    let mend = "write one record with v=spf1 and the addresses that send its mail, -all at its end";
    match texts.iter().filter(is_spf).count() {
        1 => Finding::good("spf", domain, "it says who sends its mail"),
        0 => {
            let says = "it does not say who sends its mail";
            Finding::new("spf", domain, State::Yellow, says, mend)
        }
        count => {
            let says = format!("it has {count} records, which count as an error");
            Finding::new("spf", domain, State::Red, says, mend)
        }
    }
}

/// Does a domain say what becomes of forgeries?
pub(super) fn dmarc(domain: &Domain, texts: &Texts) -> Finding {
    let texts = match texts {
        Ok(texts) => texts,
        Err(why) => return Finding::unknown("dmarc", domain, why),
    };
    let record = texts.iter().find(|text| text.starts_with("v=DMARC1"));
    let wanted = record.and_then(|record| {
        let mut fields = record.split(';').filter_map(|field| field.split_once('='));
        fields.find(|(key, _)| key.trim() == "p").map(|(_, value)| value.trim().to_string())
    });
    let mend = "write v=DMARC1; p=quarantine with rua to an address in [reports], once its own mail passes";
    let fault = |state, says: &str| Finding::new("dmarc", domain, state, says, mend);
    match (record, wanted.as_deref()) {
        (None, _) => fault(State::Yellow, "it says nothing of forgeries"),
        (Some(_), Some("reject" | "quarantine")) => {
            Finding::good("dmarc", domain, "forgeries are to be refused or held")
        }
        (Some(_), Some("none")) => fault(State::Yellow, "p=none: forgeries are delivered"),
        (Some(_), _) => fault(State::Red, "its record has no p= that can be read"),
    }
}

/// A key whose record is not there.
pub(super) fn no_dkim_record(name: &str, state: dkim::State, record: &str) -> Finding {
    let mend = format!("put in the TXT record: {record}");
    match state {
        dkim::State::Signing => {
            let says = "it signs, and its record is not in the DNS: the mail fails";
            Finding::new("dkim", name, State::Red, says, mend)
        }
        dkim::State::Waiting => {
            let says = "it waits for its record";
            Finding::new("dkim", name, State::Yellow, says, mend)
        }
        dkim::State::Resting => {
            Finding::good("dkim", name, "it rests, and its record is gone already")
        }
    }
}

#[cfg(test)]
mod tests;
