//! RTF as attackers write it.

use super::*;
use crate::{
    base::clock::Clock,
    formats::budget::{Bounds, Budget},
};
use data_encoding::HEXLOWER;

fn read(rtf: &[u8]) -> Opened {
    open(rtf, &mut Budget::new(Bounds::default(), &Clock::system()))
}

fn ids(opened: &Opened) -> Vec<&'static str> {
    let mut ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
    ids.dedup();
    ids
}

fn bytes<'o>(opened: &'o Opened, name: &str) -> &'o [u8] {
    let found = opened.members.iter().find(|member| member.name.as_deref() == Some(name));
    found.map(|member| &member.bytes[..]).unwrap_or_default()
}

fn text(rtf: &str) -> String {
    String::from_utf8(bytes(&read(rtf.as_bytes()), "document.txt").to_vec()).unwrap()
}

fn ole1(class: &str, native: &[u8]) -> Vec<u8> {
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut bytes = [0x0501_u32.to_le_bytes(), 2_u32.to_le_bytes()].concat();
    bytes.extend(long(class.len() + 1));
    bytes
        .extend([class.as_bytes(), &[0], &long(0), &long(0), &long(native.len()), native].concat());
    bytes
}

fn package(name: &str, data: &[u8]) -> Vec<u8> {
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut bytes = vec![2, 0];
    bytes.extend([name.as_bytes(), b"\0C:\\x\\", name.as_bytes(), &[0, 0, 0, 3, 0]].concat());
    bytes.extend([&long(4), &b"C:\\\0"[..], &long(data.len()), data].concat());
    bytes
}

#[test]
fn text_as_word_shows_it() {
    for (rtf, want) in [
        ("{\\rtf1 hello\\par there}", "hello\nthere"),
        ("{\\rtf1 mar{\\b k}e\\-r}", "marker"),
        ("{\\rtf1 mar\r\nker}", "marker"),
        ("{\\rtf1 r\\'e4k}", "räk"),
        ("{\\rtf1\\ansicpg1251 \\'cf\\'f0\\'e8}", "При"),
        ("{\\rtf1{\\fonttbl{\\f0 A;}{\\f1\\fcharset204 B;}}\\f1 \\'cf\\'f0}", "Пр"),
        ("{\\rtf1\\uc1 a\\u228 ?b\\u-10179?\\u-8704?}", "aäb\u{1f600}"),
        ("{\\rtf1\\uc0 \\u109\\u97\\u114}", "mar"),
        ("{\\rtf1 {\\upr{old}{\\*\\ud{new}}}}", "oldnew"),
        ("{\\rtf1 a{\\*\\unknown b}c}", "ac"),
        ("{\\rtf1 a{\\v b}c}", "ac"),
        ("{\\rtf1 no end", "no end"),
        ("{\\rt a}", "a"),
        ("junk{\\rtf1 a}", "a"),
    ] {
        assert_eq!(text(rtf), want, "{rtf}");
    }
    assert_eq!(bytes(&read(b"{\\rtf1 a{\\v secret}}"), "hidden.txt"), b"secret");
}

#[test]
fn objects_however_their_digits_are_broken() {
    let object = ole1("Package", &package("run.txt", b"marker of the test"));
    let digits = HEXLOWER.encode(&object);
    let (first, second) = digits.split_at(41);
    for rtf in [
        format!("{{\\rtf1{{\\object\\objemb{{\\*\\objclass Package}}{{\\*\\objdata {digits}}}}}}}"),
        format!("{{\\rtf1{{\\object\\objdata{digits}}}}}"),
        format!("{{\\rtf1{{\\object\\objdata {first}\r\n \t{second}"),
        format!("{{\\rtf1{{\\object{{\\*\\objdata {first}{{\\*\\x 41424}}{second}}}}}}}"),
        format!("{{\\rtf1{{\\object{{\\*\\objdata {{{first}}}{{{second}}}}}}}}}"),
        format!("{{\\rtf1{{\\object{{\\*\\objdata {first}\\bin0 \\par\\b0 {second}}}}}}}"),
        format!("{{\\rt{{\\object{{\\*\\objdata zz{first}zz{second}}}}}}}"),
        format!("{{\\rtf1{{\\OBJECT{{\\*\\ObjData {digits}}}}}}}"),
    ] {
        let opened = read(rtf.as_bytes());
        assert_eq!(bytes(&opened, "run.txt"), b"marker of the test", "{rtf}");
        assert!(ids(&opened).contains(&"rtf.object"), "{rtf}");
    }
    let mut binary = b"{\\rtf1{\\object{\\*\\objdata ".to_vec();
    binary.extend(format!("\\bin{} ", object.len()).as_bytes());
    binary.extend([&object[..], b"}}}"].concat());
    assert_eq!(bytes(&read(&binary), "run.txt"), b"marker of the test");
}

