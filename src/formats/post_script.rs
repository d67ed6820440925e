//! PostScript and EPS: recognised only. It is a program for a printer, and readers have run it (ghostscript, Office before 2017).

use super::opened::Opened;

/// Is it PostScript? By its first bytes, or by the binary header of EPS that Windows programs write (EPSF 3.0 section 5.2).
pub fn is_post_script(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let start = start.strip_prefix(b"\x04").unwrap_or(start);
    start.starts_with(b"%!PS")
        || start.starts_with(b"%!") && memchr::memmem::find(start, b"showpage").is_some()
        || bytes.starts_with(b"\xc5\xd0\xd3\xc6")
}

/// Says that it is a program.
pub fn open() -> Opened {
    let mut opened = Opened::default();
    opened.sign("postscript.program", "PostScript is a program");
    opened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        assert!(is_post_script(b"%!PS-Adobe-3.0\n"));
        assert!(is_post_script(b"\xc5\xd0\xd3\xc6\x20\0\0\0"));
        assert!(!is_post_script(b"%PDF-1.7"));
        assert_eq!(open().signs.len(), 1);
    }
}
