//! What the desk writes into the audit log: before it does what a command asks, and once more when it could not be done.
//!
//! A record that cannot be made durable stops the act. Looking at lists is not recorded; opening a mail is.

use crate::{
    base::ids::Id,
    edge::{
        caller::Asking,
        control::{Chosen, Desk, Request, Response},
        digest_desk, dkim_desk, lesson_desk,
    },
    learn::classifier::Label,
    mail::{Address, Organisation},
    personal::{self, Date, Scope},
    store::{
        audit::{Actor, Details, Entry, Reason, What},
        lessons::Forget,
    },
};

impl Desk {
    /// Does what somebody asks. What changes something or opens a mail is in the audit log before it is done.
    pub async fn answer(&self, request: Request, asking: Asking) -> Response {
        let who = asking.by.unwrap_or(Actor::System);
        let reason = asking.reason.and_then(|written| self.reason(&written));
        let entries = self.entries(&request, &who).await;
        let entries = entries.into_iter().map(|entry| match &entry.reason {
            Some(_) => entry,
            None => entry.because(reason.clone()),
        });
        let numbers = match self.gateway.stores.audit.append_all(entries.collect()).await {
            Ok(numbers) => numbers,
            Err(error) => {
                return Response::Error(format!(
                    "it was not done, for the audit log takes no record of it: {error}"
                ));
            }
        };
        let response = self.act(request, &who).await;
        if let (Response::Error(why), Some(first), Some(last)) =
            (&response, numbers.first(), numbers.last())
        {
            self.note_not_done(who, *first, *last, why).await;
        }
        response
    }

    /// What somebody wrote, masked with the words in force.
    pub fn reason(&self, written: &str) -> Option<Reason> {
        let settings = self.gateway.settings.load();
        let today = Date::of(self.gateway.clock.now());
        Reason::of(written, &Scope::new(&settings.words, today))
    }

    /// Writes down that what these records say was not done.
    pub(in crate::edge) async fn note_not_done(
        &self,
        who: Actor,
        first: u64,
        last: u64,
        why: &str,
    ) {
        let details = Details::default()
            .number("from", first)
            .number("to", last)
            .word("why", &self.mask(why));
        let entry = Entry::new(who, What::NotDone).with(details);
        if let Err(error) = self.gateway.stores.audit.append(entry).await {
            tracing::error!(%error, "the audit log says that something was done which failed");
        }
    }

    /// A text without what identifies persons.
    pub(in crate::edge) fn mask(&self, text: &str) -> String {
        let settings = self.gateway.settings.load();
        personal::mask_all(text, &Scope::new(&settings.words, Date::of(self.gateway.clock.now())))
    }

