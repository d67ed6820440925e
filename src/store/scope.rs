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
}
