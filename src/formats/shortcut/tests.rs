//! Shortcuts by hand.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};

fn read(bytes: &[u8], name: &str) -> Opened {
    open(bytes, name, &mut Budget::new(Bounds::default(), &Clock::system()))
}

fn ids(opened: &Opened) -> Vec<&'static str> {
    let mut ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
    ids.dedup();
    ids
}

fn holds(opened: &Opened, role: Role, marker: &str) -> bool {
    let bytes = |member: &Member| memchr::memmem::find(&member.bytes, marker.as_bytes()).is_some();
    opened.members.iter().any(|member| member.role == role && bytes(member))
}

/// A link by hand: a path on disk, arguments and an icon, something behind it.
fn link(path: &str, arguments: &str, icon: &str, overlay: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46".to_vec();
    bytes.extend((0x1_u32 | 0x2 | 0x20 | 0x40 | 0x80).to_le_bytes());
    bytes.resize(76, 0);
    // One item, then their end.
    bytes.extend([12, 0, 10, 0, b'c', b':', b'\\', b'x', b'.', b'y', 0, 0, 0, 0]);
    let mut place = Vec::new();
    let size = 28 + path.len() + 2;
    for field in [size, 28, 1, 0, 28, 0, 28 + path.len() + 1] {
        place.extend(u32::try_from(field).unwrap().to_le_bytes());
    }
    place.extend([path.as_bytes(), &[0, 0]].concat());
    bytes.extend(place);
    for text in [arguments, icon] {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.extend(u16::try_from(units.len() / 2).unwrap().to_le_bytes());
        bytes.extend(units);
    }
    bytes.extend([&[0; 4], overlay].concat());
    bytes
}

#[test]
fn windows_links() {
    for (path, arguments, icon, want) in [
        ("C:\\x\\document.docx", "", "", &[][..]),
        ("C:\\Windows\\System32\\cmd.exe", "/c x", "", &["shortcut.runs_interpreter"]),
        ("C:\\x\\p.exe", "http://a.example/x", "", &["shortcut.remote_target"]),
        ("\\\\host\\share\\x.exe", "", "", &["shortcut.remote_target", "shortcut.remote_program"]),
        (
            "C:\\x\\mshta.exe",
            "x",
            "C:\\x\\file.pdf",
            &["shortcut.runs_interpreter", "shortcut.icon_lies"],
        ),
    ] {
        assert_eq!(ids(&read(&link(path, arguments, icon, b""), "a.lnk")), want, "{path}");
    }
    let padded = format!("{}marker of the test", " ".repeat(300));
    let opened = read(&link("C:\\x\\cmd.exe", &padded, "", b"MZ and more"), "");
    assert!(holds(&opened, Role::Code, "marker of the test"));
    assert!(holds(&opened, Role::File, "MZ and more"));
    assert!(ids(&opened).contains(&"shortcut.hidden_arguments"));
    assert!(ids(&opened).contains(&"shortcut.overlay"));
    let wide: Vec<u8> = "marker of the test".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = format!("-e {}", data_encoding::BASE64.encode(&wide));
    assert!(holds(
        &read(&link("C:\\powershell.exe", &encoded, "", b""), ""),
        Role::Code,
        "marker of the test"
    ));
}

#[test]
fn text_files_that_lead_away() {
    for (name, text, want) in [
        (
            "a.url",
            "[InternetShortcut]\r\nURL=https://a.example/?x=y\r\n",
            &["shortcut.remote_target"][..],
        ),
        (
            "a.url",
            "[InternetShortcut]\r\nURL=file://host/share/x.exe\r\nIconFile=\\\\host\\x\r\n",
            &["shortcut.remote_target", "shortcut.remote_program"],
        ),
        ("a.url", "[InternetShortcut]\r\nURL=ms-msdt:/id x", &["shortcut.opens_program"]),
        ("a.desktop", "[Desktop Entry]\nExec=sh -c x\n", &["shortcut.runs_interpreter"]),
        (
            "a.webloc",
            "<?xml version='1.0'?><plist><dict><key>URL</key><string>https://a.example</string></dict></plist>",
            &["shortcut.remote_target"],
        ),
        ("a.scf", "[Shell]\nCommand=2\nIconFile=\\\\host\\x\n", &["shortcut.remote_target"]),
        (
            "a.library-ms",
            "<libraryDescription xmlns='http://schemas.microsoft.com/windows/2009/library'><url>\\\\host\\x</url></libraryDescription>",
            &["shortcut.remote_target"],
        ),
        (
            "a.settingcontent-ms",
            "<PCSettings><DeepLink>%windir%\\system32\\cmd.exe /c x</DeepLink></PCSettings>",
            &["shortcut.runs_interpreter"],
        ),
        (
            "a.rdp",
            "full address:s:host.example\nalternate shell:s:cmd.exe\ndrivestoredirect:s:*\n",
            &["shortcut.remote_desktop", "shortcut.shares_drives", "shortcut.runs_interpreter"],
        ),
        ("a.iqy", "WEB\r\n1\r\nhttp://a.example/x\r\n", &["shortcut.remote_target"]),
        (
            "a.slk",
            "ID;P\nO;E\nNN;NAuto_open;ER1C1\nC;X1;Y1;K0;EEXEC(\"x\")\n",
            &["office.macro", "office.auto_run", "office.macro_formula"],
        ),
        ("a.txt", "nothing at all", &[]),
    ] {
        assert_eq!(ids(&read(text.as_bytes(), name)), want, "{text}");
    }
    let mut list = b"bplist00\xd1\x01\x02SURL_\x10\x14".to_vec();
    list.extend(b"http://a.example/abc\x08");
    assert_eq!(read(&list, "a.webloc").links, ["http://a.example/abc"]);
    let utf16: Vec<u8> = "\u{feff}[InternetShortcut]\nURL=https://a.example\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(read(&utf16, "a.url").links, ["https://a.example"]);
}

#[test]
fn nothing_panics() {
    let whole = link("C:\\x\\cmd.exe", "/c x", "icon", b"overlay");
    for end in 0..whole.len() {
        read(&whole[..end], "a.lnk");
    }
    for at in 20..whole.len() {
        let mut broken = whole.clone();
        broken[at] = 0xff;
        read(&broken, "a.lnk");
    }
}
