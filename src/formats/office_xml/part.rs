//! One part of a document: the text in it and what it does, by the local names of its elements.

use super::{Document, open_document};
use crate::{
    base::limits,
    formats::{
        among::keep_link,
        encodings::{self, Found},
        formula,
        opened::{Member, Opened, Role},
        reach::{self, Reach},
        word_field,
        xml::{self, Entities, Tag, Token},
    },
};

/// Text put together from all parts.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// What a reader sees.
    pub(super) shown: String,
    /// What is marked as hidden.
    pub(super) hidden: String,
    /// Formulas, macros.
    pub(super) code: String,
}

impl Texts {
    /// Was there more than is kept?
    pub(super) fn is_full(&self) -> bool {
        [&self.shown, &self.hidden, &self.code]
            .iter()
            .any(|text| text.len() >= limits::DOCUMENT_TEXT_BYTES_MAX)
    }
}

pub(super) fn push(text: &mut String, more: &str) {
    if text.len() < limits::DOCUMENT_TEXT_BYTES_MAX {
        text.push_str(more);
    }
}

fn line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        push(text, "\n");
    }
}

/// Reads one part.
pub(super) fn read(name: &str, text: &str, document: &mut Document) {
    let mut reader = Reader {
        document,
        name,
        manner: None,
        entities: Entities::default(),
        element: String::new(),
        formula: false,
        hidden: false,
        field: String::new(),
        fields_open: 0,
        base64: None,
    };
    for token in xml::tokens(text) {
        reader.take(token);
    }
    reader.end_field();
}

/// Which text nodes are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Runs of Word and of drawings.
    Runs,
    /// A worksheet and what belongs to it: formulas, strings.
    Sheet,
    /// An Excel 4 macro sheet or a module of Basic.
    Program,
    /// OpenDocument: paragraphs, everything in them.
    Open,
    /// Anything else: every text node.
    All,
}

impl Manner {
    /// By the root element, since a part may have any name. None: this one only wraps the part.
    fn of(root: &Tag<'_>) -> Option<Manner> {
        Some(match root.name {
            "part" | "xmlData" | "package" => return None,
            _ if root.prefix == "office" => Manner::Open,
            "document" | "hdr" | "ftr" | "footnotes" | "endnotes" | "comments" | "wordDocument"
            | "glossaryDocument" | "sld" | "notes" | "sldLayout" | "sldMaster" | "notesMaster"
            | "handoutMaster" | "cmLst" | "wsDr" | "dataModel" | "drawing" => Manner::Runs,
            "worksheet" | "sst" | "dialogsheet" | "workbook" | "table" | "externalLink" => {
                Manner::Sheet
            }
            "macrosheet" | "module" => Manner::Program,
            _ => Manner::All,
        })
    }

    fn is_text(self, element: &str, text: &str) -> bool {
        match self {
            Manner::Runs => matches!(element, "t" | "delText" | "text"),
            Manner::Sheet => match element {
                "t" | "text" | "formula1" | "formula2" => true,
                "v" => text.chars().any(char::is_alphabetic),
                other => other.ends_with("Header") || other.ends_with("Footer"),
            },
            Manner::Program | Manner::Open | Manner::All => true,
        }
    }
}

struct Reader<'d> {
    document: &'d mut Document,
    name: &'d str,
    manner: Option<Manner>,
    entities: Entities,
    /// The element that was opened last.
    element: String,
    formula: bool,
    /// The run is marked as not to be shown.
    hidden: bool,
    /// The instruction of the field that is open.
    field: String,
    fields_open: usize,
    /// Letters of a file written in base64, and its name.
    base64: Option<(String, String)>,
}

