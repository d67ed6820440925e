//! The XML of an XFA form, XFA specification 3.3: its scripts, where it sends to, what it says.
//!
//! No XML reader: tags are found as they stand, so that what is not well-formed is read as well.

use crate::base::limits;

/// What a form has.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Its scripts.
    pub(super) scripts: Vec<String>,
    /// Addresses it submits to or calls.
    pub(super) targets: Vec<String>,
    /// All text between tags that is no script.
    pub(super) text: String,
}

/// Reads a form.
pub(super) fn read(bytes: &[u8]) -> Form {
    let xml = decoded(bytes);
    let mut form = Form::default();
    let mut rest = xml.as_str();
    let mut script: Option<String> = None;
    while let Some((before, after)) = rest.split_once('<') {
        form.take(&mut script, &entities(before));
        if let Some(data) = after.strip_prefix("![CDATA[") {
            let (data, after) = data.split_once("]]>").unwrap_or((data, ""));
            form.take(&mut script, data);
            rest = after;
            continue;
        }
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        let name = tag.split(|letter: char| letter.is_whitespace()).next().unwrap_or_default();
        let closes = name.starts_with('/');
        let name = name.trim_matches('/');
        let name = name.rsplit(':').next().unwrap_or_default();
        if name.eq_ignore_ascii_case("script") && !tag.ends_with('/') {
            form.keep(script.take());
            if !closes {
                script = Some(String::new());
            }
        } else if !closes
            && matches!(name, "submit" | "soapAddress" | "connect" | "image" | "wsdlAddress")
        {
            form.targets(tag);
        }
        if script.is_none() && !form.text.ends_with('\n') {
            form.text.push('\n');
        }
        rest = after;
    }
    form.take(&mut script, &entities(rest));
    form.keep(script);
    form
}

impl Form {
    fn take(&mut self, script: &mut Option<String>, text: &str) {
        match script {
            Some(script) => script.push_str(text),
            None if !text.trim().is_empty() && self.text.len() < limits::PDF_TEXT_BYTES_MAX => {
                self.text.push_str(text.trim());
            }
            None => (),
        }
    }

    fn keep(&mut self, script: Option<String>) {
        if let Some(script) = script.filter(|script| !script.trim().is_empty())
            && self.scripts.len() < limits::PDF_MEMBERS_MAX
        {
            self.scripts.push(script);
        }
    }

    fn targets(&mut self, tag: &str) {
        for name in ["target=", "href=", "dataDescription="] {
            let Some((_, value)) = tag.split_once(name) else { continue };
            let Some(quote) = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))
            else {
                continue;
            };
            let value = value.get(1..).and_then(|value| value.split(quote).next());
            if let Some(value) = value.filter(|value| value.contains(['/', '\\']))
                && self.targets.len() < TARGETS_MAX
            {
                self.targets.push(entities(value));
            }
        }
    }
}

/// UTF-16 says so itself; everything else is read as UTF-8.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => super::object::text(bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The five entities of XML and those by number.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let near: usize =
            after.char_indices().take(ENTITY_LETTERS_MAX).last().map_or(0, |(at, _)| at);
        let entity =
            after.get(..near + 1).and_then(|near| near.split_once(';')).map(|(name, _)| name);
        let letter = entity.and_then(|name| match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let code = name.strip_prefix('#')?;
                let code = match code.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => code.parse().ok(),
                };
                code.and_then(char::from_u32)
            }
        });
        match (letter, entity) {
            (Some(letter), Some(entity)) => {
                out.push(letter);
                rest = after.get(entity.len() + 1..).unwrap_or_default();
            }
            _ => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Addresses kept of one form.
const TARGETS_MAX: usize = 50;
/// Longest entity, `x10FFFF` with its marks and leading zeros.
const ENTITY_LETTERS_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_text_come_apart() {
        let form = read(
            b"<x:template><text>Pay &amp; go</text><event><script contentType='a'>if (a &lt; b) x(&#65;);</script>\
            <SCRIPT><![CDATA[app.alert(1 < 2)]]></SCRIPT></event><submit target=\"https://a.example/x\"/><!-- <script> -->\
            <xfa:script/>end</x:template><script>open",
        );
        assert_eq!(form.scripts, ["if (a < b) x(A);", "app.alert(1 < 2)", "open"]);
        assert_eq!(form.targets, ["https://a.example/x"]);
        assert!(form.text.contains("Pay & go") && form.text.contains("end"));
        assert!(read(b"&&&&;<").scripts.is_empty());
        assert!(read("<&åäöåäöåäöåäöåäöåäöåäö".as_bytes()).scripts.is_empty());
    }
}
