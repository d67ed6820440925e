//! sluss, the lock in front of a mail server.
//!
//! Modules in reading order, lowest layer first; each imports only from those before it, and `tests/tidy.rs` holds it to that.
//! One mail's walk is `pipeline::process`, which reads like a list; everything else is a step in it.
//!
//! What is absent, by intent:
//! - No code outside `verdict` compares a score, and nothing in `verdict` waits or reads.
//! - No reply text outside `wire::smtp::replies`; no SMTP text and no SQL in `pipeline`.
//! - No clock but `base::clock`, no bound that is not named in `base::limits`.
//! - No file, socket or thread in `base`, `mail`, `wire`, `formats`, `config`, `personal`, `examine`, `checks`, `verdict`.
//! - No personal value outside `base::hidden::Hidden`, and no way for a mail to become clean because something failed.

/// Time, ids, bounds, hidden values: what the standard library lacks. No mail here.
pub mod base;
/// The vocabulary: addresses, domains, envelopes, header sections, peers. Having one means it was checked.
pub mod mail;
/// Protocols without sockets: SMTP from both ends, our header fields, delivery notices.
pub mod wire;
/// What can be inside a mail, opened against one budget: MIME, pages, archives, true types.
pub mod formats;
/// Files to values: the configuration, policies, rule files.
pub mod config;
/// What was learned from others or by ourselves, in the form in which it is asked.
pub mod learn;
/// Personal identifiers in text: form, check digit, context, confidence.
pub mod personal;
/// Opens a mail all the way down and recognises what is inside. Pure CPU.
pub mod examine;
/// What the world said about a mail, gathered once; an answer that did not come is a value.
pub mod facts;
/// Pure functions from a mail, its contents and its facts to findings; one file each.
pub mod checks;
/// Findings and policy to a verdict, verdicts to one reply. The only place that weighs.
pub mod verdict;
/// Spool, quarantine, trace: what is kept, and kept safe before anybody hears 250.
pub mod store;
/// The sequence: admit, process, deliver, release.
pub mod pipeline;
/// Sockets and people: SMTP listeners, next hops, commands, pages, logs.
pub mod edge;
