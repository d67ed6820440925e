//! Text whose lines belong together, `format=flowed`: RFC 3676.
//!
//! A line that ends in a blank goes on in the next of the same quoting. What is read as a text, and what the signatures are given, is
//! what the reader's program shows.

use super::fields::Flow;

/// The text with its lines joined again.
pub fn unfold(text: &str, flow: Flow) -> String {
    let mut out = String::with_capacity(text.len());
    // The quoting of the line that the next may go on with.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|byte| *byte == b'>').count();
        let line = line.get(depth..).unwrap_or_default();
        // RFC 3676 section 4.4: a blank put before is taken off.
        let line = line.strip_prefix(' ').unwrap_or(line);
        let goes_on = line.ends_with(' ') && line != SIGNATURE;
        match open {
            // RFC 3676 section 4.5: a flowed line before another quoting is fixed.
            Some(before) if before == depth && line != SIGNATURE => (),
            Some(_) => {
                out.push('\n');
                begin_line(&mut out, depth);
            }
            None => begin_line(&mut out, depth),
        }
        let keep = match (goes_on, flow) {
            (true, Flow::NoBlanks) => line.strip_suffix(' ').unwrap_or(line),
            (true, Flow::Blanks) | (false, _) => line,
        };
        out.push_str(keep);
        open = goes_on.then_some(depth);
        if !goes_on {
            out.push('\n');
        }
    }
    out
}

fn begin_line(out: &mut String, depth: usize) {
    if depth > 0 {
        out.extend(std::iter::repeat_n('>', depth));
        out.push(' ');
    }
}

/// RFC 3676 section 4.3: it ends in a blank and is fixed all the same.
const SIGNATURE: &str = "-- ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined() {
        for (text, flow, want) in [
            ("one \r\ntwo\r\nthree\r\n", Flow::Blanks, "one two\nthree\n"),
            ("some \nthing\n", Flow::NoBlanks, "something\n"),
            ("a  \nb\n", Flow::NoBlanks, "a b\n"),
            ("> a \n> b\nc\n", Flow::Blanks, "> a b\nc\n"),
            ("> a \n>> b\n", Flow::Blanks, "> a \n>> b\n"),
            ("bye \n-- \nme\n", Flow::Blanks, "bye \n-- \nme\n"),
            (" >no quote\n", Flow::Blanks, ">no quote\n"),
            ("last ", Flow::Blanks, "last "),
            ("", Flow::Blanks, ""),
        ] {
            assert_eq!(unfold(text, flow), want, "{text}");
        }
    }
}
