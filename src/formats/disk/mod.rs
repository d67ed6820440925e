//! Disk images: what a double click on one shows as a drive.
//!
//! An image is a drive in a wrapping ([`virtual_drive`], [`dmg`]) or as it is; a drive has partitions or is one; a partition has a file
//! system, a bridge disc two. Every file system found is read. What is recognised and not read is said by name.

pub mod zisofs;
mod image;
mod files;
mod virtual_drive;
mod dmg;
mod wim;
mod iso;
mod udf;
mod fat;
mod ntfs;
mod lznt1;
mod hfs;

use super::{
    budget::{Budget, Stopped, Unpacked},
    keep::{self, Found},
    numbers::part,
    opened::Opened,
};
use crate::base::limits;
use image::{Image, Volume};

/// Is it an image of a drive? By what a system looks at to mount it.
pub fn is_image(bytes: &[u8]) -> bool {
    if wim::is_wim(bytes) || dmg::is_dmg(bytes) {
        return true;
    }
    if let Some(drive) = virtual_drive::open(bytes) {
        return drive.is_ok() || bytes.len() >= 512;
    }
    match virtual_drive::raw_cd(bytes) {
        Some(image) => is_known(image.volume()),
        None => {
            let image = Image::flat(bytes);
            let volume = image.volume();
            let mut partitions = virtual_drive::partitions(volume).into_iter();
            is_known(volume)
                || partitions.any(|(start, bytes)| is_known(volume.partition(start, bytes)))
        }
    }
}

/// Opens it and gives every file of every file system.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    if wim::is_wim(bytes) {
        return wim::open(bytes, budget);
    }
    if dmg::is_dmg(bytes) {
        return open_dmg(bytes, budget);
    }
    match virtual_drive::open(bytes) {
        Some(Err(why)) => Opened::stopped(why),
        Some(Ok(image)) => open_drive(&image, true, budget),
        None => match virtual_drive::raw_cd(bytes) {
            Some(image) => open_drive(&image, true, budget),
            None => open_drive(&Image::flat(bytes), false, budget),
        },
    }
}

fn open_dmg(bytes: &[u8], budget: &mut Budget) -> Opened {
    let drive = dmg::unpack(bytes, budget);
    let image = Image::flat(drive.bytes.as_slice());
    let mut opened = open_drive(&image, false, budget);
    // APFS is not read, so the whole drive is given to whoever looks for bytes.
    let found = Found::inside("drive");
    let stopped = drive.stopped.clone();
    keep::unpacked_as(&mut opened, found, Unpacked { bytes: drive.bytes, stopped });
    opened.stopped = opened.stopped.or(drive.stopped);
    opened
}

/// Reads the whole drive and each partition. Where nothing is known and the bytes are not the file's own, they are given as they are.
fn open_drive(image: &Image<'_>, is_wrapped: bool, budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let drive = image.volume();
    let mut volumes = vec![drive];
    let partitions = virtual_drive::partitions(drive);
    volumes.extend(partitions.iter().map(|(start, bytes)| drive.partition(*start, *bytes)));
    let mut read = 0;
    let mut unread = None;
    for volume in volumes.into_iter().take(limits::PARTITIONS_MAX) {
        if budget.check_time().is_err() {
            break;
        }
        match open_volume(volume, &mut opened, budget) {
            true => read += 1,
            false => unread = unread.or_else(|| unread_system(volume)),
        }
    }
    if let Some(name) = unread.filter(|name| ENCRYPTED_SYSTEMS.contains(name)) {
        opened.sign("disk.encrypted", name);
        opened.stopped = Some(Stopped::Encrypted);
    } else if let Some(name) = unread {
        opened.stopped = Some(Stopped::Unsupported(format!("the file system {name}")));
    } else if read == 0 {
        opened.stopped =
            Some(Stopped::Unsupported("a drive without a known file system".to_string()));
    }
    if is_wrapped && opened.stopped.is_some() {
        let bytes = drive.read(0, budget.part_bytes_left());
        keep::stored(&mut opened, Found::inside("drive"), &bytes, budget);
    }
    opened
}

/// Gives the files of every file system that the volume has. False: none is known.
fn open_volume(volume: Volume<'_>, opened: &mut Opened, budget: &mut Budget) -> bool {
    let (iso, udf) = (iso::is_iso(volume), udf::is_udf(volume));
    let mut files = Vec::new();
    // UDF first: that is what Windows shows of a bridge disc.
    if udf {
        files.extend(udf::list(volume, opened));
    }
    if iso {
        files.extend(iso::list(volume, opened));
    }
    let (fat, ntfs) = (fat::is_fat(volume), ntfs::is_ntfs(volume));
    if fat {
        files.extend(fat::list(volume, opened));
    }
    if ntfs {
        files.extend(ntfs::list(volume, opened));
    }
    let hfs = hfs::is_hfs_plus(volume);
    if hfs {
        files.extend(hfs::list(volume));
    }
    files::give(opened, volume, files, budget);
    iso || udf || fat || ntfs || hfs
}

fn is_known(volume: Volume<'_>) -> bool {
    iso::is_iso(volume)
        || udf::is_udf(volume)
        || fat::is_fat(volume)
        || ntfs::is_ntfs(volume)
        || hfs::is_hfs_plus(volume)
        || unread_system(volume).is_some()
}

/// File systems that are recognised and not read.
fn unread_system(volume: Volume<'_>) -> Option<&'static str> {
    let head = volume.read(0, 2_048);
    let systems =
        UNREAD_SYSTEMS.iter().filter(|(_, at, magic)| part(&head, *at, magic.len()) == *magic);
    let ext = || part(&head, 1_080, 2) == b"\x53\xef" && part(&head, 1_024, 4) != [0; 4];
    systems.map(|(name, _, _)| *name).next().or_else(|| ext().then_some("ext"))
}

/// Name, place, magic.
const UNREAD_SYSTEMS: &[(&str, usize, &[u8])] = &[
    ("squashfs", 0, b"hsqs"),
    ("squashfs", 0, b"sqsh"),
    ("HFS", 1_024, b"BD\0"),
    ("APFS", 32, b"NXSB"),
    ("XFS", 0, b"XFSB"),
    ("ReFS", 3, b"ReFS\0\0\0\0"),
    ("BitLocker", 3, b"-FVE-FS-"),
    ("cramfs", 0, b"\x45\x3d\xcd\x28"),
    ("LUKS", 0, b"LUKS\xba\xbe"),
];

/// Those of them that need a password.
const ENCRYPTED_SYSTEMS: &[&str] = &["BitLocker", "LUKS"];

#[cfg(test)]
mod tests;
