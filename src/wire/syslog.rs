//! Syslog messages (RFC 5424) in the frames in which TLS carries them (RFC 5425): written, never read.
//!
//! A message carries bytes as they are: no byte order mark stands before them, though they are UTF-8. RFC 5424 section 6.4 wants one; but a
//! hash is over these very bytes, and a mark that a receiver keeps would be one thing more that verifying has to know of.

use crate::{base::clock::UnixMs, wire::date};

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// When what it tells of was.
    pub at: UnixMs,
    /// Our name.
    pub hostname: &'a str,
    /// What kind of message.
    pub kind: &'a str,
    /// Its bytes.
    pub text: &'a [u8],
}

/// Adds a message to `out` in its frame: its length in bytes, a space, and itself (RFC 5425 section 4.3).
pub fn frame(message: &Message<'_>, out: &mut Vec<u8>) {
    let Message { at, hostname, kind, text } = message;
    let (time, hostname) = (date::write_iso(*at), word(hostname, 255));
    let kind = word(kind, 32);
    let head = format!("<{PRIORITY}>1 {time} {hostname} sluss - {kind} - ");
    let length = head.len().saturating_add(text.len());
    out.extend_from_slice(format!("{length} {head}").as_bytes());
    out.extend_from_slice(text);
}

/// A field of the header: printable ASCII, of bounded length, never empty.
fn word(text: &str, most: usize) -> String {
    let printable = text.chars().filter(char::is_ascii_graphic).take(most);
    let word: String = printable.collect();
    if word.is_empty() { "-".to_string() } else { word }
}

/// Facility "log audit" (13), severity "notice" (5), RFC 5424 section 6.2.1.
const PRIORITY: u8 = 13 * 8 + 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_framed_by_its_bytes() {
        let at = UnixMs(1_800_000_000_000);
        let text = "{\"who\":\"Åsa\"}".as_bytes();
        for (hostname, shown) in [("mx.example", "mx.example"), ("", "-"), ("a b\n", "ab")] {
            let mut out = Vec::new();
            frame(&Message { at, hostname, kind: "audit", text }, &mut out);
            frame(&Message { at, hostname, kind: "audit", text }, &mut out);
            let message = format!(
                "<109>1 2027-01-15T08:00:00.000Z {shown} sluss - audit - {{\"who\":\"Åsa\"}}"
            );
            let framed = format!("{} {message}", message.len());
            assert_eq!(String::from_utf8(out).unwrap(), framed.repeat(2));
        }
    }
}