    /// What is to be recorded of a request.
    pub(in crate::edge) async fn entries(&self, request: &Request, who: &Actor) -> Vec<Entry> {
        let entry = |what| Entry::new(who.clone(), what);
        let act = |word: &str| Details::default().word("act", word);
        let named = |text: &str| self.mask(text);
        let one = match request {
            Request::BansList
            | Request::GreylistShow
            | Request::Events { .. }
            | Request::QueueList { .. }
            | Request::QueueDestinations
            | Request::QueueShow { .. }
            | Request::QuarantineList { .. }
            | Request::QuarantineShow { content: false, .. }
            | Request::QuarantineAlike { .. }
            | Request::QuarantineByCode { .. }
            | Request::KeysList
            | Request::AccountsList { .. }
            | Request::Trace { .. }
            | Request::Proof { .. }
            | Request::LimitsShow
            | Request::Campaigns { .. }
            | Request::CampaignsShow { .. }
            | Request::CorrespondentsShow { .. }
            | Request::TraceList { person: None, .. }
            | Request::Statistics { .. }
            | Request::Trial { .. }
            | Request::Status
            // Recorded where it is known what it changes.
            | Request::Reload
            | Request::TlsRenew { .. } => return Vec::new(),
            Request::QueueRetry { chosen } => return self.of_queue(who, "retry", chosen),
            Request::QueueHold { chosen } => return self.of_queue(who, "hold", chosen),
            Request::QueueDrop { chosen } => return self.of_queue(who, "drop", chosen),
            Request::QuarantineShow { id, content: true } | Request::QuarantineView { id, .. } => {
                return self.of_held(who, What::ContentOpened, &[*id]).await;
            }
            Request::QuarantineRelease { ids, .. } => {
                return self.of_held(who, What::Released, ids).await;
            }
            Request::QuarantineDelete { ids } => {
                return self.of_held(who, What::Deleted, ids).await;
            }
            Request::BansAdd { what, seconds, why } => {
                let details = match seconds {
                    Some(seconds) => act("add").number("seconds", *seconds),
                    None => act("add"),
                };
                entry(What::BanChanged).about(named(what)).because(self.reason(why)).with(details)
            }
            Request::BansLift { what } => {
                entry(What::BanChanged).about(named(what)).with(act("lift"))
            }
            Request::GreylistSkip { what } => {
                entry(What::GreylistChanged).about(named(what)).with(act("skip"))
            }
            Request::GreylistClear { what } => entry(What::GreylistChanged)
                .about(named(what.as_deref().unwrap_or("all")))
                .with(act("clear")),
            Request::KeysRotate { to } => {
                let to = to.as_ref().map(|file| file.display().to_string());
                entry(What::KeyRotated)
                    .about("master key")
                    .with(Details::default().word_if("to", to.as_deref()))
            }
            Request::KeysRenewSigning => entry(What::KeyRenewed).about("signing key"),
            Request::KeysRenew { organisation } => {
                entry(What::KeyRenewed).about(organisation).of(known(Some(organisation)))
            }
            // Not whom.
            Request::TraceList { person: Some(_), filter } => {
                entry(What::PersonSearched).of(known(filter.organisation.as_deref()))
            }
            Request::Dkim { ask } => return of_dkim(who, ask),
            Request::Lessons { ask } => match &**ask {
                lesson_desk::Ask::Show => return Vec::new(),
                lesson_desk::Ask::Teach { label, by, organisation, examples } => {
                    let count = u64::try_from(examples.len()).unwrap_or(u64::MAX);
                    let label = if *label == Label::Spam { "spam" } else { "wanted" };
                    entry(What::Learned)
                        .about(named(by.as_deref().unwrap_or("by command")))
                        .of(known(organisation.as_deref()))
                        .with(act(label).number("mails", count))
                }
                lesson_desk::Ask::Label { label, by, mail } => {
                    let label = if *label == Label::Spam { "spam" } else { "wanted" };
                    let details = act(label).word("mail", &named(mail));
                    entry(What::Learned).about(named(by)).with(details)
                }
                lesson_desk::Ask::Forget { what, organisation } => {
                    let what = match what {
                        // Not whom: it was to be forgotten.
                        Forget::Person(_) => "a person".to_string(),
                        Forget::Before(_) => "what is old".to_string(),
                        Forget::Mail(id) => id.to_string(),
                        Forget::All => "all".to_string(),
                    };
                    entry(What::MemoryChanged)
                        .about(what)
                        .of(known(organisation.as_deref()))
                        .with(act("forget lessons"))
                }
            },
            Request::AccountsForget { organisation, correspondent } => entry(What::MemoryChanged)
                .about(named(correspondent))
                .of(known(organisation.as_deref()))
                .with(act("forget bank accounts")),
            Request::AccountsApprove { organisation, correspondent, .. } => {
                entry(What::MemoryChanged)
                    .about(named(correspondent))
                    .of(known(organisation.as_deref()))
                    .with(act("approve bank accounts"))
            }
            Request::LimitsRelease { what } => {
                entry(What::LimitChanged).about(named(what)).with(act("release"))
            }
            Request::Digest { ask } => return of_digest(who, ask),
            // Not whom: it was to be forgotten.
            Request::CorrespondentsForget { organisation, .. } => entry(What::MemoryChanged)
                .of(known(organisation.as_deref()))
                .with(act("forget a correspondent")),
        };
        vec![one]
    }

