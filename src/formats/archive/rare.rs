//! The rarer archives behind one door: which of them a blob is, and opening it.
//!
//! The common ones (ZIP, 7z, tar, gzip and the like) have their own arms and are asked first.

use super::{ar, arj, cab, chm, cpio, lha, named, old, rar, xar};
use crate::formats::{
    budget::{Budget, Stopped},
    opened::Opened,
};

/// Which archive it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rare {
    /// RAR of any age.
    Rar,
    /// Microsoft cabinet.
    Cab,
    /// ARJ.
    Arj,
    /// LHA, LZH and kin.
    Lha,
    /// ar, deb.
    Ar,
    /// cpio.
    Cpio,
    /// RPM package.
    Rpm,
    /// Compiled HTML help.
    Chm,
    /// xar, macOS package.
    Xar,
    /// ACE, ZOO, ARC.
    Old,
    /// Recognised and not opened: its name.
    Named(&'static str),
}

/// What a blob is by its first bytes; a program is looked through for an archive behind it.
///
/// A program that only holds an archive keeps its own kind: this says what to open besides.
pub fn of(bytes: &[u8]) -> Option<Rare> {
    let is_program = bytes.starts_with(b"MZ") || bytes.starts_with(b"\x7fELF");
    let is_at = |place: Option<usize>| place.is_some_and(|at| at == 0 || is_program);
    if is_at(rar::find(bytes)) {
        return Some(Rare::Rar);
    }
    if is_at(cab::find(bytes)) {
        return Some(Rare::Cab);
    }
    if is_at(arj::find(bytes)) {
        return Some(Rare::Arj);
    }
    for (is, rare) in [
        (chm::is_chm(bytes), Rare::Chm),
        (xar::is_xar(bytes), Rare::Xar),
        (ar::is_ar(bytes), Rare::Ar),
        (cpio::is_rpm(bytes), Rare::Rpm),
        (cpio::is_cpio(bytes), Rare::Cpio),
    ] {
        if is {
            return Some(rare);
        }
    }
    match old::find(bytes) {
        Some(old::Old::Ace(at)) if at == 0 || is_program => return Some(Rare::Old),
        Some(old::Old::Zoo | old::Old::Arc) => return Some(Rare::Old),
        Some(old::Old::Ace(_)) | None => (),
    }
    if is_at(lha::find(bytes)) {
        return Some(Rare::Lha);
    }
    named::of(bytes).map(Rare::Named)
}

/// Opens it as that.
pub fn open(rare: Rare, bytes: &[u8], passwords: &[String], budget: &mut Budget) -> Opened {
    match rare {
        Rare::Rar => rar::open(bytes, passwords, budget),
        Rare::Cab => cab::open(bytes, budget),
        Rare::Arj => arj::open(bytes, passwords, budget),
        Rare::Lha => lha::open(bytes, budget),
        Rare::Ar => ar::open(bytes, budget),
        Rare::Cpio => cpio::open(bytes, budget),
        Rare::Rpm => cpio::open_rpm(bytes, budget),
        Rare::Chm => chm::open(bytes, budget),
        Rare::Xar => xar::open(bytes, budget),
        Rare::Old => old::open(bytes, budget),
        Rare::Named(name) => Opened::stopped(Stopped::Unsupported(name.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_first_bytes_or_behind_a_program() {
        let cabinet = cab::testing::cabinet(0, &[("a", b"one")]);
        let behind = [b"MZ a program ", &cabinet[..]].concat();
        let in_text = [b"a text about ", &cabinet[..]].concat();
        for (bytes, want) in [
            (&cabinet[..], Some(Rare::Cab)),
            (&behind, Some(Rare::Cab)),
            (&in_text, None),
            (b"!<arch>\n", Some(Rare::Ar)),
            (b"ITSF\x03", Some(Rare::Chm)),
            (b"EGGA", Some(Rare::Named("EGG"))),
            (b"Rar!\x1a\x07\x01\0", Some(Rare::Rar)),
            (b"plain text -lh5- and more", None),
            (b"", None),
        ] {
            assert_eq!(of(bytes), want, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
