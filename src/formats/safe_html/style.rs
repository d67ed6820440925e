//! Style attributes: a short list of properties, with values made of words, numbers and colours. No value can name a place, call
//! anything but a colour, escape a letter, or move something over what stands beside it.

/// What is kept of a style attribute; nothing if nothing is. Reading what was kept gives the same again.
pub(super) fn safe(style: &str) -> Option<String> {
    let style = style.get(..style.floor_char_boundary(STYLE_BYTES_MAX)).unwrap_or_default();
    let kept: Vec<String> =
        style.split(';').take(DECLARATIONS_MAX).filter_map(declaration).collect();
    (!kept.is_empty()).then(|| kept.join(";"))
}

/// One of `name: value`, written anew.
fn declaration(text: &str) -> Option<String> {
    let (name, value) = text.split_once(':')?;
    let name = name.trim().to_ascii_lowercase();
    let lower = value.to_ascii_lowercase();
    let lower = lower.trim().trim_end_matches("!important");
    let words: Vec<&str> = lower.split_ascii_whitespace().collect();
    let mut value = words.join(" ");
    let name = match name.as_str() {
        // The short form holds pictures and places; a mail that sets one colour means this.
        "background" if words.len() == 1 || value.starts_with("rgb") => "background-color",
        known => PROPERTIES.iter().find(|property| **property == known)?,
    };
    if matches!(name, "font" | "font-family") {
        value.retain(|letter| !matches!(letter, '"' | '\''));
    }
    let fits = match name {
        "display" => DISPLAYS.contains(&value.as_str()),
        _ => is_plain(&value),
    };
    fits.then(|| format!("{name}:{value}"))
}

/// Words, numbers that are not negative, and calls of colours.
fn is_plain(value: &str) -> bool {
    let letters = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || " #%.,+-()/".contains(letter)
    };
    if value.is_empty() || value.len() > VALUE_BYTES_MAX || !value.chars().all(letters) {
        return false;
    }
    let negative = value.match_indices('-').any(|(at, _)| {
        let before = value.get(..at).and_then(|before| before.chars().next_back());
        let after = value.get(at + 1..).and_then(|after| after.chars().next());
        before.is_none_or(|letter| !letter.is_ascii_alphanumeric())
            && after.is_none_or(|letter| !letter.is_ascii_lowercase())
    });
    !negative && calls_colours_only(value)
}

fn calls_colours_only(value: &str) -> bool {
    let mut pieces = value.split('(');
    let mut before = pieces.next().unwrap_or_default();
    if before.contains(')') {
        return false;
    }
    for piece in pieces {
        let name = before.rsplit([' ', ',', ')']).next().unwrap_or_default();
        let Some((inside, after)) = piece.split_once(')') else { return false };
        let numbers = |letter: char| letter.is_ascii_digit() || " %.,/".contains(letter);
        if !COLOURS.contains(&name) || !inside.chars().all(numbers) || after.contains(')') {
            return false;
        }
        before = after;
    }
    true
}

/// What is read of one attribute; what mail programs write is shorter.
const STYLE_BYTES_MAX: usize = 4 << 10;
/// Declarations read of one attribute.
const DECLARATIONS_MAX: usize = 64;
/// A font list is the longest that is honest.
const VALUE_BYTES_MAX: usize = 200;

const COLOURS: &[&str] = &["rgb", "rgba", "hsl", "hsla"];

const DISPLAYS: &[&str] = &[
    "block",
    "inline",
    "inline-block",
    "inline-table",
    "list-item",
    "none",
    "table",
    "table-cell",
    "table-row",
];

const PROPERTIES: &[&str] = &[
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-radius",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "clear",
    "color",
    "direction",
    "display",
    "float",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-spacing",
    "word-wrap",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_colours_stay_and_all_else_goes() {
        for (style, want) in [
            ("color:red", "color:red"),
            (" Color : RGB(1, 2, 3) !important ; ", "color:rgb(1, 2, 3)"),
            ("background:#fff", "background-color:#fff"),
            ("font-family:'Segoe UI',\"Arial\"", "font-family:segoe ui,arial"),
            ("margin:0 auto;width:600px", "margin:0 auto;width:600px"),
            ("display:none;display:flex", "display:none"),
            ("font:bold 12px/1.5 arial", "font:bold 12px/1.5 arial"),
            ("border:1px solid rgba(0,0,0,.5)", "border:1px solid rgba(0,0,0,.5)"),
            ("text-decoration:line-through", "text-decoration:line-through"),
            ("background:url(https://a.example/x)", ""),
            ("background:red url(x)", ""),
            ("background-color:url(x)", ""),
            ("background-image:url(x)", ""),
            ("width:expression(alert(1))", ""),
            ("width:exp\\65ssion(alert(1))", ""),
            ("color:\\75rl(x)", ""),
            ("color:red/**/", ""),
            ("position:fixed;top:0", ""),
            ("margin:-5px", ""),
            ("margin:0 -.5em", ""),
            ("margin:- 5px", ""),
            ("behavior:url(x)", ""),
            ("-moz-binding:url(x)", ""),
            ("color:rgb(var(--x))", ""),
            ("width:calc(1px)", ""),
            ("color:rgb(1,2,3", ""),
            ("color:rgb(1))", ""),
            ("color:red}body{display:none", ""),
            ("content:'x'", ""),
            ("opacity:0;z-index:9;transform:none;filter:none;animation:x", ""),
            ("", ""),
        ] {
            let once = safe(style);
            assert_eq!(once.as_deref().unwrap_or_default(), want, "{style}");
            if let Some(once) = once {
                assert_eq!(safe(&once).as_ref(), Some(&once), "kept again: {style}");
            }
        }
    }
}