    fn of_queue(&self, who: &Actor, act: &str, chosen: &Chosen) -> Vec<Entry> {
        let details = Details::default().word("act", act);
        let entry = |details| Entry::new(who.clone(), What::QueueChanged).with(details);
        match chosen {
            Chosen::Ids(ids) if ids.is_empty() => {
                vec![entry(details.word("which", "all"))]
            }
            Chosen::Ids(ids) => ids.iter().map(|id| entry(details.clone()).about(id)).collect(),
            Chosen::Like(like) => {
                let said = |text: &Option<String>| text.as_deref().map(|text| self.mask(text));
                let details = details
                    .word("which", "all that are like this")
                    .word_if("recipient", said(&like.recipient).as_deref())
                    .word_if("sender", said(&like.sender).as_deref())
                    .word_if("next_hop", said(&like.next_hop).as_deref());
                vec![entry(details).of(known(like.organisation.as_deref()))]
            }
        }
    }

    /// One record for each held mail that is there; what is not there cannot be touched.
    async fn of_held(&self, who: &Actor, what: What, ids: &[Id]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for id in ids {
            match self.gateway.stores.quarantine.get(*id).await {
                Ok(None) => (),
                Ok(Some(held)) => {
                    // Its owner reads who opened it, also when the mail is gone.
                    let owner = held.owner().filter(|_| what == What::ContentOpened);
                    let owner = owner.map(Address::key);
                    let details = Details::default().word_if("mailbox", owner.as_deref());
                    let entry = Entry::new(who.clone(), what).about(id).with(details);
                    entries.push(entry.of(Some(held.organisation)));
                }
                // Whose it is cannot be read just now; that somebody reached for it is recorded all the same.
                Err(_) => entries.push(Entry::new(who.clone(), what).about(id)),
            }
        }
        entries
    }
}

fn of_digest(who: &Actor, ask: &digest_desk::Ask) -> Vec<Entry> {
    let entry = |act: &str| {
        let details = Details::default().word("act", act);
        Entry::new(who.clone(), What::MemoryChanged).with(details)
    };
    match ask {
        digest_desk::Ask::Preview { .. }
        | digest_desk::Ask::Send { .. }
        | digest_desk::Ask::List { .. }
        | digest_desk::Ask::Show { .. } => Vec::new(),
        digest_desk::Ask::Set { mailbox, .. } => vec![entry("set a mailbox").about(mailbox)],
        // Not which: it was to be forgotten.
        digest_desk::Ask::Erase { .. } => vec![entry("erase a mailbox")],
    }
}

fn of_dkim(who: &Actor, ask: &dkim_desk::Ask) -> Vec<Entry> {
    let entry = |what| Entry::new(who.clone(), what);
    match ask {
        dkim_desk::Ask::List { .. } => Vec::new(),
        dkim_desk::Ask::Add { domain, selector, algorithms, pem, .. } => {
            let origin = if pem.is_some() { "brought along" } else { "made here" };
            let details = Details::default()
                .word("kind", "dkim")
                .word_if("selector", selector.as_deref())
                .word("algorithms", &algorithms.join(", "))
                .word("origin", origin);
            vec![entry(What::KeyAdded).about(domain).with(details)]
        }
        dkim_desk::Ask::Check => {
            vec![entry(What::KeysChecked).with(Details::default().word("kind", "dkim"))]
        }
        dkim_desk::Ask::Remove { domain, selector } => {
            let details = Details::default().word("kind", "dkim").word("selector", selector);
            vec![entry(What::KeyRemoved).about(domain).with(details)]
        }
    }
}

/// An organisation as a command named it, if it can be one.
fn known(name: Option<&str>) -> Option<Organisation> {
    Organisation::parse(name?).ok()
}
