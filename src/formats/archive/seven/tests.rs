//! 7z: written by the crate, then broken.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};
use sevenz_rust2::{
    ArchiveWriter, EncoderConfiguration, EncoderMethod, encoder_options::AesEncoderOptions,
};

fn seven(files: &[(&str, &[u8])], methods: Vec<EncoderConfiguration>) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.set_content_methods(methods);
    for (name, content) in files {
        writer.push_archive_entry(ArchiveEntry::new_file(name), Some(*content)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn method(method: EncoderMethod) -> Vec<EncoderConfiguration> {
    vec![EncoderConfiguration::new(method)]
}

fn encrypted(files: &[(&str, &[u8])], names_too: bool) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    let aes = AesEncoderOptions::new(Password::new("hemligt"));
    writer.set_content_methods(vec![aes.into(), EncoderMethod::LZMA2.into()]);
    writer.set_encrypt_header(names_too);
    for (name, content) in files {
        writer.push_archive_entry(ArchiveEntry::new_file(name), Some(*content)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read(bytes: &[u8], passwords: &[&str]) -> Opened {
    let passwords: Vec<String> = passwords.iter().map(|word| word.to_string()).collect();
    open(bytes, &passwords, &mut Budget::new(Bounds::default(), &Clock::system()))
}

fn texts(opened: &Opened) -> Vec<(&str, &[u8])> {
    opened
        .members
        .iter()
        .map(|member| (member.name.as_deref().unwrap(), &member.bytes[..]))
        .collect()
}

const FILES: &[(&str, &[u8])] = &[("a.txt", b"one"), ("folder/b.txt", b"the second file of two")];

#[test]
fn every_way_of_packing_is_read() {
    for way in [
        EncoderMethod::COPY,
        EncoderMethod::LZMA,
        EncoderMethod::LZMA2,
        EncoderMethod::BZIP2,
        EncoderMethod::PPMD,
    ] {
        let opened = read(&seven(FILES, method(way)), &[]);
        assert_eq!(texts(&opened), FILES, "{}", way.name());
        assert!(
            opened.stopped.is_none()
                && opened.members.iter().all(|member| member.stopped.is_none())
        );
    }
}

#[test]
fn behind_a_program_it_is_found() {
    let archive = seven(FILES, method(EncoderMethod::LZMA2));
    // The six bytes alone are no archive.
    let program = [b"MZ".as_slice(), &[0x90; 3_000], MAGIC, &[7; 100], &archive].concat();
    assert_eq!(find(&program), Some(program.len() - archive.len()));
    assert_eq!(texts(&read(&program, &[])), FILES);
    assert_eq!(find(b"MZ and nothing"), None);
}

#[test]
fn a_password_opens_what_is_encrypted() {
    for names_too in [false, true] {
        let archive = encrypted(FILES, names_too);
        let locked = read(&archive, &["fel", "wrong"]);
        match names_too {
            true => {
                assert_eq!(locked.stopped, Some(Stopped::Encrypted));
                assert_eq!(locked.signs[0].id, "archive.names_encrypted");
            }
            false => {
                assert_eq!(locked.members.len(), 2);
                assert!(
                    locked.members.iter().all(|member| member.stopped == Some(Stopped::Encrypted))
                );
            }
        }
        assert_eq!(texts(&read(&archive, &["fel", "hemligt"])), FILES, "{names_too}");
    }
}

#[test]
fn a_wrong_checksum_or_a_lost_start_header_hides_nothing() {
    let archive = seven(FILES, method(EncoderMethod::COPY));
    let mut changed = archive.clone();
    changed[START_HEADER_BYTES] = b'O';
    assert_eq!(texts(&read(&changed, &[]))[0], ("a.txt", &b"One"[..]));
    assert_eq!(read(&changed, &[]).members.len(), 2);
    let mut headless = archive;
    headless[8..32].fill(0);
    assert_eq!(texts(&read(&headless, &[])), FILES);
}

#[test]
fn nothing_cut_or_changed_anywhere_panics() {
    let archive = seven(FILES, method(EncoderMethod::LZMA2));
    for at in 0..archive.len() {
        read(&archive[..at], &[]);
        let mut changed = archive.clone();
        changed[at] ^= 0xff;
        read(&changed, &["a"]);
    }
}

#[test]
fn thousands_of_members_are_given_up_to_the_bound() {
    let names: Vec<String> = (0..3_000).map(|n| format!("f{n}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    assert_eq!(
        read(&seven(&files, method(EncoderMethod::COPY)), &[]).members.len(),
        limits::PARTS_MAX + 1
    );
}

#[test]
fn bombs_end_early() {
    let zeros = vec![0; 80 << 20];
    let opened = read(&seven(&[("zeros", &zeros)], method(EncoderMethod::LZMA2)), &[]);
    assert!(
        matches!(opened.members[0].stopped, Some(Stopped::Limit(_))),
        "{:?}",
        opened.members[0].stopped
    );
}
