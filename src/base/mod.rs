//! What std lacks. Knows nothing of mail and imports nothing from this crate.

pub mod clock;
pub mod crowd;
pub mod hidden;
pub mod ids;
pub mod letters;
pub mod limits;
pub mod local;
pub mod networks;
pub mod number;
pub mod units;
