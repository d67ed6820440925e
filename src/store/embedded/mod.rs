//! SQLite and files: everything one machine needs, no other server.
//!
//! Databases of their own, because they promise different things: `quarantine.db` commits with `synchronous = FULL` before anybody
//! hears 250; `trace.db` gathers rows for a quarter of a second and, as `sent.db` and `bank-accounts.db`, may lose the last of them in a power cut;
//! `correspondence.db` does both: what was learned may be lost, the key that makes sense of it may not; `habits.db` may lose a second of counts;
//! `transport.db` keeps what other domains published, and commits within a quarter of a second;
//! `lessons.db` loses at most half a second of what was said of mails;
//! `people.db` is durable before a link that was spent is answered; `accounts.db`, `config.db` and `reports.db` are written by commands while the gateway uses them.
//! `proofs.db` is durable before the mail that a proof is about is forgotten;
//! `portal.db` is durable before a letter about a parcel is posted, and before a code is answered;
//! `controls.db` is durable before a letter about a control is posted;
//! the audit log is files of lines, synced before anybody is answered;
//! `accounts.db`, `config.db` and `reports.db` are written by commands while the gateway uses them.

mod accounts;
mod audit_log;
mod bank_accounts;
mod blob;
mod config_db;
mod correspondence_db;
mod damage;
mod db;
mod deviations_db;
mod habits;
mod lessons;
mod people_db;
mod portal_db;
mod proof_db;
mod quarantine;
mod reports_db;
mod secrets;
mod sent_db;
mod trace_db;
mod transport_db;
mod waived_db;
mod web_accounts;
mod web_changes;
mod web_views;

pub use accounts::{AccountFilter, Accounts, LogIn, Made};
pub use audit_log::{
    Arrived, Asked, AuditFound, AuditLog, Bad, Break, CheckpointSeen, Copied, KeySeen, Outbox,
    Outgoing, Standing, Verified, append_once, audit_folder, each_line, list_once, verify,
    verify_copy, verify_own,
};
pub use bank_accounts::BankAccounts;
pub use blob::SealedContent;
pub use config_db::{ConfigDb, Edit, EntryNames};
pub use correspondence_db::{Correspondence, CorrespondenceFound};
pub use damage::SetAside;
pub use deviations_db::Deviations;
pub use habits::{AccountName, AccountSeen, Habits};
pub use lessons::{Keep, Lessons};
pub use people_db::People;
pub use portal_db::Parcels;
pub use proof_db::{Proofs, Unsealed};
pub use quarantine::{Quarantine, QuarantineFound, QuarantineOptions};
pub use reports_db::Reports;
pub use sent_db::{Going, Mark, SentMemory};
pub use trace_db::{Again, Persons, Trace, TraceFound, TraceOptions, TraceReader};
pub use transport_db::{DowngradeSeen, KeptPolicy, TlsReportDue, Transport, Went, Worse};
pub use waived_db::Waived;
pub use web_accounts::{OneTime, Password, SecretHash, Token, WebSession};
pub use web_changes::{Belongings, Changed, WebChange};
pub use web_views::{NewView, Renamed, Saved, View, ViewPage};
