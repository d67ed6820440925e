//! iCalendar (RFC 5545) and vCard (RFC 6350, and 2.1 of the time before): the files inside, the text, where links lead.
//!
//! Lines are unfolded as calendars do it; base64 is read over lines that nobody folded, since Outlook 2.1 cards are written so.

use super::{
    among::{keep, keep_link, keep_text, stop_at},
    budget::Budget,
    encodings::{self, Found},
    kind::{self, PartKind},
    mime::Transfer,
    opened::{Member, Opened, Role},
    reach::{self, Reach},
    script,
};
use crate::base::limits;

/// Reads a calendar or a card: what it carries as members, its text.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let text = encodings::text(bytes);
    let mut shown = String::new();
    let lines = unfold(&text);
    if lines.len() >= limits::CALENDAR_LINES_MAX {
        stop_at(&mut opened, limits::CALENDAR_LINES_MAX);
    }
    for line in lines {
        property(&line, &mut shown, &mut opened, budget);
    }
    keep_text(&mut opened, ("calendar.txt", shown), Role::Text, budget);
    opened
}

/// Lines with their continuations: those that begin with a blank (RFC 5545 section 3.1), soft breaks of quoted-printable, and lines of
/// nothing but base64 after a value in base64.
fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut base64 = false;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let letters = !line.is_empty() && encodings::is_base64(line.as_bytes());
        let last = lines.last_mut();
        match last {
            Some(last) if is_quoted(last) && last.ends_with('=') => {
                last.pop();
                last.push_str(line);
            }
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push_str(line.get(1..).unwrap_or_default());
            }
            Some(last) if base64 && (letters || (!line.contains(':') && !line.is_empty())) => {
                last.push_str(line);
            }
            _ => {
                if lines.len() >= limits::CALENDAR_LINES_MAX {
                    break;
                }
                let head = line.split(':').next().unwrap_or_default().to_ascii_uppercase();
                base64 = head.contains("BASE64") || head.contains("ENCODING=B");
                lines.push(line.to_string());
            }
        }
    }
    lines
}

fn is_quoted(line: &str) -> bool {
    let head = line.split(':').next().unwrap_or_default();
    head.to_ascii_uppercase().contains("QUOTED-PRINTABLE")
}

fn property(line: &str, shown: &mut String, opened: &mut Opened, budget: &mut Budget) {
    let Some((head, value)) = split_value(line) else { return };
    let upper = head.to_ascii_uppercase();
    let name = upper
        .split(';')
        .next()
        .unwrap_or_default()
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_string();
    // Another form of the text, or a place where it can be fetched.
    for parameter in ["ALTREP=", "DIR="] {
        if let Some(target) = parameter_of(head, parameter) {
            leads(&target, opened);
        }
    }
    let file = ["X-FILENAME=", "FILENAME=", "X-ORACLE-FILENAME=", "X-APPLE-FILENAME="]
        .iter()
        .find_map(|parameter| parameter_of(head, parameter))
        .unwrap_or_else(|| name.to_ascii_lowercase());
    let encoded =
        upper.contains("BASE64") || upper.contains(";ENCODING=B") || upper.contains("VALUE=BINARY");
    if encoded {
        let bytes = encodings::base64(value.as_bytes());
        attached(file, bytes, opened, budget);
        return;
    }
    let quoted = upper.contains("QUOTED-PRINTABLE");
    let value = match quoted {
        true => {
            let decoded = Transfer::QuotedPrintable.decode(value.as_bytes());
            super::mime::decode_text(
                &decoded.bytes,
                &parameter_of(head, "CHARSET=").unwrap_or_default(),
            )
        }
        false => value.to_string(),
    };
    if let Some(found) = script::data_address(&value) {
        let bytes = match found {
            Found::File(bytes) | Found::Page(bytes) => bytes,
            Found::Text(text) => text.into_bytes(),
        };
        attached(file, bytes, opened, budget);
        return;
    }
    let text = plain(&value);
    let is_page = upper.contains("FMTTYPE=TEXT/HTML") || name == "X-ALT-DESC";
    if is_page {
        let page =
            Member::new(Some("description.html".to_string()), text.into_bytes(), Role::Inside);
        keep(opened, page, budget);
        return;
    }
    match name.as_str() {
        "ATTACH" | "URL" | "SOURCE" | "CONFERENCE" | "IMAGE" | "PHOTO" | "LOGO" | "SOUND"
        | "KEY" | "FBURL" | "CALURI" | "CALADRURI" | "TZURL" | "X-URL" => leads(&text, opened),
        // What the program keeps for itself.
        "BEGIN" | "END" | "VERSION" | "DTSTAMP" | "DTSTART" | "DTEND" | "UID" | "SEQUENCE"
        | "RRULE" => return,
        _ => (),
    }
    if shown.len() < limits::DOCUMENT_TEXT_BYTES_MAX {
        shown.push_str(&text);
        shown.push('\n');
    }
}

