//! Bytes to letters, by the charset a part declares or, failing that, by what the bytes look like.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes text. An unknown or missing charset is read as UTF-8 if it is that, else as Windows-1252, as mail programs do.
pub fn decode(bytes: &[u8], charset: &str) -> String {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let text = bytes.get(mark..).unwrap_or_default();
        return encoding.decode_without_bom_handling(text).0.into_owned();
    }
    let charset = charset.trim();
    // Many mails say us-ascii and mean UTF-8 or Latin-1; for real ASCII all three are the same.
    let vague = charset.is_empty()
        || ["us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "unknown"]
            .iter()
            .any(|name| charset.eq_ignore_ascii_case(name));
    if vague {
        return match std::str::from_utf8(bytes) {
            Ok(text) => text.to_string(),
            Err(_) if charset.to_ascii_lowercase().starts_with("utf") => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        };
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) => decoder(bytes),
        None => decode(bytes, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets() {
        for (bytes, charset, want) in [
            (&b"r\xe4k"[..], "iso-8859-1", "räk"),
            (b"r\xc3\xa4k", "utf-8", "räk"),
            (b"r\xc3\xa4k", "", "räk"),
            (b"r\xe4k", "", "räk"),
            (b"r\xe4k", "us-ascii", "räk"),
            (b"r\xe4k", "no-such-charset", "räk"),
            (b"r+AOQ-k", "utf-7", "räk"),
            (b"\xff\xfer\0\xe4\0k\0", "utf-8", "räk"),
            (b"\xef\xbb\xbfr\xc3\xa4k", "iso-8859-1", "räk"),
            (b"\x93\xfa\x96{", "shift_jis", "日本"),
            (b"\xf0\xd2\xc9", "koi8-r", "При"),
            (b"r\xe4k", "windows-1252", "räk"),
        ] {
            assert_eq!(decode(bytes, charset), want, "{charset}");
        }
    }
}
