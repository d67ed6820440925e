//! Relationships and content types, ECMA-376 part 2: where a document leads, and what its parts claim to be.

use crate::formats::{
    among::keep_link,
    kind,
    opened::Opened,
    reach::{self, Reach},
    xml::{self, Token},
};

/// What relationships and content types said so far.
#[derive(Debug, Default)]
pub(super) struct Relations {
    macro_type: bool,
    /// Parts that are macro projects by relation or type, though their name says otherwise.
    disguised: Vec<String>,
}

impl Relations {
    /// Reads one `.rels` part.
    pub(super) fn read(&mut self, part: &str, text: &str, opened: &mut Opened) {
        for token in xml::tokens(text) {
            match token {
                Token::Start(tag) if tag.name == "Relationship" => {
                    let kind = tag.attribute("Type").unwrap_or_default();
                    let kind = kind.trim().rsplit('/').next().unwrap_or_default().to_string();
                    let target = tag.attribute("Target").unwrap_or_default();
                    let mode = tag.attribute("TargetMode").unwrap_or_default();
                    let external = mode.trim().eq_ignore_ascii_case("external");
                    match external || reach::of(&target) != Reach::Inside {
                        true => external_target(&kind, &target, opened),
                        false => self.internal(&kind, &target, opened),
                    }
                }
                Token::Doctype(_) => {
                    opened.sign("xml.entities", format!("{part} has a document type"))
                }
                Token::Start(_)
                | Token::End(_)
                | Token::Text(_)
                | Token::Cdata(_)
                | Token::Comment(_)
                | Token::Instruction(_) => (),
            }
        }
    }

    fn internal(&mut self, kind: &str, target: &str, opened: &mut Opened) {
        match kind {
            "vbaProject" | "wordVbaData" => {
                opened.sign("office.macro", "a macro project is inside");
                if kind == "vbaProject" && kind::extension(target) != "bin" {
                    self.disguise(target);
                }
            }
            "xlMacrosheet" | "xlIntlMacrosheet" => {
                opened.sign("office.macro", "a sheet of Excel 4 macros is inside");
            }
            "aFChunk" => opened.sign(
                "office.alt_chunk",
                format!("a foreign document is taken in: {}", kind::extension(target)),
            ),
            "oleObject" | "package" => opened.sign(
                "office.embedded_object",
                format!("a file is embedded: {}", kind::extension(target)),
            ),
            "control" | "activeXControlBinary" => {
                opened.sign("office.active_x", "a control is inside");
            }
            _ => (),
        }
    }

    fn disguise(&mut self, part: &str) {
        if self.disguised.len() < DISGUISED_MAX {
            self.disguised.push(part.to_string());
        }
    }

    /// Reads `[Content_Types].xml`.
    pub(super) fn types(&mut self, text: &str, opened: &mut Opened) {
        for token in xml::tokens(text) {
            if let Token::Doctype(_) = token {
                opened.sign("xml.entities", "the list of content types has a document type");
            }
            let Token::Start(tag) = token else { continue };
            let kind = tag.attribute("ContentType").unwrap_or_default().to_ascii_lowercase();
            // XLSB is of that type with and without macros.
            if kind.contains("macroenabled") && !kind.contains("sheet.binary") {
                self.macro_type = true;
                opened.sign("office.macro_type", "the content type is one with macros");
            }
            let part = tag.attribute("PartName").or_else(|| tag.attribute("Extension"));
            let part = part.unwrap_or_default();
            if kind.contains("vbaproject") && !part.ends_with("bin") {
                self.disguise(&part);
            }
            // A program or script has no type of its own in an office document.
            if ["hta", "x-msdownload", "javascript", "vbscript"]
                .iter()
                .any(|word| kind.contains(word))
            {
                opened
                    .sign("office.content_type_lies", format!("a part is typed {}", short(&kind)));
            }
        }
    }

    /// What is claimed against what is there.
    pub(super) fn compare(&self, name: &str, opened: &mut Opened) {
        for part in &self.disguised {
            opened.sign("office.macro", "a macro project is inside");
            opened.sign(
                "office.content_type_lies",
                format!("a macro project is named {}", short(part)),
            );
        }
        let extension = kind::extension(name);
        let plain = ["docx", "xlsx", "pptx", "dotx", "xltx", "potx", "ppsx"];
        if self.macro_type && plain.contains(&extension.as_str()) {
            opened
                .sign("office.content_type_lies", format!("macros are enabled in a .{extension}"));
        }
    }
}

fn external_target(kind: &str, target: &str, opened: &mut Opened) {
    let reach = reach::of(target);
    if kind == "hyperlink" {
        keep_link(opened, target);
        match reach {
            Reach::Program => opened.sign("office.opens_program", "a hyperlink opens a program"),
            Reach::Share => opened.sign("office.opens_share", "a hyperlink opens a network share"),
            Reach::Network | Reach::LocalFile | Reach::Person | Reach::Inside => (),
        }
        return;
    }
    let id = match kind {
        "attachedTemplate" => "office.remote_template",
        "oleObject" | "package" | "control" | "vbaProject" | "oleObjectLink" => {
            "office.remote_object"
        }
        // Frames, pictures, subdocuments, other workbooks, and types nobody knows.
        _ => "office.remote_content",
    };
    if reach.is_remote() || reach == Reach::Program {
        keep_link(opened, target);
        opened.sign(id, format!("{} is loaded from {}", short(kind), reach.word()));
    }
}

/// A name cut for a sentence.
fn short(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(60).collect()
}

/// Disguised parts that are named.
const DISGUISED_MAX: usize = 10;
