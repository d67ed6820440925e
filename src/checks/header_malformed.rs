//! The header section is not one: NUL bytes, lone carriage returns, white space before a colon, text where fields should be.
//!
//! Each is a place where two readers see two mails. Raw letters beyond ASCII are not counted: Nordic programs wrote them long before
//! SMTPUTF8 allowed it. Outbound the same, for a broken script is worth knowing.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, mail::header::Problem};

pub(super) const CHECK: Check = Check {
    ids: &[
        "header.nul",
        "header.bare_cr",
        "header.space_before_colon",
        "header.bad_name",
        "header.ended_by_text",
        "header.starts_folded",
        "header.mbox_line",
        "header.no_end",
    ],
    about: "The header section breaks RFC 5322 in a way that mail programs read differently.",
    plain: "The mail's header is malformed.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    findings.extend(case.mail.header.problems().iter().map(|problem| {
        let (id, weight, because) = words(*problem);
        Finding::new(id, Category::Format, weight, because)
    }));
}

fn words(problem: Problem) -> (&'static str, f32, &'static str) {
    match problem {
        Problem::Nul => ("header.nul", 2.0, "a NUL byte in the header"),
        Problem::BareCr => ("header.bare_cr", 1.0, "a carriage return without line feed"),
        Problem::SpaceBeforeColon => {
            ("header.space_before_colon", 0.5, "white space before a colon")
        }
        Problem::BadName => {
            ("header.bad_name", 0.5, "a field name with characters that do not belong")
        }
        Problem::EndedByText => {
            ("header.ended_by_text", 0.5, "a line that is no field ends the header")
        }
        Problem::StartsFolded => ("header.starts_folded", 0.5, "the first line continues nothing"),
        // Files out of an mbox begin so; on the wire it is rare, and readers differ about what follows.
        Problem::MboxLine => ("header.mbox_line", 0.3, "the first line is an mbox separator"),
        Problem::NoEnd => ("header.no_end", 0.3, "no empty line ends the header"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("A: b\n\nhi", &[][..]),
            ("Subject: Räksmörgås\n\nhi", &[]),
            ("A: b\0\n\nhi", &["header.nul"]),
            ("A: b\rC: d\n\nhi", &["header.bare_cr"]),
            ("A : b\n\nhi", &["header.space_before_colon"]),
            ("Å: b\n\nhi", &["header.bad_name"]),
            ("A: b\nno field\n\nhi", &["header.ended_by_text"]),
            (" a\nB: c\n\nhi", &["header.starts_folded"]),
            ("A: b", &["header.no_end"]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
