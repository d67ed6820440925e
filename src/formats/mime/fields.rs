//! What the MIME fields of one part say: type, charset, boundary, disposition, names, transfer encoding.
//!
//! RFC 2045, RFC 2183, RFC 2231 and, because everybody does it against section 5, RFC 2047 words in parameters. The first reading of a
//! parameter is mail-parser's; `parameters` has the others. Which field counts is a [`Choice`]: all of them in the usual walk, where
//! nothing may go unseen, the first or the last one in the walks that read as one program does.

use super::{Doubt, Oddities, transfer::Transfer};
use crate::{
    base::limits,
    mail::{
        Header,
        header::{self, Problem},
    },
};
use mail_parser::parsers::MessageStream;

/// The MIME fields of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Type and subtype, lower case, without parameters; empty when no field says.
    pub media_type: String,
    /// Other types that some readers take it for, lower case.
    pub other_types: Vec<String>,
    /// The charset parameter as written; empty if there is none.
    pub charset: String,
    /// Other charsets that are given.
    pub other_charsets: Vec<String>,
    /// "attachment", "inline" or what else is written, lower case; empty if there is none.
    pub disposition: String,
    /// Every distinct file name given, the one most mail programs show first: `filename`, then `name`.
    pub names: Vec<String>,
    /// Names that only some readers see: another reading of the same parameters, or another field in place of a name.
    /// See [`super::names::all`].
    pub more_names: Vec<String>,
    /// The transfer encodings to read the body with: the one that counts first, then those other readers would choose. Never empty.
    pub transfers: Vec<Transfer>,
    /// How its lines belong together, if they do.
    pub flow: Option<Flow>,
    /// By what a page asks for it, RFC 2392 section 2: the Content-ID without brackets; empty if there is none.
    pub content_id: String,
    /// Every boundary given, the one that counts first.
    pub(super) boundaries: Vec<Boundary>,
}

/// Text whose lines are to be joined again, `format=flowed`, RFC 3676.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The blank at the end of a line stays.
    Blanks,
    /// `delsp=yes`: it goes, so that words may be broken anywhere.
    NoBlanks,
}

/// A boundary, by one reading of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boundary {
    pub(super) text: Vec<u8>,
    /// It is what the standards make of the field.
    pub(super) strict: bool,
}

/// Which of several fields of one name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Choice {
    /// All of them: nothing may go unseen.
    #[default]
    All,
    /// The first.
    First,
    /// The last.
    Last,
}

/// The fields of a header section that are about its part, in order: gathered once, since a mail's own header has a hundred others.
struct Content<'h> {
    fields: Vec<(&'h str, &'h [u8])>,
    choice: Choice,
}

impl<'h> Content<'h> {
    fn of(header: &'h Header, choice: Choice) -> Content<'h> {
        let fields = header.fields().iter().map(|field| (header.name(field), field));
        let fields = fields
            .filter(|(name, _)| {
                name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"))
            })
            .map(|(name, field)| (name, header.raw(field)))
            .collect();
        Content { fields, choice }
    }

    fn all(&self, name: &str) -> Vec<&'h [u8]> {
        let mut all = self
            .fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, raw)| *raw);
        match self.choice {
            Choice::All => all.take(REPEATED_FIELDS_MAX).collect(),
            Choice::First => all.next().into_iter().collect(),
            Choice::Last => all.next_back().into_iter().collect(),
        }
    }
}

impl Fields {
    /// Is it a multipart of any kind?
    pub fn is_multipart(&self) -> bool {
        is_multipart(&self.media_type)
    }