/// The name with its parameters, and the value: a colon inside quotes is none.
fn split_value(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let colon = line.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b':' && !quoted
    });
    // A quote that never closes would hide the value.
    let colon = colon.or_else(|| line.find(':'))?;
    Some((line.get(..colon)?, line.get(colon + 1..)?))
}

fn parameter_of(head: &str, wanted: &str) -> Option<String> {
    let upper = head.to_ascii_uppercase();
    let at = upper.find(&format!(";{wanted}"))? + 1 + wanted.len();
    let value = head.get(at..)?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => value.split(';').next()?,
    };
    Some(value.trim().to_string()).filter(|value| !value.is_empty())
}

fn attached(name: String, bytes: Vec<u8>, opened: &mut Opened, budget: &mut Budget) {
    if bytes.is_empty() {
        return;
    }
    let what = kind::of(&bytes, &name);
    if what != PartKind::Image {
        opened.sign("calendar.attachment", format!("a file of kind {} is attached", what.word()));
    }
    keep(opened, Member::new(Some(super::mime::bounded(name)), bytes, Role::File), budget);
}

fn leads(target: &str, opened: &mut Opened) {
    match reach::of(target) {
        Reach::Network | Reach::Person => keep_link(opened, target),
        Reach::Share => {
            keep_link(opened, target);
            opened.sign("calendar.leads_to_share", "it leads to a network share");
        }
        Reach::Program => {
            keep_link(opened, target);
            opened.sign("calendar.opens_program", "it starts a program by a scheme");
        }
        Reach::LocalFile | Reach::Inside => (),
    }
}

/// RFC 5545 section 3.3.11: a backslash before a comma, a semicolon, a backslash, and `\n`.
fn plain(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};
    use data_encoding::BASE64;

    fn read(text: &str) -> Opened {
        open(text.as_bytes(), &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    #[test]
    fn what_calendars_and_cards_carry() {
        let letters = BASE64.encode(b"marker of the test");
        let (first, second) = letters.split_at(10);
        for text in [
            format!(
                "BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=\"a:b.txt\":{letters}\r\n"
            ),
            format!(
                "ATTACH;FMTTYPE=a/b;ENCODING=BASE64;VALUE=BINARY:{first}\r\n {second}\r\nEND:VEVENT"
            ),
            format!("ATTACH:data:text/plain;base64,{letters}\n"),
            format!("BEGIN:VCARD\nPHOTO;ENCODING=b;TYPE=JPEG:{letters}\n"),
            format!("item1.KEY;BASE64:\n {first}\n {second}\n\nEND:VCARD"),
            format!("PHOTO;TYPE=JPEG;ENCODING=BASE64:{first}\n{second}\n\nEND:VCARD"),
            format!("LOGO:data:image/png;base64,{letters}"),
            "DESCRIPTION:mar\r\n ker of\\, the".to_string().replace("of\\, the", "of the test"),
            "NOTE;ENCODING=QUOTED-PRINTABLE:mark=65r of=\n the test".to_string(),
            "X-ALT-DESC;FMTTYPE=text/html:<p>marker of the test</p>".to_string(),
            "SUMMARY;ALTREP=\"http://a.example/x:y\":marker of the test".to_string(),
        ] {
            let opened = read(&text);
            let found = opened
                .members
                .iter()
                .any(|member| memchr::memmem::find(&member.bytes, b"marker of the test").is_some());
            assert!(found, "{text}");
        }
        let opened =
            read("ATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=run.exe:TVqQAAMAAAAEAAAA");
        assert_eq!(opened.members[0].name.as_deref(), Some("run.exe"));
    }

    #[test]
    fn where_they_lead() {
        let opened =
            read("ATTACH:https://a.example/x\nURL:file://host/x\nSUMMARY;ALTREP=\"search-ms:x\":y");
        assert_eq!(opened.links, ["https://a.example/x", "file://host/x", "search-ms:x"]);
        let ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
        assert_eq!(ids, ["calendar.leads_to_share", "calendar.opens_program"]);
    }

    #[test]
    fn nothing_panics() {
        let whole = "ATTACH;X=\"a:b;ENCODING=BASE64:QUJD\n QUJD\nNOTE;QUOTED-PRINTABLE:=4\n=\nURL:data:,x\\";
        for end in 0..whole.len() {
            read(&whole[..end]);
        }
    }
}
