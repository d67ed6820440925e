//! What somebody may see: everything, one organisation, some of its domains, one mailbox. Stores put it into their queries, so that no
//! page can forget it.

use crate::mail::{Address, Domain, Organisation};

/// Whose mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Everything,
    /// What belongs to one organisation.
    Organisation(Organisation),
    /// What of it is for or from some of its domains.
    Domains(Organisation, Vec<Domain>),
    /// What is for one mailbox.
    Mailbox(Organisation, Address),
}

impl Scope {
    /// Is a mail of this organisation for, or from, this address of ours in it?
    pub fn covers(&self, organisation: &Organisation, recipient: &Address) -> bool {
        match self {
            Scope::Everything => true,
            Scope::Organisation(own) => own == organisation,
            Scope::Domains(own, domains) => {
                own == organisation
                    && recipient.domain().is_some_and(|domain| domains.contains(domain))
            }
            Scope::Mailbox(own, address) => own == organisation && address.key() == recipient.key(),
        }
    }
}

impl Scope {
    /// Is a mail of this organisation in it that went out from this address of ours? Whoever asks says that it went out: a sender of what
    /// came in may be anybody's invention.
    ///
    /// An owner of a mailbox sees what is for it; what it sent is for whoever looks after its domain.
    pub fn covers_sent(&self, organisation: &Organisation, sender: &Address) -> bool {
        match self {
            Scope::Everything | Scope::Organisation(_) | Scope::Domains(..) => {
                self.covers(organisation, sender)
            }
            Scope::Mailbox(..) => false,
        }
    }

    /// Is everything that the other sees in it?
    pub fn contains(&self, other: &Scope) -> bool {
        match (self, other) {
            (Scope::Everything, _) => true,
            (Scope::Organisation(own), Scope::Organisation(its))
            | (Scope::Organisation(own), Scope::Domains(its, _))
            | (Scope::Organisation(own), Scope::Mailbox(its, _)) => own == its,
            (Scope::Domains(own, domains), Scope::Domains(its, some)) => {
                own == its && some.iter().all(|domain| domains.contains(domain))
            }
            (Scope::Domains(..), Scope::Mailbox(its, address))
            | (Scope::Mailbox(..), Scope::Mailbox(its, address)) => self.covers(its, address),
            (Scope::Organisation(_) | Scope::Domains(..), Scope::Everything)
            | (Scope::Domains(..), Scope::Organisation(_))
            | (
                Scope::Mailbox(..),
                Scope::Everything | Scope::Organisation(_) | Scope::Domains(..),
            ) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_covers_its_own() {
        let (acme, berg) = (Organisation::named("acme"), Organisation::named("berg"));
        let address = |text: &str| Address::parse(text).unwrap();
        let domain = |text: &str| Domain::parse(text).unwrap();
        let anna = address("anna@acme.example");
        let domains = Scope::Domains(acme.clone(), vec![domain("acme.example")]);
        let mailbox = Scope::Mailbox(acme.clone(), anna.clone());
        for (scope, organisation, recipient, want) in [
            (&Scope::Everything, &berg, "x@berg.example", true),
            (&Scope::Organisation(acme.clone()), &acme, "x@other.example", true),
            (&Scope::Organisation(acme.clone()), &berg, "anna@acme.example", false),
            (&domains, &acme, "bo@acme.example", true),
            (&domains, &acme, "bo@sub.acme.example", false),
            (&domains, &acme, "postmaster", false),
            (&domains, &berg, "bo@acme.example", false),
            (&mailbox, &acme, "Anna@acme.example", true),
            (&mailbox, &acme, "bo@acme.example", false),
            (&mailbox, &berg, "anna@acme.example", false),
        ] {
            let covered = scope.covers(organisation, &address(recipient));
            assert_eq!(covered, want, "{scope:?} {organisation} {recipient}");
        }
    }

    #[test]
    fn wider_scopes_contain_narrower_ones() {
        let acme = Organisation::named("acme");
        let domains = |names: &[&str]| {
            Scope::Domains(
                acme.clone(),
                names.iter().map(|name| Domain::parse(name).unwrap()).collect(),
            )
        };
        let mailbox = |text: &str| Scope::Mailbox(acme.clone(), Address::parse(text).unwrap());
        let chain = [
            Scope::Everything,
            Scope::Organisation(acme.clone()),
            domains(&["a.example", "b.example"]),
            domains(&["a.example"]),
            mailbox("anna@a.example"),
        ];
        for (wide, one) in chain.iter().enumerate() {
            for (narrow, other) in chain.iter().enumerate() {
                assert_eq!(one.contains(other), wide <= narrow, "{one:?} {other:?}");
            }
        }
        let berg = Scope::Organisation(Organisation::named("berg"));
        assert!(!berg.contains(&chain[1]) && !berg.contains(&chain[4]));
        assert!(!domains(&["b.example"]).contains(&chain[4]));
        assert!(!mailbox("bo@a.example").contains(&chain[4]));
    }
}