    /// Is it declared to be a mail inside the mail (RFC 2046 section 5.2.1, RFC 6532 section 3.7)?
    pub fn is_message(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "message/rfc822"
                | "message/global"
                | "message/news"
                | "message/x-rfc822"
                | "message/rfc2822"
                | "message/rfc-822"
                | "message/x-message"
                | "message"
        )
    }

    /// What a part without any field is.
    pub(super) fn without_any() -> Fields {
        Fields { transfers: vec![Transfer::Identity], ..Fields::default() }
    }

    /// Reads the fields of a header section; `part` names the part in what is said about it.
    pub(super) fn read(header: &Header, part: &str, oddities: &mut Oddities) -> Fields {
        Fields::read_by(header, part, Choice::All, oddities)
    }

    /// The same with a choice among fields that stand there several times.
    pub(super) fn read_by(
        header: &Header,
        part: &str,
        choice: Choice,
        oddities: &mut Oddities,
    ) -> Fields {
        let mut fields = Fields::default();
        let mut names = Names::default();
        let content = Content::of(header, choice);
        let types = content.all("Content-Type");
        note_duplicate("Content-Type", &types, part, oddities);
        for raw in types {
            fields.take_type(raw, part, &mut names, oddities);
        }
        let dispositions = content.all("Content-Disposition");
        let mut shown = Names::default();
        for raw in dispositions {
            let Some(value) = parse(raw, part, oddities) else { continue };
            if fields.disposition.is_empty() {
                fields.disposition.clone_from(&value.word);
            }
            shown.take(raw, &value, "filename", oddities);
            // Some programs take either parameter in either field.
            shown.other(raw, "name", oddities);
        }
        names.more.extend(fallback_names(&content));
        for name in shown.first.into_iter().chain(names.first) {
            push_name(&mut fields.names, &[], name);
        }
        for name in shown.more.into_iter().chain(names.more) {
            push_name(&mut fields.more_names, &fields.names, name);
        }
        if fields.names.len() > 1 {
            oddities.note(
                "mime.several_names",
                format!("part {part} has several different file names"),
            );
        }
        fields.take_transfers(&content, part, oddities);
        fields.content_id =
            content.all("Content-ID").first().map(|raw| id(raw)).unwrap_or_default();
        note_problems(header, part, oddities);
        fields
    }

    fn take_type(&mut self, raw: &[u8], part: &str, names: &mut Names, oddities: &mut Oddities) {
        let Some(value) = parse(raw, part, oddities) else { return };
        names.take(raw, &value, "name", oddities);
        names.other(raw, "filename", oddities);
        let strict: Vec<Vec<u8>> = value
            .parameters("boundary")
            // RFC 2046 section 5.1.1: a boundary does not end in white space.
            .map(|boundary| boundary.trim_end().as_bytes().to_vec())
            .collect();
        for text in strict {
            self.take_boundary(text, true);
        }
        for text in oddities.readings(raw, "boundary") {
            self.take_boundary(text, false);
        }
        for charset in value.parameters("charset") {
            match self.charset.is_empty() {
                true => self.charset = charset,
                false if charset != self.charset && !self.other_charsets.contains(&charset) => {
                    self.other_charsets.push(charset);
                }
                false => (),
            }
        }
        let says = |parameter: &str, word: &str| {
            value.parameters(parameter).any(|said| said.trim().eq_ignore_ascii_case(word))
        };
        if says("format", "flowed") {
            self.flow.get_or_insert(match says("delsp", "yes") {
                true => Flow::NoBlanks,
                false => Flow::Blanks,
            });
        }
        let (word, others, in_order) = types(&value.word, raw);
        if !in_order && (!others.is_empty() || !self.boundaries.is_empty()) {
            oddities.note("mime.type_unclear", format!("the type of part {part} is written oddly"));
            oddities.doubt(Doubt::Types);
        }
        // A second field with another opinion still adds its boundaries and names. Of two, the dangerous reading is the one with parts.
        for word in std::iter::once(word).chain(others) {
            if self.media_type.is_empty() {
                self.media_type = word;
            } else if is_multipart(&word) && !self.is_multipart() {
                self.other_types.push(std::mem::replace(&mut self.media_type, word));
            } else if word != self.media_type && !self.other_types.contains(&word) {
                self.other_types.push(word);
            }
        }
    }

    fn take_boundary(&mut self, text: Vec<u8>, strict: bool) {
        if !text.is_empty()
            && self.boundaries.len() < BOUNDARIES_MAX
            && !self.boundaries.iter().any(|known| known.text == text)
        {
            self.boundaries.push(Boundary { text, strict });
        }
    }

    fn take_transfers(&mut self, content: &Content<'_>, part: &str, oddities: &mut Oddities) {
        let raw = content.all("Content-Transfer-Encoding");
        note_duplicate("Content-Transfer-Encoding", &raw, part, oddities);
        for value in raw {
            let value = header::unfold(value);
            let transfer = Transfer::parse(&value);
            if transfer != Transfer::Unknown {
                self.add_transfer(transfer);
                continue;
            }
            oddities.note(
                "mime.transfer_encoding_unknown",
                format!("part {part} has a transfer encoding nobody knows"),
            );
            // Readers differ: as it is, or by the name they think they recognise.
            self.add_transfer(Transfer::Identity);
            for guess in Transfer::guesses(&value) {
                self.add_transfer(guess);
            }
        }
        if self.transfers.is_empty() {
            self.transfers.push(Transfer::Identity);
        }
    }

    pub(super) fn add_transfer(&mut self, transfer: Transfer) {
        if !self.transfers.contains(&transfer) {
            self.transfers.push(transfer);
        }
    }
}

fn note_duplicate(name: &str, values: &[&[u8]], part: &str, oddities: &mut Oddities) {
    let Some((first, others)) = values.split_first() else { return };
    if others.is_empty() {
        return;
    }
    oddities.note("mime.duplicate_field", format!("part {part} has several {name} fields"));
    if others.iter().any(|other| other.trim_ascii() != first.trim_ascii()) {
        oddities.doubt(Doubt::Fields);
    }
}

