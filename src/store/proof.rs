//! Proofs of the way of mail: what a proof says, how many are sealed together, and the sheet that somebody else can verify.
//!
//! The forms are public. A **proof** is a JSON object; its *canonical form* is that of RFC 8785 (keys sorted, no white space), in which all
//! numbers are whole. Proofs are sealed in **batches**: the canonical forms of a batch, in order, are the leaves of a Merkle tree as in
//! RFC 6962 section 2.1 (SHA-256; a byte 0 before a leaf, a byte 1 before two branches). What is signed (Ed25519, RFC 8032) are these lines,
//! each with its line end:
//!
//! ```text
//! sluss proofs 1
//! gateway HOSTNAME
//! batch NUMBER
//! proofs NUMBER
//! root HASH
//! at MILLISECONDS
//! key FINGERPRINT
//! ```
//!
//! The same root stands in the audit log, in a record `proofs-sealed`, and so under its next checkpoint. A **sheet** holds one proof, the hashes
//! that lead from it to the root (RFC 6962 section 2.1.1), and the seal. Nothing of another mail is in it, and a proof that is deleted takes
//! nothing from the others.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Direction, Domain, Organisation, TlsSession},
    store::{
        audit::{Actor, Details, Entry, What},
        signer::{Fingerprint, PublicKey, Signature, Signer},
    },
    wire::tls::{Channel, PersonalData},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One mail on one stretch of its way, as this gateway saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The version of this form: 1.
    pub v: u32,
    /// Its own id.
    pub id: Id,
    /// The transaction, as in the trace.
    pub mail: Id,
    /// The gateway that saw it.
    pub gateway: Domain,
    /// Whose it is: the sender's organisation of what leaves, the recipients' of what comes in.
    pub organisation: Organisation,
    /// "inbound" or "outbound".
    pub direction: Direction,
    /// What happened.
    pub event: Event,
    /// When.
    pub at_ms: u64,
    /// The envelope's sender; empty for the null sender.
    pub sender: String,
    /// The recipients that this is about.
    pub recipients: Vec<String>,
    /// Message-ID, with its brackets; empty where there is none.
    pub message_id: String,
    /// Octets as the mail came here, before we wrote our lines into it.
    pub bytes: u64,
    /// BLAKE3 over those octets, in hexadecimal.
    pub blake3: String,
    /// What is known of personal data in it.
    pub personal_data: PersonalData,
    /// How it came here.
    pub came: CameBy,
    /// How it went on; absent where it has not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went: Option<WentBy>,
}

/// What a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// We took it over: our last reply was 250.
    Received,
    /// Somebody else took it over from us: its last reply was 2xx.
    Delivered,
}

/// Who brought a mail, and over what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameBy {
    /// The client's address.
    pub address: String,
    /// What it called itself.
    pub helo: String,
    /// The account that it proved to be, where it logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The TLS session; absent in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSession>,
    /// Our reply; empty where it is not known any more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reply: String,
    /// It did not come by this connection: nobody brought it, or it was held since. Then the rest of this says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_here: Option<FromHere>,
}

/// Where a mail comes from that no connection brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FromHere {
    /// It was held here, and let go.
    Released,
    /// This gateway wrote it.
    Written,
}

/// Who took a mail, and over what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WentBy {
    /// Whose server it was.
    pub to: Whose,
    /// The server's name, or the folder; empty where only the address is known.
    pub server: String,
    /// Its address; empty for a folder or a socket.
    pub address: String,
    /// The channel.
    pub channel: Channel,
    /// Its last reply.
    pub reply: String,
    /// The name it gave the mail in that reply, as far as that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
}

/// Whose server took a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// A mail host of the recipients' domain.
    MailHost,
    /// A smarthost: what comes behind it is not proven.
    Smarthost,
    /// A server behind this gateway.
    OwnServer,
}

/// The signed end of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seal {
    /// The gateway.
    pub gateway: String,
    /// The batch's number.
    pub batch: u64,
    /// How many proofs are in it.
    pub proofs: u64,
    /// The tree's root, in hexadecimal.
    pub root: String,
    /// When it was sealed.
    pub at_ms: u64,
    /// The fingerprint of the key that signed.
    pub key: String,
    /// The key.
    pub public: String,
    /// The signature, base64.
    pub signature: String,
}

/// One proof with all that it takes to verify it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sheet {
    /// The version of this form: 1.
    pub sluss_proof: u32,
    /// What is proven. Kept as it came, so that a newer gateway's words are verified too.
    pub proof: Value,
    /// Its place in the batch, from 0.
    pub place: u64,
    /// The hashes that lead to the root, from below.
    pub path: Vec<String>,
    /// The seal; absent where the batch is not sealed yet, which takes a second.
    pub seal: Option<Seal>,
}

