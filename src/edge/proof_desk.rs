//! Proofs as people read them: which there are of a mail, and each in words for a page, a terminal or paper.

use crate::{
    base::{clock::UnixMs, ids::Id, units},
    pipeline::{Gateway, proofs},
    store::{
        StoreError,
        proof::{Event, FromHere, Proof, Sheet, Whose},
        scope::Scope,
    },
    wire::{
        date,
        tls::{PersonalData, Secured},
    },
};

/// Every proof of a mail, for a command: what waits for its seal is sealed now, for a sheet without one proves nothing.
pub async fn sealed_of_mail(gateway: &Gateway, mail: Id) -> Result<Vec<Sheet>, StoreError> {
    let store = &gateway.stores.proofs;
    // Another delivery of the mail may end between the seal and the look.
    for _ in 0..SEALS_MAX {
        let found = store.of_mail(mail, Scope::Everything).await?;
        if found.iter().all(|sheet| sheet.seal.is_some()) {
            return Ok(found);
        }
        proofs::seal_all(gateway).await?;
    }
    store.of_mail(mail, Scope::Everything).await
}

/// A mail with many destinations whose deliveries end one by one is shown as far as it is sealed after so many.
const SEALS_MAX: usize = 4;

/// The same for a page, which changes nothing: what is new is sealed within a minute.
pub async fn of_mail(gateway: &Gateway, mail: Id, scope: Scope) -> Result<Vec<Sheet>, StoreError> {
    gateway.stores.proofs.of_mail(mail, scope).await
}

/// How well the way was protected, for a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Nobody could have been in between.
    Proven,
    /// Nobody could listen who did not sit in between.
    Encrypted,
    /// Anybody on the way could read it.
    Clear,
}

impl Grade {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Grade::Proven => "proven",
            Grade::Encrypted => "encrypted, not proven",
            Grade::Clear => "in clear",
        }
    }
}

/// A sheet in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// What happened, in a sentence.
    pub heading: String,
    /// How well it was protected.
    pub grade: Grade,
    /// Names and values, in the order in which they are read.
    pub facts: Vec<(&'static str, String)>,
    /// About the signature.
    pub seal: Vec<(&'static str, String)>,
}

/// In words. None of a form that this version cannot read.
pub fn told(sheet: &Sheet) -> Option<Told> {
    let proof: Proof = serde_json::from_value(sheet.proof.clone()).ok()?;
    let (heading, grade) = verdict(&proof);
    let mut facts = vec![
        ("when", date::write_iso(UnixMs(proof.at_ms))),
        ("gateway", proof.gateway.to_string()),
        ("organisation", proof.organisation.to_string()),
        ("envelope sender", if proof.sender.is_empty() { "<>" } else { &proof.sender }.to_string()),
        ("recipients", proof.recipients.join(", ")),
        ("Message-ID", proof.message_id.clone()),
        ("size", units::roughly_bytes(proof.bytes)),
        ("BLAKE3 of the mail as it came", proof.blake3.clone()),
        (
            "personal data",
            match proof.personal_data {
                PersonalData::Found => "found",
                PersonalData::NotFound => "not found, or encrypted",
                PersonalData::NotKnown => "not known: parts of it could not be looked into",
            }
            .to_string(),
        ),
    ];
    facts.extend(came(&proof));
    facts.extend(went(&proof));
    facts.push(("transaction", proof.mail.to_string()));
    facts.retain(|(_, value)| !value.is_empty());
    let seal = sheet.seal.as_ref().map_or_else(
        || vec![("signed", "not yet; within a minute".to_string())],
        |seal| {
            vec![
                ("signed", date::write_iso(UnixMs(seal.at_ms))),
                ("key", seal.key.clone()),
                (
                    "batch",
                    format!("{}, as number {} of {}", seal.batch, sheet.place + 1, seal.proofs),
                ),
                ("root, as it stands in the audit log", seal.root.clone()),
                ("signature", seal.signature.clone()),
            ]
        },
    );
    Some(Told { id: proof.id.to_string(), heading, grade, facts, seal })
}

fn verdict(proof: &Proof) -> (String, Grade) {
    match (&proof.went, proof.event) {
        (Some(went), _) => {
            let grade = match (&went.channel.secured, went.channel.vouch.is_proven()) {
                (Secured::Tls(_), true) => Grade::Proven,
                (Secured::Tls(_), false) => Grade::Encrypted,
                (Secured::Clear(_), _) => Grade::Clear,
            };
            let heading = match went.to {
                Whose::MailHost => "Delivered to a mail host of the recipients' domain",
                Whose::Smarthost => {
                    "Handed over to our smarthost; the way behind it is not proven by this"
                }
                Whose::OwnServer => "Delivered to a server behind this gateway",
            };
            (heading.to_string(), grade)
        }
        (None, Event::Received | Event::Delivered) => {
            let grade = match proof.came.tls {
                Some(_) => Grade::Encrypted,
                None => Grade::Clear,
            };
            ("Received, and kept here at that moment".to_string(), grade)
        }
    }
}

fn came(proof: &Proof) -> Vec<(&'static str, String)> {
    let came = &proof.came;
    match came.from_here {
        Some(FromHere::Released) => {
            let how = "it was held here and let go; how it came, the proof of its coming says";
            return vec![("came from", how.to_string())];
        }
        Some(FromHere::Written) => {
            return vec![("came from", "this gateway, which wrote it".to_string())];
        }
        None => (),
    }
    let channel = match &came.tls {
        Some(session) => format!("{} {}", session.version, session.cipher),
        None => "in clear".to_string(),
    };
    vec![
        ("came from", format!("{} (called itself {})", came.address, came.helo)),
        ("logged in as", came.user.clone().unwrap_or_default()),
        ("came over", channel),
        ("our reply", came.reply.clone()),
    ]
}

fn went(proof: &Proof) -> Vec<(&'static str, String)> {
    let Some(went) = &proof.went else { return Vec::new() };
    let server = match (went.server.as_str(), went.address.as_str()) {
        (server, "") => server.to_string(),
        ("", address) => address.to_string(),
        (server, address) => format!("{server} [{address}]"),
    };
    let chain = went.channel.tls().map(|session| session.chain.join(", ")).unwrap_or_default();
    vec![
        ("went to", server),
        ("went over", went.channel.words()),
        ("certificates it showed, SHA-256", chain),
        ("its reply", went.reply.clone()),
        ("its name for the mail", went.queue_id.clone().unwrap_or_default()),
    ]
}