/// What several readers show for a name.
#[derive(Default)]
struct Names {
    first: Vec<String>,
    more: Vec<String>,
}

impl Names {
    fn take(&mut self, raw: &[u8], value: &Value, parameter: &str, oddities: &mut Oddities) {
        self.first.extend(value.parameters(parameter));
        self.other(raw, parameter, oddities);
    }

    fn other(&mut self, raw: &[u8], parameter: &str, oddities: &mut Oddities) {
        let readings = oddities.readings(raw, parameter);
        // What is cut behind the semicolon is no name but the rest of the field.
        let names =
            readings.iter().enumerate().filter(|(at, name)| *at == 0 || !name.contains(&b';'));
        self.more.extend(names.map(|(_, name)| as_text(name)));
    }
}

fn push_name(names: &mut Vec<String>, known: &[String], name: String) {
    let name = bounded(name);
    if !name.is_empty()
        && names.len() < NAMES_MAX
        && !names.contains(&name)
        && !known.contains(&name)
    {
        names.push(name);
    }
}

/// Fields whose text programs use where no name is given: a description, the end of a location.
fn fallback_names(content: &Content<'_>) -> impl Iterator<Item = String> {
    let text = |name: &str| {
        let raw = content.all(name).into_iter().next()?;
        Some(header::decode_words(&header::unfold(raw)))
    };
    let described = text("Content-Description");
    let located = text("Content-Location").and_then(|location| {
        let path = location.split(['?', '#']).next()?.trim_end_matches('/');
        let (_, last) = path.rsplit_once('/').unwrap_or(("", path));
        // "http://www.example.com" names no file.
        (!path.ends_with(&format!("//{last}"))).then(|| last.to_string())
    });
    described.into_iter().chain(located)
}

pub(super) fn is_multipart(media_type: &str) -> bool {
    media_type.starts_with("multipart/") || media_type == "multipart"
}

/// The type, what other readers take an oddly written one for, and whether it is written in order.
fn types(word: &str, raw: &[u8]) -> (String, Vec<String>, bool) {
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
    };
    let in_order = match word.split_once('/') {
        Some((kind, subtype)) => is_token(kind) && is_token(subtype),
        None if word.is_empty() => raw.trim_ascii().is_empty(),
        None => is_token(word) && !raw.contains(&b'/'),
    };
    if in_order {
        return (word.to_string(), Vec::new(), true);
    }
    let mut others: Vec<String> = Vec::new();
    let text = header::decode_words(&header::unfold(raw)).to_ascii_lowercase();
    let text = super::transfer::without_comments(&text);
    let plain: String = text
        .chars()
        .map(|letter| if letter == '"' || letter.is_control() { ' ' } else { letter })
        .collect();
    let mut take = |kind: &str, subtype: &str| {
        let kind = kind.trim().rsplit([' ', ',', ';']).next().unwrap_or_default();
        let subtype = subtype.trim().split([' ', ',', ';']).next().unwrap_or_default();
        let found = format!("{kind}/{subtype}");
        if is_token(kind) && is_token(subtype) && found != word && !others.contains(&found) {
            others.push(found);
        }
    };
    let pieces: Vec<&str> = plain.split('/').take(TYPES_MAX).collect();
    for pair in pieces.windows(2) {
        if let [kind, subtype] = pair {
            take(kind, subtype);
        }
    }
    if others.is_empty() && plain.trim_start().starts_with("multipart") {
        others.push("multipart".to_string());
    }
    (word.to_string(), others, false)
}

/// A name's bytes as text: UTF-8, or Windows-1252 as mail programs take what is none.
pub(super) fn as_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
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

/// A Content-ID without its brackets.
fn id(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw.get(..raw.len().min(ID_BYTES_MAX)).unwrap_or_default());
    let text = text.trim();
    let text = text.strip_prefix('<').unwrap_or(text);
    text.split('>').next().unwrap_or_default().trim().to_string()
}

/// RFC 5322 section 2.1.1: a line ends at 998.
const ID_BYTES_MAX: usize = 998;

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
    let parsed = MessageStream::new(text.as_bytes()).parse_content_type().into_content_type();
    // What it cannot read at all may still have parameters that others see.
    let Some(value) = parsed else {
        return Some(Value { word: String::new(), parameters: Vec::new() });
    };
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
/// Different boundaries of one multipart that are looked for.
const BOUNDARIES_MAX: usize = 24;
/// Different names kept of one part.
const NAMES_MAX: usize = 32;
/// Types read out of one oddly written field.
const TYPES_MAX: usize = 5;

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
        let strict: Vec<&[u8]> = fields
            .boundaries
            .iter()
            .filter(|boundary| boundary.strict)
            .map(|boundary| boundary.text.as_slice())
            .collect();
        assert_eq!(strict, [&b"a b"[..], b"c"]);
    }
}