impl Reader<'_> {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Start(tag) => {
                self.start(&tag);
                if tag.empty {
                    self.end(tag.name);
                }
            }
            Token::End(name) => self.end(name),
            Token::Text(text) => {
                let text = self.entities.expand(text);
                self.text(&text);
            }
            Token::Cdata(text) => self.text(text),
            Token::Doctype(doctype) => {
                self.entities = Entities::read(doctype);
                // OpenDocument's own modules name a public document type, and nobody fetches it.
                if self.entities.present || !doctype.contains("PUBLIC") {
                    let name: String = self.name.chars().take(60).collect();
                    self.document
                        .opened
                        .sign("xml.entities", format!("{name} has a document type"));
                }
            }
            Token::Comment(_) | Token::Instruction(_) => (),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        self.element.clear();
        self.element.push_str(tag.name);
        self.manner = self.manner.or_else(|| Manner::of(tag));
        match tag.name {
            "p" | "h" | "si" | "row" | "comment" | "Row" | "list-item" | "table-row" => {
                line(&mut self.document.texts.shown);
            }
            "tab" | "ptab" | "c" | "Cell" | "table-cell" | "s" => {
                push(&mut self.document.texts.shown, if tag.name == "s" { " " } else { "\t" })
            }
            "br" | "cr" | "line-break" => push(&mut self.document.texts.shown, "\n"),
            "r" | "rPr" => self.hidden = tag.name == "rPr" && self.hidden,
            "vanish" | "webHidden" | "specVanish" => self.hidden = is_on(tag),
            "fldSimple" => {
                let instruction = tag.attribute("instr").unwrap_or_default();
                word_field::read(&instruction, &mut self.document.opened);
            }
            "fldChar" => self.field_mark(&tag.attribute("fldCharType").unwrap_or_default()),
            "f" => self.formula = true,
            "binData" | "binaryData" | "binary-data" => {
                let name = tag.attribute("name").unwrap_or_default().into_owned();
                self.base64 = Some((name, String::new()));
            }
            _ => self.does(tag),
        }
        if self.manner == Some(Manner::Open) || tag.prefix == "xlink" || tag.prefix == "draw" {
            open_document::start(tag, &mut self.document.opened);
        }
        self.attributes(tag);
    }

    /// Elements that do something.
    fn does(&mut self, tag: &Tag<'_>) {
        let opened = &mut self.document.opened;
        match tag.name {
            "ddeLink" => {
                let service = tag.attribute("ddeService").unwrap_or_default();
                let topic = tag.attribute("ddeTopic").unwrap_or_default();
                opened.sign("office.dde", "a workbook is linked to another program by DDE");
                push(&mut self.document.texts.code, &format!("{service}|{topic}\n"));
            }
            "OLEObject" | "oleObject" | "oleObj" => {
                let class = tag.attribute("ProgID").or_else(|| tag.attribute("progId"));
                let class: String = class.unwrap_or_default().chars().take(60).collect();
                opened.sign("office.embedded_object", format!("an object of class {class}"));
                if class.to_ascii_lowercase().starts_with("equation.") {
                    opened.sign("office.equation_editor", "an object of the equation editor");
                }
            }
            "customUI" if tag.attribute("onLoad").is_some() => {
                opened.sign("office.auto_run", "a macro is run when the ribbon is loaded");
            }
            "altChunk" => opened.sign("office.alt_chunk", "a foreign document is taken in"),
            "hlinkClick" | "hlinkMouseOver" | "hlinkHover" => {
                let action = tag.attribute("action").unwrap_or_default().to_ascii_lowercase();
                if action.contains("//program")
                    || action.contains("//macro")
                    || action.contains("//ole")
                {
                    opened.sign("office.action_runs", format!("{} runs something", tag.name));
                }
            }
            "sheet" => match tag.attribute("state").as_deref() {
                Some("veryHidden") => {
                    opened
                        .sign("office.very_hidden_sheet", "a sheet can only be shown by a program");
                }
                Some("hidden") => opened.sign("office.hidden_sheet", "a sheet is hidden"),
                Some(_) | None => (),
            },
            "definedName" => {
                let name = tag.attribute("name").unwrap_or_default().to_ascii_lowercase();
                if ["auto_open", "auto_close", "auto_activate"]
                    .iter()
                    .any(|auto| name.contains(auto))
                {
                    opened.sign("office.auto_run", "a macro of Excel 4 runs by itself");
                }
                self.formula = true;
            }
            _ => (),
        }
    }

    /// Attributes that are text, or lead outside, whatever element they stand on.
    fn attributes(&mut self, tag: &Tag<'_>) {
        for (name, value) in tag.attributes() {
            match xml::local(name) {
                // Alternative text, names of sheets, pages of XPS, form fields, document variables.
                "descr" | "title" | "alt" | "UnicodeString" | "string-value" | "helpText"
                | "statusText" => {
                    self.seen(&value);
                }
                "name" if tag.name == "sheet" || tag.name == "docPr" => self.seen(&value),
                "val" if tag.name == "docVar" || tag.name == "default" => {
                    self.unseen_data(&value);
                }
                "Formula" | "formula" => self.formula(&value),
                "HRef" | "src" | "Address" | "NavigateUri" => {
                    outside(&value, &mut self.document.opened)
                }
                "href" if self.manner != Some(Manner::Open) => {
                    outside(&value, &mut self.document.opened)
                }
                "onAction" | "onLoad" if tag.name != "customUI" => {
                    self.document.opened.sign("office.macro", "a button runs a macro");
                }
                _ => (),
            }
        }
    }

    fn seen(&mut self, value: &str) {
        line(&mut self.document.texts.shown);
        push(&mut self.document.texts.shown, value);
        line(&mut self.document.texts.shown);
    }

    /// A value that a macro may read: what it decodes to is kept as well.
    fn unseen_data(&mut self, value: &str) {
        push(&mut self.document.texts.hidden, value);
        line(&mut self.document.texts.hidden);
        if let Some(found) = encodings::decode_whole(value) {
            self.found("variable", found);
        }
    }

    fn found(&mut self, name: &str, found: Found) {
        let bytes = match found {
            Found::File(bytes) | Found::Page(bytes) => bytes,
            Found::Text(text) => text.into_bytes(),
        };
        if self.document.found.len() < limits::DECODED_PER_TEXT_MAX {
            let name = Some(crate::formats::mime::bounded(name.to_string()));
            self.document.found.push(Member::new(name, bytes, Role::Inside));
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, letters)) = &mut self.base64 {
            letters.push_str(text);
            return;
        }
        if self.formula {
            self.formula(text);
            return;
        }
        let element = self.element.as_str();
        if matches!(element, "instrText" | "delInstrText") {
            push(&mut self.field, text);
            return;
        }
        let manner = self.manner.unwrap_or(Manner::All);
        if !manner.is_text(element, text) {
            return;
        }
        let texts = &mut self.document.texts;
        let blank = text.trim().is_empty();
        let text = if blank && manner != Manner::Runs { " " } else { text };
        match (manner, self.hidden) {
            (Manner::Program, _) => push(&mut texts.code, text),
            (_, true) => {
                self.document.opened.sign("office.hidden_text", "text is marked as hidden");
                push(&mut texts.hidden, text);
            }
            (_, false) => push(&mut texts.shown, text),
        }
        if text.len() >= LONG_TEXT_BYTES_MIN
            && let Some(found) = encodings::decode_whole(text)
        {
            self.found("text", found);
        }
    }

    fn formula(&mut self, text: &str) {
        push(&mut self.document.texts.code, text);
        line(&mut self.document.texts.code);
        if let Some(joined) = formula::joined(text) {
            push(&mut self.document.texts.code, &joined);
            line(&mut self.document.texts.code);
        }
        if let Some(sign) = formula_sign(text) {
            self.document.opened.sign(sign, "a formula starts or loads something");
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "f" | "definedName" => self.formula = false,
            "r" => self.hidden = false,
            "p" | "h" | "si" | "row" | "is" | "comment" => {
                line(&mut self.document.texts.shown);
                line(&mut self.document.texts.hidden);
            }
            "binData" | "binaryData" | "binary-data" => {
                if let Some((name, letters)) = self.base64.take() {
                    self.base64_file(&name, &letters);
                }
            }
            // Text of properties, charts and the like: one a line; runs of drawings stay together.
            _ if self.manner == Some(Manner::All)
                && name == self.element
                && !matches!(name, "t" | "rPr") =>
            {
                line(&mut self.document.texts.shown);
            }
            _ => (),
        }
        self.element.clear();
    }

    fn base64_file(&mut self, name: &str, letters: &str) {
        let bytes = encodings::base64(letters.as_bytes());
        let name = if name.is_empty() { "data" } else { name };
        let kind = super::flat::active_mime(&bytes);
        if let Some(inner) = kind {
            self.document.opened.sign("office.macro", "a macro project is wrapped as ActiveMime");
            self.found(&format!("{name}.bin"), Found::File(inner));
        }
        if !bytes.is_empty() {
            self.found(name, Found::File(bytes));
        }
    }

    /// Instructions may be cut over runs and have fields inside: they are read when the outermost one ends, and when its result begins.
    fn field_mark(&mut self, mark: &str) {
        match mark {
            "begin" => {
                self.fields_open += 1;
                push(&mut self.field, " ");
            }
            "separate" if self.fields_open <= 1 => self.end_field(),
            "end" => {
                self.fields_open = self.fields_open.saturating_sub(1);
                if self.fields_open == 0 {
                    self.end_field();
                }
            }
            _ => (),
        }
    }

    fn end_field(&mut self) {
        let field = std::mem::take(&mut self.field);
        if !field.trim().is_empty() {
            word_field::read(&field, &mut self.document.opened);
            push(&mut self.document.texts.code, field.trim());
            line(&mut self.document.texts.code);
        }
    }
}

