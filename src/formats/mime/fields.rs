//! What the MIME fields of one part say: type, charset, boundary, disposition, names, transfer encoding.
//!
//! RFC 2045, RFC 2183, RFC 2231 and, because everybody does it against section 5, RFC 2047 words in parameters. The parameter syntax is
//! read by mail-parser; which field counts and what is odd is decided here. Fields that stand twice are all read: the first is what
//! we go by, the others are kept so that no reader's choice goes unseen.

use super::{Oddities, transfer::Transfer};
use crate::{
    base::limits,
    mail::{Header, header::Problem},
};
use mail_parser::parsers::MessageStream;

/// The MIME fields of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Type and subtype, lower case, without parameters; empty when no field says.
    pub media_type: String,
    /// The charset parameter as written; empty if there is none.
    pub charset: String,
    /// "attachment", "inline" or what else is written, lower case; empty if there is none.
    pub disposition: String,
    /// Every distinct file name given, the one most mail programs show first: `filename`, then `name`.
    pub names: Vec<String>,
    /// The transfer encodings to read the body with: the one that counts first, then those other readers would choose. Never empty.
    pub transfers: Vec<Transfer>,
    /// Every boundary given, the one that counts first.
    pub(super) boundaries: Vec<Vec<u8>>,
}

impl Fields {
    /// Is it a multipart of any kind?
    pub fn is_multipart(&self) -> bool {
        self.media_type.starts_with("multipart/")
    }

    /// Is it declared to be a mail inside the mail (RFC 2046 section 5.2.1, RFC 6532 section 3.7)?
    pub fn is_message(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "message/rfc822" | "message/global" | "message/news" | "message/x-rfc822"
        )
    }

    /// Reads the fields of a header section; `part` names the part in what is said about it.
    pub(super) fn read(header: &Header, part: &str, oddities: &mut Oddities) -> Fields {
        let mut fields = Fields::default();
        let mut names = Vec::new();
        for (at, field) in header.all("Content-Type").enumerate() {
            if at == 1 {
                oddities.note(
                    "mime.duplicate_field",
                    format!("part {part} has several Content-Type fields"),
                );
            }
            if at >= REPEATED_FIELDS_MAX {
                break;
            }
            let Some(value) = parse(header.raw(field), part, oddities) else { continue };
            fields.take_type(value, &mut names);
        }
        let mut shown_names = Vec::new();
        for field in header.all("Content-Disposition").take(REPEATED_FIELDS_MAX) {
            let Some(value) = parse(header.raw(field), part, oddities) else { continue };
            if fields.disposition.is_empty() {
                fields.disposition.clone_from(&value.word);
            }
            shown_names.extend(value.parameters("filename"));
        }
        for name in shown_names.into_iter().chain(names) {
            let name = bounded(name);
            if !name.is_empty() && !fields.names.contains(&name) {
                fields.names.push(name);
            }
        }
        if fields.names.len() > 1 {
            oddities.note(
                "mime.several_names",
                format!("part {part} has several different file names"),
            );
        }
        fields.take_transfers(header, part, oddities);
        note_problems(header, part, oddities);
        fields
    }

    fn take_type(&mut self, value: Value, names: &mut Vec<String>) {
        names.extend(value.parameters("name"));
        for boundary in value.parameters("boundary") {
            // RFC 2046 section 5.1.1: a boundary does not end in white space.
            let boundary = boundary.trim_end().as_bytes().to_vec();
            if !boundary.is_empty() && !self.boundaries.contains(&boundary) {
                self.boundaries.push(boundary);
            }
        }
        // A second field with another opinion still adds its boundaries and names.
        if self.media_type.is_empty() {
            self.charset = value.parameters("charset").next().unwrap_or_default();
            self.media_type = value.word;
        } else if value.word.starts_with("multipart/") && !self.is_multipart() {
            // The dangerous reading of the two is the one that has parts.
            self.media_type = value.word;
        }
    }

    fn take_transfers(&mut self, header: &Header, part: &str, oddities: &mut Oddities) {
        for (at, value) in header.values("Content-Transfer-Encoding").iter().enumerate() {
            if at == 1 {
                oddities.note(
                    "mime.duplicate_field",
                    format!("part {part} has several Content-Transfer-Encoding fields"),
                );
            }
            let transfer = Transfer::parse(value);
            if transfer == Transfer::Unknown {
                oddities.note(
                    "mime.transfer_encoding_unknown",
                    format!("part {part} has a transfer encoding nobody knows"),
                );
                // Readers differ: as it is, or by the name they think they recognise.
                self.add_transfer(Transfer::Identity);
                self.add_transfer(Transfer::guess(value));
            } else {
                self.add_transfer(transfer);
            }
        }
        self.add_transfer_if_none();
    }

    fn add_transfer(&mut self, transfer: Transfer) {
        if !self.transfers.contains(&transfer) {
            self.transfers.push(transfer);
        }
    }

    fn add_transfer_if_none(&mut self) {
        if self.transfers.is_empty() {
            self.transfers.push(Transfer::Identity);
        }
    }
}

fn note_problems(header: &Header, part: &str, oddities: &mut Oddities) {
    for problem in header.problems() {
        match problem {
            Problem::Nul => {
                oddities.note("mime.header_nul", format!("the header of part {part} has a NUL"));
            }
            Problem::EndedByText => oddities.note(
                "mime.header_broken",
                format!("the header of part {part} ends at a line that is no field"),
            ),
            // Said of the message by the checks that read its header; in a part they change nothing we go by.
            Problem::BareCr
            | Problem::SpaceBeforeColon
            | Problem::BadName
            | Problem::StartsFolded
            | Problem::MboxLine
            | Problem::NoEnd => (),
        }
    }
    let eight_bit = header.fields().iter().any(|field| {
        !header.raw(field).is_ascii() && std::str::from_utf8(header.raw(field)).is_err()
    });
    if eight_bit {
        oddities.note(
            "mime.header_eight_bit",
            format!("the header of part {part} has bytes that are neither ASCII nor UTF-8"),
        );
    }
}

