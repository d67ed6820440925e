//! What is OpenDocument's own: events, links, objects, the manifest (ODF 1.3 parts 2 and 3).

use crate::formats::{
    among::keep_link,
    budget::Stopped,
    opened::Opened,
    reach::{self, Reach},
    xml::{self, Tag, Token},
};

/// What an element does.
pub(super) fn start(tag: &Tag<'_>, opened: &mut Opened) {
    match tag.name {
        "event-listener" => {
            opened.sign("office.macro", "an event runs a macro");
            let event = tag.attribute("event-name").unwrap_or_default().to_ascii_lowercase();
            let by_itself = ["load", "open", "start", "new", "visarea", "focus", "title", "layout"];
            if by_itself.iter().any(|word| event.contains(word)) {
                opened.sign("office.auto_run", "a macro runs when the document is opened");
            }
        }
        "dde-source" | "dde-connection-decl" | "dde-link" | "dde-connection" => {
            opened.sign("office.dde", "the document is linked to another program by DDE");
        }
        "object" | "object-ole" | "plugin" | "applet" => {
            opened.sign("office.embedded_object", format!("an object: {}", tag.name));
        }
        "hidden-text" | "hidden-paragraph" => {
            opened.sign("office.hidden_text", "a field hides text");
        }
        _ => (),
    }
    if let Some(target) = tag.attribute("href") {
        link(tag, &target, opened);
    }
}

fn link(tag: &Tag<'_>, target: &str, opened: &mut Opened) {
    let reach = reach::of(target);
    // A macro by address: vnd.sun.star.script:… is run by a click, or by an event.
    if target.trim_start().to_ascii_lowercase().starts_with("vnd.sun.star.")
        || target.trim_start().starts_with("macro:")
    {
        if tag.name != "event-listener" {
            opened.sign("office.macro", "a link runs a macro");
        }
        return;
    }
    match (tag.name, reach) {
        (_, Reach::Inside | Reach::LocalFile) => return,
        ("a", Reach::Program) => opened.sign("office.opens_program", "a link opens a program"),
        ("a", Reach::Network | Reach::Share | Reach::Person) => (),
        ("template", _) => {
            opened.sign("office.remote_template", format!("the template is {}", reach.word()));
        }
        ("object" | "object-ole" | "plugin" | "applet", _) => {
            opened
                .sign("office.remote_object", format!("an object is loaded from {}", reach.word()));
        }
        (name, _) => {
            let name: String = name.chars().take(40).collect();
            opened.sign("office.remote_content", format!("{name} is loaded from {}", reach.word()));
        }
    }
    keep_link(opened, target);
}

/// Reads the manifest: parts that are encrypted are named there.
pub(super) fn manifest(text: &str, opened: &mut Opened) {
    for token in xml::tokens(text) {
        match token {
            Token::Start(tag) if tag.name == "encryption-data" => {
                opened.stopped = Some(Stopped::Encrypted);
            }
            Token::Doctype(doctype) if doctype.contains("<!ENTITY") => {
                opened.sign("xml.entities", "the manifest declares entities");
            }
            Token::Start(_)
            | Token::End(_)
            | Token::Text(_)
            | Token::Cdata(_)
            | Token::Comment(_)
            | Token::Doctype(_)
            | Token::Instruction(_) => (),
        }
    }
}