/// A target written in an attribute.
fn outside(target: &str, opened: &mut Opened) {
    let reach = reach::of(target);
    match reach {
        Reach::Network | Reach::Share | Reach::Person => keep_link(opened, target),
        Reach::Program => {
            keep_link(opened, target);
            opened.sign("office.opens_program", "a link opens a program");
        }
        Reach::LocalFile | Reach::Inside => (),
    }
}

/// What a formula does beyond calculating: DDE (`cmd|'/c x'!A0`), functions that fetch or call.
pub(crate) fn formula_sign(formula: &str) -> Option<&'static str> {
    let upper = formula.to_ascii_uppercase();
    let dde = upper.find('|').is_some_and(|bar| {
        let service = upper.get(..bar).unwrap_or_default();
        let service =
            service.rsplit(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        let topic = upper.get(bar + 1..).unwrap_or_default();
        !service.is_empty() && topic.contains('!')
    });
    if dde || upper.contains("DDE(") {
        return Some("office.dde");
    }
    if ["WEBSERVICE(", "IMPORTXML(", "IMPORTDATA(", "RTD("].iter().any(|name| upper.contains(name))
    {
        return Some("office.remote_content");
    }
    ["EXEC(", "CALL(", "REGISTER(", "FOPEN(", "URLDOWNLOADTOFILE"]
        .iter()
        .any(|name| upper.contains(name))
        .then_some("office.macro_formula")
}

/// On unless it says otherwise: `<w:vanish/>`, `<w:vanish w:val="0"/>`.
fn is_on(tag: &Tag<'_>) -> bool {
    !matches!(tag.attribute("val").as_deref(), Some("0" | "false" | "off"))
}

/// Text in one node from which it is worth trying as base64.
const LONG_TEXT_BYTES_MIN: usize = 200;
