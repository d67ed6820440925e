//! What is odd about a message, as a table: each id with what it weighs, whether it means that programs find different parts, and what
//! it says to a person. The ids are for ever.

/// One way in which a message is odd.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odd {
    /// The finding's id.
    pub id: &'static str,
    /// What it weighs by itself.
    pub weight: f32,
    /// Programs find different parts: what policy asks for what was not looked into is due.
    pub ambiguous: bool,
    /// In plain words.
    pub plain: &'static str,
}

/// All of them. Only one of the structural ones is ambiguous: whether programs differ about parts is found by reading as they do, not by
/// guessing from the oddity.
pub const ODDITIES: &[Odd] = &[
    // Old bounces and cut mails lack their end; every reader shows the same parts.
    odd("mime.end_missing", 0.0, "A part of the mail has no end; it was cut off or badly made."),
    // Nordic programs write raw letters in headers to this day.
    odd(
        "mime.header_eight_bit",
        0.0,
        "The header has letters that are not written as the standard asks.",
    ),
    odd("mime.boundary_missing", 0.5, "The mail says it has parts and not what divides them."),
    odd("mime.boundary_not_found", 0.5, "What is to divide the mail's parts does not come."),
    odd("mime.delimiter_unclear", 0.5, "A line that divides the mail's parts has more text on it."),
    odd("mime.duplicate_field", 1.0, "A field that may stand once stands several times."),
    odd("mime.part_after_end", 1.0, "The mail goes on with parts after it said they had ended."),
    odd(
        "mime.several_boundaries",
        1.5,
        "The mail names several things that are to divide its parts.",
    ),
    odd("mime.boundaries_mixed", 1.5, "The mail's parts are divided in several ways at once."),
    odd("mime.boundary_repeated", 1.0, "Parts inside each other are divided by the same text."),
    odd("mime.several_names", 0.2, "An attachment has several names."),
    odd(
        "mime.stray_part",
        1.0,
        "Something that looks like an attachment stands where none should be.",
    ),
    odd("mime.transfer_encoding_unknown", 0.5, "A part is encoded in a way that nobody knows."),
    odd(
        "mime.multipart_encoded",
        1.0,
        "Several parts together are encoded, which the standard forbids.",
    ),
    odd(
        "mime.type_unclear",
        0.5,
        "The kind of a part is written so that programs read it differently.",
    ),
    odd("mime.type_lies", 1.0, "A part is said to be one and looks as if it were several."),
    odd("mime.line_ends", 1.0, "The mail ends lines in ways that only some programs understand."),
    odd("mime.header_nul", 1.5, "The header has a byte that no program writes by accident."),
    odd("mime.header_broken", 0.5, "The header of a part breaks off."),
    odd("mime.field_too_long", 0.5, "A field about a part is longer than any program writes it."),
    odd("mime.not_a_message", 0.5, "What is said to be an enclosed mail is none."),
    odd(
        "mime.base64_unclean",
        0.5,
        "An attachment's encoding has letters that do not belong there.",
    ),
    Odd {
        id: "mime.views_disagree",
        weight: 1.5,
        ambiguous: true,
        plain: "The mail is built so that mail programs find different attachments in it.",
    },
];

const fn odd(id: &'static str, weight: f32, plain: &'static str) -> Odd {
    Odd { id, weight, ambiguous: false, plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_stands_once() {
        for (at, odd) in ODDITIES.iter().enumerate() {
            assert!(ODDITIES.iter().skip(at + 1).all(|other| other.id != odd.id), "{}", odd.id);
            assert!(odd.plain.ends_with('.'), "{}", odd.id);
        }
    }
}
