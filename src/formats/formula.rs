//! What a formula puts together of fixed text: `="a"&CHAR(45)&"b"`, `=CONCATENATE("a","b")`, as it stands in its cell.
//!
//! Nothing is worked out but the order: strings and letters by their numbers, one behind the other.

/// The text, if it is made of several pieces.
pub fn joined(formula: &str) -> Option<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut rest = formula;
    while let Some(at) = rest.find(['"', '(']) {
        let (before, from) = rest.split_at_checked(at)?;
        if let Some(text) = from.strip_prefix('"') {
            let (text, after) = string(text);
            pieces.push(text);
            rest = after;
            continue;
        }
        let inside = from.get(1..)?;
        let function = before.rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
        rest = inside;
        if ["CHAR", "UNICHAR", "CHR"].iter().any(|name| function.eq_ignore_ascii_case(name))
            && let Some((number, after)) = inside.split_once(')')
            && let Some(letter) = number.trim().parse().ok().and_then(char::from_u32)
        {
            pieces.push(letter.to_string());
            rest = after;
        }
    }
    if pieces.len() < 2 {
        return None;
    }
    // Its first argument stands between the others.
    match (formula.to_ascii_uppercase().contains("TEXTJOIN("), pieces.split_first()) {
        (true, Some((between, joined))) => Some(joined.join(between)),
        (_, _) => Some(pieces.concat()),
    }
}

/// To the closing quote, two of which are one in the text; one that is missing is the end.
fn string(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            out.push_str(rest);
            return (out, "");
        };
        out.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                out.push('"');
                rest = more;
            }
            None => return (out, after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_their_order() {
        for (formula, want) in [
            ("=\"a\"&CHAR(45)&\"b\"", Some("a-b")),
            ("=CONCATENATE(\"a\",\"b\"\"c\")", Some("ab\"c")),
            ("=CONCAT(UNICHAR(97),CHAR( 98 ))", Some("ab")),
            ("=\"open\"&\"ended", Some("openended")),
            ("=_xlfn.TEXTJOIN(\"-\",TRUE,\"a\",\"b\")", Some("a-b")),
            ("=SUM(A1:A2)", None),
            ("=\"a\"", None),
            ("=CHAR(", None),
        ] {
            assert_eq!(joined(formula).as_deref(), want, "{formula}");
        }
    }
}