/// Why a sheet proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    /// It is none.
    #[error("this is no proof sheet: {0}")]
    NotASheet(String),
    /// It is not signed yet.
    #[error("the sheet has no seal: it was taken before its batch was signed; take it again")]
    NotSealed,
    /// The proof was changed, or is none of the batch.
    #[error("the proof does not lead to the root that was signed: the sheet was changed")]
    OtherRoot,
    /// Seal and signature do not fit.
    #[error("the seal is not signed by the key that it names: the sheet was changed")]
    NotSigned,
    /// Another key signed than those that are believed.
    #[error("the sheet is signed by the key {0}, which is none of those named with --key")]
    OtherKey(String),
    /// The audit log does not know it.
    #[error("the audit log {0}")]
    NotInLog(String),
}

/// A hash of the tree.
pub type Node = [u8; 32];

/// The canonical form of a JSON value, RFC 8785 for whole numbers.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            // By UTF-16 code units, RFC 8785 section 3.2.3; our own keys are ASCII.
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                if let Some(member) = members.get(key) {
                    write(member, text);
                }
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

/// The leaf of a canonical form.
pub fn leaf(canonical: &str) -> Node {
    Sha256::new().chain_update([0]).chain_update(canonical).finalize().into()
}

fn branch(left: &Node, right: &Node) -> Node {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The largest power of two below the count.
fn half(count: usize) -> usize {
    (count / 2 + count % 2).next_power_of_two()
}

/// The root over some leaves; none over none.
pub fn root(leaves: &[Node]) -> Option<Node> {
    match leaves {
        [] => None,
        [only] => Some(*only),
        _ => {
            let (left, right) = leaves.split_at_checked(half(leaves.len()))?;
            Some(branch(&root(left)?, &root(right)?))
        }
    }
}

/// The hashes that lead from a leaf to the root, from below.
pub fn path(leaves: &[Node], place: usize) -> Vec<Node> {
    if leaves.len() < 2 || place >= leaves.len() {
        return Vec::new();
    }
    let Some((left, right)) = leaves.split_at_checked(half(leaves.len())) else {
        return Vec::new();
    };
    let (mut below, beside) = match place.checked_sub(left.len()) {
        Some(place) => (path(right, place), root(left)),
        None => (path(left, place), root(right)),
    };
    below.extend(beside);
    below
}

/// The root to which a leaf leads; none where the path has not the length that place and count ask for.
fn climb(leaf: Node, place: u64, count: u64, path: &[Node]) -> Option<Node> {
    if place >= count {
        return None;
    }
    let (mut at, mut last, mut node) = (place, count - 1, leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        // RFC 9162 section 2.1.3.2.
        if at % 2 == 1 || at == last {
            node = branch(beside, &node);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at / 2, last / 2);
            }
        } else {
            node = branch(&node, beside);
        }
        (at, last) = (at / 2, last / 2);
    }
    (last == 0).then_some(node)
}

impl Seal {
    /// Signs a batch.
    pub fn make(gateway: &Domain, batch: u64, leaves: &[Node], at: UnixMs, by: &Signer) -> Seal {
        let unsigned = Seal {
            gateway: gateway.to_string(),
            batch,
            proofs: u64::try_from(leaves.len()).unwrap_or(u64::MAX),
            root: root(leaves).map(|root| hex(&root)).unwrap_or_default(),
            at_ms: at.0,
            key: by.public().fingerprint().to_string(),
            public: by.public().to_string(),
            signature: String::new(),
        };
        let signature = by.sign(unsigned.words().as_bytes()).to_string();
        Seal { signature, ..unsigned }
    }

    /// What is signed.
    fn words(&self) -> String {
        let Seal { gateway, batch, proofs, root, at_ms, key, .. } = self;
        format!(
            "sluss proofs 1\ngateway {gateway}\nbatch {batch}\nproofs {proofs}\nroot {root}\nat {at_ms}\nkey {key}\n"
        )
    }

    /// The key that signed it, if it did.
    fn signer(&self) -> Option<Fingerprint> {
        let public = PublicKey::try_from(self.public.clone()).ok()?;
        let signature = Signature::parse(&self.signature)?;
        let name = public.fingerprint();
        // A line end in a name would be another line.
        let is_plain = !self.gateway.contains(['\n', '\r']) && !self.root.contains(['\n', '\r']);
        let is_right = is_plain
            && name.to_string() == self.key
            && public.has_signed(self.words().as_bytes(), &signature);
        is_right.then_some(name)
    }

