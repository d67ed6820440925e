//! Archives, opened member by member against the budget. Nothing is written anywhere, so names need no path safety; they are
//! kept as a person would see them.
//!
//! To add a format: one file beside these with `fn list` or `fn next`, one arm in `examine::open`.

pub mod ar;
pub mod arj;
pub mod cab;
pub mod chm;
pub mod cpio;
pub mod gzip;
pub mod lha;
mod lzx;
pub mod named;
pub mod old;
pub mod passwords;
pub mod rar;
pub mod rare;
pub mod seven;
pub mod ms_compress;
pub mod squeeze;
pub mod tar;
pub mod xar;
pub mod zip;

use encoding_rs::WINDOWS_1252;

/// A member name as bytes to a name as text: UTF-8 if it is that, else the code page of its time.
fn name(bytes: &[u8], fallback: fn(&[u8]) -> String) -> String {
    let name = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => fallback(bytes),
    };
    // Control characters in names are there to deceive whoever reads a list of them.
    let shown = name.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    super::mime::bounded(shown.collect())
}

/// A name in the code page of Windows, as old formats hold it.
pub(crate) fn shown_name(bytes: &[u8]) -> String {
    name(bytes, latin)
}

fn latin(bytes: &[u8]) -> String {
    WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}