/// A field body: a word, lower case, and parameters in order.
struct Value {
    word: String,
    parameters: Vec<(String, String)>,
}

impl Value {
    fn parameters<'v>(&'v self, name: &'v str) -> impl Iterator<Item = String> + 'v {
        self.parameters
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_string())
    }
}

fn parse(raw: &[u8], part: &str, oddities: &mut Oddities) -> Option<Value> {
    let cut = raw.get(..raw.len().min(limits::MIME_FIELD_BYTES_MAX)).unwrap_or_default();
    if cut.len() < raw.len() {
        oddities.note(
            "mime.field_too_long",
            format!("part {part} has a MIME field of {} bytes", raw.len()),
        );
    }
    let text = match std::str::from_utf8(cut) {
        Ok(text) => format!("{text}\n"),
        // Names in raw Latin-1 are common; read so, they keep their letters.
        Err(_) => format!("{}\n", encoding_rs::WINDOWS_1252.decode_without_bom_handling(cut).0),
    };
    // A NUL inside a type would end it in some readers and not in others.
    let text = text.replace('\0', "");
    let value = MessageStream::new(text.as_bytes()).parse_content_type().into_content_type()?;
    let word = match &value.c_subtype {
        Some(subtype) => format!("{}/{}", value.c_type.trim(), subtype.trim()),
        None => value.c_type.trim().to_string(),
    };
    let parameters = value
        .attributes
        .into_iter()
        .flatten()
        .map(|attribute| (attribute.name.into_owned(), attribute.value.into_owned()))
        .collect();
    Some(Value { word: word.to_ascii_lowercase(), parameters })
}

/// Cuts a name to the longest we keep, at a letter.
pub(crate) fn bounded(mut name: String) -> String {
    if name.len() > limits::FILE_NAME_BYTES_MAX {
        let end = name.floor_char_boundary(limits::FILE_NAME_BYTES_MAX);
        name.truncate(end);
    }
    name
}

/// Copies of one field that are read; more change nothing about the mail being odd.
const REPEATED_FIELDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Fields, Vec<&'static str>) {
        let mut oddities = Oddities::default();
        let header = Header::read(text.as_bytes()).unwrap();
        let fields = Fields::read(&header, "1", &mut oddities);
        (fields, oddities.ids())
    }

    #[test]
    fn names_in_every_spelling() {
        for (text, want) in [
            ("Content-Type: application/pdf; name=a.pdf\n\n", &["a.pdf"][..]),
            ("Content-Disposition: attachment; filename=\"a b.pdf\"\n\n", &["a b.pdf"]),
            ("Content-Type: application/pdf; name=\"=?utf-8?Q?R=C3=A4k.pdf?=\"\n\n", &["Räk.pdf"]),
            ("Content-Disposition: attachment; filename*=utf-8''R%C3%A4k.pdf\n\n", &["Räk.pdf"]),
            (
                "Content-Disposition: attachment;\n filename*0=\"invo\";\n filename*1=\"ice.exe\"\n\n",
                &["invoice.exe"],
            ),
            (
                "Content-Disposition: attachment; filename*0*=iso-8859-1''R%E4; filename*1*=k.pdf\n\n",
                &["Räk.pdf"],
            ),
            (
                "Content-Type: a/b; name=a.txt\nContent-Disposition: attachment; filename=a.exe\n\n",
                &["a.exe", "a.txt"],
            ),
        ] {
            assert_eq!(read(text).0.names, want, "{text}");
        }
        let raw = b"Content-Type: a/b; name=\"R\xe4k.pdf\"\n\n";
        let mut oddities = Oddities::default();
        let fields = Fields::read(&Header::read(raw).unwrap(), "1", &mut oddities);
        assert_eq!(fields.names, ["Räk.pdf"]);
        assert_eq!(oddities.ids(), ["mime.header_eight_bit"]);
    }

    #[test]
    fn types_and_what_is_odd_about_them() {
        for (text, media_type, odd) in [
            ("Content-Type: TEXT/Html; charset=x\n\n", "text/html", &[][..]),
            ("Subject: hi\n\n", "", &[]),
            ("Content-Type: text/plain (a comment); charset=x\n\n", "text/plain", &[]),
            (
                "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n",
                "multipart/mixed",
                &["mime.duplicate_field"],
            ),
            (
                "Content-Type: text/plain\nContent-Transfer-Encoding: x-rot13\n\n",
                "text/plain",
                &["mime.transfer_encoding_unknown"],
            ),
            (
                "Content-Type: a/b; name=x\nContent-Disposition: inline; filename=y\n\n",
                "a/b",
                &["mime.several_names"],
            ),
        ] {
            let (fields, oddities) = read(text);
            assert_eq!((fields.media_type.as_str(), &oddities[..]), (media_type, odd), "{text}");
        }
    }

    #[test]
    fn every_boundary_is_kept() {
        let (fields, _) = read(
            "Content-Type: multipart/mixed; boundary=\"a b \"\nContent-Type: multipart/mixed; boundary=c\n\n",
        );
        assert_eq!(fields.boundaries, [b"a b".to_vec(), b"c".to_vec()]);
    }
}