    /// For the audit log.
    pub fn entry(&self) -> Entry {
        let details = Details::default()
            .number("batch", self.batch)
            .number("proofs", self.proofs)
            .word("root", &self.root)
            .number("sealed", self.at_ms)
            .word("key", &self.key)
            .word("signature", &self.signature);
        Entry::new(Actor::System, What::ProofsSealed).with(details)
    }
}

impl Sheet {
    /// Reads one.
    pub fn read(text: &str) -> Result<Sheet, NoProof> {
        let sheet: Sheet =
            serde_json::from_str(text).map_err(|error| NoProof::NotASheet(error.to_string()))?;
        match sheet.sluss_proof {
            1 => Ok(sheet),
            other => Err(NoProof::NotASheet(format!("version {other} is not known here"))),
        }
    }

    /// Is all of it as it was signed? Gives the key; `believed`: only these keys count, any if there are none.
    pub fn verify(&self, believed: &[Fingerprint]) -> Result<Fingerprint, NoProof> {
        let seal = self.seal.as_ref().ok_or(NoProof::NotSealed)?;
        let path: Option<Vec<Node>> = self.path.iter().map(|text| node(text)).collect();
        let leaf = leaf(&canonical(&self.proof));
        let top = path.and_then(|path| climb(leaf, self.place, seal.proofs, &path));
        if top.is_none() || top != node(&seal.root) {
            return Err(NoProof::OtherRoot);
        }
        let key = seal.signer().ok_or(NoProof::NotSigned)?;
        match believed.is_empty() || believed.contains(&key) {
            true => Ok(key),
            false => Err(NoProof::OtherKey(key.to_string())),
        }
    }
}

/// Hexadecimal.
pub fn hex(node: &Node) -> String {
    data_encoding::HEXLOWER.encode(node)
}