#[test]
fn an_escape_drops_the_half_byte_before_it() {
    let opened = read(b"{\\rtf1{\\object{\\*\\objdata 41424\\'7a43}}}");
    assert_eq!(bytes(&opened, "object1.ole"), b"ABC");
    assert!(ids(&opened).contains(&"rtf.obfuscated"));
}

#[test]
fn what_documents_do() {
    let equation = HEXLOWER.encode(&ole1("Equation.3", b"x"));
    for (rtf, want) in [
        ("{\\rtf1{\\*\\template http://a.example/x}}".to_string(), "rtf.remote_template"),
        ("{\\rtf1{\\field{\\*\\fldinst DDEA{\\b UTO} cmd \"/c x\"}}}".to_string(), "office.dde"),
        (
            "{\\rtf1{\\field{\\*\\fldinst INCLUDEPICTURE http://a.example/x}}}".to_string(),
            "office.remote_content",
        ),
        ("{\\rtf1{\\object\\objupdate\\objdata 4142}}".to_string(), "rtf.object_update"),
        ("{\\rtf1{\\object\\objautlink}}".to_string(), "rtf.linked_object"),
        (format!("{{\\rtf1{{\\object\\objdata {equation}}}}}"), "rtf.equation_editor"),
        ("{\\rtfx}".to_string(), "rtf.obfuscated"),
    ] {
        assert!(ids(&read(rtf.as_bytes())).contains(&want), "{rtf}");
    }
    assert!(ids(&read(b"{\\rtf1 plain}")).is_empty());
}

#[test]
fn pictures_and_other_data() {
    let opened = read(b"{\\rtf1{\\pict\\pngblip{\\*\\blipuid 00112233}89504e47\n0d0a}}");
    assert_eq!(bytes(&opened, "picture1"), b"\x89PNG\r\n");
    let opened = read(b"{\\rtf1{\\pict\\bin4 }}}}}}");
    assert_eq!(bytes(&opened, "picture1"), b"}}}}");
    let store = HEXLOWER.encode(&[b'x'; 40]);
    let opened = read(format!("{{\\rtf1{{\\*\\datastore {store}}}}}").as_bytes());
    assert_eq!(bytes(&opened, "data1"), [b'x'; 40]);
    let opened = read(b"{\\rtf1 a}PK\x03\x04 and what follows in it");
    assert_eq!(bytes(&opened, "after-end"), b"PK\x03\x04 and what follows in it");
}

#[test]
fn a_wrapped_page() {
    let rtf = "{\\rtf1\\ansi\\fromhtml1{\\*\\htmltag64 <b>}\\htmlrtf {\\b \\htmlrtf0 a<{\\*\\htmltag <a href='x\\'e4'>}}";
    let opened = read(rtf.as_bytes());
    assert_eq!(bytes(&opened, "document.html"), "<b>a&lt;<a href='xä'>".as_bytes());
}

#[test]
fn nothing_panics_and_nothing_explodes() {
    let object = HEXLOWER.encode(&ole1("Package", &package("run.txt", b"marker")));
    let whole = format!(
        "{{\\rtf1\\ansicpg932 \\u1 ?{{\\object{{\\*\\objdata {object}}}}}{{\\field{{\\*\\fldinst QUOTE 68}}}}\\'82\\bin3 abc}}"
    );
    for end in 0..whole.len() {
        read(&whole.as_bytes()[..end]);
    }
    read("{".repeat(500_000).as_bytes());
    read("{\\*\\x".repeat(200_000).as_bytes());
    read("{\\object\\objdata 41".repeat(100_000).as_bytes());
}
