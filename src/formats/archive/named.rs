//! Archives and installers that are recognised and not opened: a name for the admin instead of silence.

use crate::{
    base::limits,
    formats::numbers::{from, part},
};

/// What it is, where we know a name for it.
pub fn of(bytes: &[u8]) -> Option<&'static str> {
    let at_start = |(_, at, magic): &&(&str, usize, &[u8])| from(bytes, *at).starts_with(magic);
    if let Some((name, _, _)) = STARTS.iter().find(at_start) {
        return Some(name);
    }
    // Installers are programs; what they install stands somewhere behind.
    if !bytes.starts_with(b"MZ") {
        return None;
    }
    let area = part(bytes, 0, limits::ARCHIVE_PREFIX_BYTES_MAX);
    let inside = |(_, magic): &&(&str, &[u8])| memchr::memmem::find(area, magic).is_some();
    INSTALLERS.iter().find(inside).map(|(name, _)| *name)
}

/// Name, place, magic.
const STARTS: &[(&str, usize, &[u8])] = &[
    ("StuffIt", 0, b"SIT!"),
    ("StuffIt 5", 0, b"StuffIt (c)1997"),
    ("StuffIt X", 0, b"StuffIt!"),
    ("StuffIt X", 0, b"StuffIt?"),
    ("ALZ", 0, b"ALZ\x01"),
    ("EGG", 0, b"EGGA"),
    // The sizes before an Electron archive's list, which is JSON.
    ("asar", 16, b"{\"files\":"),
    ("InstallShield cabinet", 0, b"ISc("),
    ("InstallShield archive", 0, b"\x13\x5d\x65\x8c"),
    ("KGB archiver", 0, b"KGB_arch"),
    ("FreeArc", 0, b"ArC\x01"),
    ("lrzip", 0, b"LRZI"),
    ("ZPAQ", 0, b"7kSt"),
    ("ZPAQ", 0, b"zPQ"),
    ("SQX", 7, b"-sqx-"),
];

/// Name, and a text that is in every program of that kind.
const INSTALLERS: &[(&str, &[u8])] = &[
    ("NSIS installer", b"\xef\xbe\xad\xdeNullsoftInst"),
    ("Inno Setup installer", b"Inno Setup Setup Data"),
    ("InstallShield installer", b"InstallShield"),
    ("Wise installer", b"Wise Installation Wizard"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_by_name() {
        for (bytes, want) in [
            (&b"EGGA...."[..], Some("EGG")),
            (b"MZ..\xef\xbe\xad\xdeNullsoftInst", Some("NSIS installer")),
            (b"....-sqx-", None),
            (b".......-sqx-", Some("SQX")),
            (b"", None),
        ] {
            assert_eq!(of(bytes), want);
        }
    }
}
