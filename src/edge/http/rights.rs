//! Who may do what on the admin door: one table.

use crate::store::accounts::{Account, Role};

/// What somebody may be allowed to do. A route names the one that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// To see what is known of mails: who wrote to whom, when, and what was decided.
    Look,
    /// To let held mail go, to delete it, to block and allow senders, to teach the classifier.
    Decide,
    /// To open what a mail contains: with its recipient's consent, or with a reason that is written down.
    Open,
    /// To read how everything is set, and by whom: never a secret.
    Settings,
    /// To change domains, policies and lists.
    Policy,
    /// To read the audit log.
    Audit,
    /// To see how the whole site is doing, of all organisations.
    Site,
    /// To change what is the whole site's: the queue, limits, bans, keys.
    Operate,
    /// To make, change and remove accounts.
    Accounts,
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 9] = [
        Right::Look,
        Right::Decide,
        Right::Open,
        Right::Settings,
        Right::Policy,
        Right::Audit,
        Right::Site,
        Right::Operate,
        Right::Accounts,
    ];

    /// The word in tokens and in the document of the API.
    pub fn word(self) -> &'static str {
        match self {
            Right::Look => "look",
            Right::Decide => "decide",
            Right::Open => "open",
            Right::Settings => "settings",
            Right::Policy => "policy",
            Right::Audit => "audit",
            Right::Site => "site",
            Right::Operate => "operate",
            Right::Accounts => "accounts",
        }
    }

    /// Does whoever has this one have the other too? Nobody can change well what they cannot read.
    pub fn includes(self, other: Right) -> bool {
        self == other || (self == Right::Policy && other == Right::Settings)
    }

    /// What a token that has it can do, for whoever chooses; of its account's organisations alone, where it is not sitewide.
    pub fn about(self) -> &'static str {
        match self {
            Right::Look => {
                "reads what is known of mails: held, tracked, queued, statistics; never what stands in them"
            }
            Right::Decide => {
                "lets held mail go, deletes it, blocks and allows senders, teaches the filter"
            }
            Right::Open => {
                "reads what stands in held mails, each opening with a reason in the audit log"
            }
            Right::Settings => {
                "reads how everything is set: policies, lists, stored values; changes nothing"
            }
            Right::Policy => "changes domains, policies and lists, and reads how everything is set",
            Right::Audit => "reads and exports the audit log",
            Right::Site => "reads how the whole gateway is doing, its figures and limits",
            Right::Operate => "changes the queue, limits, bans, keys and the stored configuration",
            Right::Accounts => {
                "makes, changes and removes accounts, and gives them passwords: as strong as an owner"
            }
        }
    }

    /// Is it about all organisations at once? Whoever has only one never has it.
    fn is_sitewide(self) -> bool {
        match self {
            Right::Site | Right::Operate | Right::Accounts => true,
            Right::Look
            | Right::Decide
            | Right::Open
            | Right::Settings
            | Right::Policy
            | Right::Audit => false,
        }
    }
}

/// May this account do this?
pub fn may(account: &Account, right: Right) -> bool {
    let Some(web) = &account.web else { return false };
    allowed(web.role).contains(&right) && (web.everywhere || !right.is_sitewide())
}

fn allowed(role: Role) -> &'static [Right] {
    use Right::{Accounts, Audit, Decide, Look, Open, Operate, Policy, Settings, Site};
    match role {
        Role::Owner => &[Look, Decide, Open, Settings, Policy, Audit, Site, Operate, Accounts],
        Role::Admin => &[Look, Decide, Open, Settings, Policy, Audit, Site, Operate],
        Role::Reviewer => &[Look, Decide, Open],
        Role::Helpdesk => &[Look],
        Role::Auditor => &[Look, Settings, Audit, Site],
        Role::DomainAdmin => &[Look, Decide, Open, Settings, Policy, Audit],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::UnixMs,
        mail::Organisation,
        store::accounts::{Purpose, WebAccess},
    };

    #[test]
    fn each_role_has_its_rights_and_no_more() {
        // Look Decide Open Settings Policy Audit Site Operate Accounts, of one who is everywhere and of one who is not.
        for (role, here, there) in [
            (Role::Owner, "111111111", "111111000"),
            (Role::Admin, "111111110", "111111000"),
            (Role::Reviewer, "111000000", "111000000"),
            (Role::Helpdesk, "100000000", "100000000"),
            (Role::Auditor, "100101100", "100101000"),
            (Role::DomainAdmin, "111111000", "111111000"),
        ] {
            for (everywhere, want) in [(true, here), (false, there)] {
                let web = WebAccess { role, everywhere, domains: Vec::new(), second_factor: false };
                let account = Account {
                    name: "eva".to_string(),
                    purpose: Purpose::Web,
                    organisation: Organisation::named("acme"),
                    enabled: true,
                    created: UnixMs(0),
                    password_set: UnixMs(0),
                    last_used: UnixMs(0),
                    web: Some(web),
                };
                let has = |right| if may(&account, right) { '1' } else { '0' };
                let has: String = Right::ALL.into_iter().map(has).collect();
                assert_eq!(has, want, "{role:?} everywhere: {everywhere}");
                assert!(!may(&Account { web: None, ..account }, Right::Look));
            }
        }
    }
}
