//! What is known of who sent a mail, without asking anybody: the records that domains publish and the results of comparing with them.
//!
//! The questions are asked in `facts::auth`.

pub mod arc;
pub mod canonical;
pub mod dkim;
pub mod dmarc;
pub mod iprev;
pub mod key;
pub mod macros;
pub mod results;
pub mod sign;
pub mod signed;
pub mod spf;
pub mod tags;

pub use arc::Arc;
pub use dkim::{Dkim, Signature};
pub use dmarc::Dmarc;
pub use iprev::Iprev;
pub use macros::{Expansion, Macros};
pub use spf::{Directive, Mechanism, NotARecord, Qualifier, Record, Spf};