fn node(text: &str) -> Option<Node> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// The name that a server gave a mail in its reply: Postfix, Exim, Sendmail, Exchange and we say it in forms of their own.
pub fn queue_id(reply: &str) -> Option<String> {
    let lower = reply.to_ascii_lowercase();
    let after = |mark: &str| {
        let at = lower.find(mark)?.checked_add(mark.len())?;
        let rest = reply.get(at..)?.trim_start();
        let word: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        (word.len() >= 5 && word.bytes().any(|byte| byte.is_ascii_digit())).then_some(word)
    };
    [
        "queued as ",
        "(id ",
        "id=",
        "internalid=",
        "queued mail for delivery, id ",
        "message accepted ",
        "ok: queued ",
    ]
    .into_iter()
    .find_map(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMs = UnixMs(1_795_262_400_000);

    fn leaves(count: usize) -> Vec<Node> {
        (0..count).map(|at| leaf(&format!("{{\"at\":{at}}}"))).collect()
    }

    #[test]
    fn every_leaf_leads_to_the_root_and_to_no_other() {
        // The empty leaf of the certificate transparency project's own tests.
        assert_eq!(
            hex(&leaf("")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        for count in 1..70 {
            let leaves = leaves(count);
            let top = root(&leaves).unwrap();
            for (place, one) in leaves.iter().enumerate() {
                let path = path(&leaves, place);
                let number = |count: usize| u64::try_from(count).unwrap();
                let climbed = climb(*one, number(place), number(count), &path);
                assert_eq!(climbed, Some(top), "{place} of {count}");
                // At no other place, in no larger batch, and for no other leaf.
                if count > 1 {
                    let beside = (place + 1) % count;
                    assert_ne!(climb(*one, number(beside), number(count), &path), Some(top));
                    assert_eq!(climb(*one, number(count), number(count), &path), None);
                    assert_ne!(climb(leaf("x"), number(place), number(count), &path), Some(top));
                }
            }
        }
        assert_eq!(root(&[]), None);
    }

    #[test]
    fn the_canonical_form_has_one_order_and_no_white_space() {
        let value: Value = serde_json::from_str(
            "{\"b\": [1, {\"z\": null, \"a\": \"å\\n\\u0007\"}], \"a\": true}",
        )
        .unwrap();
        assert_eq!(canonical(&value), "{\"a\":true,\"b\":[1,{\"a\":\"å\\n\\u0007\",\"z\":null}]}");
    }

    fn sheet(signer: &Signer) -> Sheet {
        let proofs: Vec<Value> = (0..5)
            .map(|at| serde_json::json!({ "mail": at, "sender": "anna@ours.example" }))
            .collect();
        let leaves: Vec<Node> = proofs.iter().map(|one| leaf(&canonical(one))).collect();
        let gateway = Domain::parse("mx.ours.example").unwrap();
        Sheet {
            sluss_proof: 1,
            proof: proofs[3].clone(),
            place: 3,
            path: path(&leaves, 3).iter().map(hex).collect(),
            seal: Some(Seal::make(&gateway, 7, &leaves, NOON, signer)),
        }
    }

    #[test]
    fn a_sheet_is_verified_with_nothing_else_and_no_part_of_it_can_be_changed() {
        let signer = Signer::make().unwrap();
        let key = signer.public().fingerprint();
        let good = sheet(&signer);
        assert_eq!(good.verify(&[]), Ok(key));
        assert_eq!(good.verify(&[key]), Ok(key));
        let other = Signer::make().unwrap().public().fingerprint();
        assert_eq!(good.verify(&[other]), Err(NoProof::OtherKey(key.to_string())));
        // Through text and back, in another order and with white space.
        let text = serde_json::to_string_pretty(&good).unwrap();
        assert_eq!(Sheet::read(&text).unwrap().verify(&[key]), Ok(key));
        let changed = |change: &dyn Fn(&mut Sheet)| {
            let mut sheet = good.clone();
            change(&mut sheet);
            sheet.verify(&[key])
        };
        let seal = |change: fn(&mut Seal)| {
            changed(&|sheet: &mut Sheet| change(sheet.seal.as_mut().unwrap()))
        };
        for (what, verdict, want) in [
            (
                "proof",
                changed(&|sheet| sheet.proof["sender"] = "eve@ours.example".into()),
                NoProof::OtherRoot,
            ),
            ("a new member", changed(&|sheet| sheet.proof["note"] = 1.into()), NoProof::OtherRoot),
            ("place", changed(&|sheet| sheet.place = 2), NoProof::OtherRoot),
            ("path", changed(&|sheet| drop(sheet.path.pop())), NoProof::OtherRoot),
            ("path", changed(&|sheet| sheet.path.push("00".repeat(32))), NoProof::OtherRoot),
            ("path", changed(&|sheet| sheet.path[0] = "zz".to_string()), NoProof::OtherRoot),
            ("root", seal(|seal| seal.root = "00".repeat(32)), NoProof::OtherRoot),
            ("count", seal(|seal| seal.proofs = 6), NoProof::NotSigned),
            ("time", seal(|seal| seal.at_ms += 1), NoProof::NotSigned),
            ("batch", seal(|seal| seal.batch += 1), NoProof::NotSigned),
            (
                "gateway",
                seal(|seal| seal.gateway = "mx.eve.example".to_string()),
                NoProof::NotSigned,
            ),
            ("key", seal(|seal| seal.key = "00".repeat(32)), NoProof::NotSigned),
            ("signature", seal(|seal| seal.signature = "AAAA".to_string()), NoProof::NotSigned),
            ("no seal", changed(&|sheet| sheet.seal = None), NoProof::NotSealed),
        ] {
            // A larger batch has another way up, which ends elsewhere or nowhere.
            let want = if what == "count" { verdict.clone().unwrap_err() } else { want };
            assert_eq!(verdict, Err(want), "{what}");
        }
        // Somebody signs what he changed with a key of his own: it is right, and not of us.
        let forged = sheet(&Signer::make().unwrap());
        assert!(forged.verify(&[]).is_ok() && forged.verify(&[key]).is_err());
        assert!(matches!(Sheet::read("{}"), Err(NoProof::NotASheet(_))));
        assert!(matches!(
            Sheet::read(&text.replace("\"sluss_proof\": 1", "\"sluss_proof\": 2")),
            Err(NoProof::NotASheet(_))
        ));
    }

    #[test]
    fn servers_say_under_which_name_they_have_a_mail() {
        for (reply, want) in [
            ("250 2.0.0 Ok: queued as 4Qx1Yz0", Some("4Qx1Yz0")),
            ("250 OK id=1rAbCd-000Xyz-2F", Some("1rAbCd-000Xyz-2F")),
            (
                "250 2.6.0 <a@b> [InternalId=8589934600, Hostname=X] Queued mail for delivery",
                Some("8589934600"),
            ),
            (
                "250 2.0.0 queued (id 01M8NGGS0Q8ZRFCT8YD0SAV877)",
                Some("01M8NGGS0Q8ZRFCT8YD0SAV877"),
            ),
            ("250 2.0.0 3abCD12345 Message accepted for delivery", None),
            ("250 ok", None),
        ] {
            assert_eq!(queue_id(reply).as_deref(), want, "{reply}");
        }
    }
}
