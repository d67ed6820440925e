//! `Authentication-Results`, RFC 8601: what we found out, for those behind us.

use crate::mail::Domain;

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'f> {
    /// What was asked: "spf".
    pub method: &'static str,
    /// The answer, in the words of the registry.
    pub result: &'static str,
    /// What the answer is about: property and value.
    pub about: Vec<(&'static str, &'f str)>,
}

/// The field, with its line end. Nothing found out is said too (section 2.2, `no-result`).
pub fn field(authserv_id: &Domain, found: &[Found<'_>]) -> String {
    let mut field = format!("Authentication-Results: {authserv_id}");
    if found.is_empty() {
        field.push_str("; none");
    }
    for Found { method, result, about } in found {
        field.push_str(&format!(";\r\n {method}={result}"));
        for (property, value) in about {
            field.push_str(&format!(" {property}={}", quoted(value)));
        }
    }
    field + "\r\n"
}

/// A value as RFC 2045 section 5.1 has it: a token where it is one, else between quotes. Nothing of it may end the field.
fn quoted(value: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte);
    let value: String =
        value.chars().filter(|letter| !letter.is_control()).take(VALUE_LETTERS_MAX).collect();
    // Section 2.3: an address may stand as it is.
    let plain = match value.split_once('@') {
        Some((local, domain)) => {
            [local, domain].iter().all(|part| !part.is_empty() && part.bytes().all(is_token))
        }
        None => !value.is_empty() && value.bytes().all(is_token),
    };
    match plain {
        true => value,
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// Names and addresses are no longer (RFC 5321 section 4.5.3.1).
const VALUE_LETTERS_MAX: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_others_read() {
        let id = Domain::parse("mx.ours.example").unwrap();
        let spf =
            |value| Found { method: "spf", result: "pass", about: vec![("smtp.mailfrom", value)] };
        for (found, want) in [
            (vec![], "Authentication-Results: mx.ours.example; none\r\n"),
            (
                vec![spf("a@example.org")],
                "Authentication-Results: mx.ours.example;\r\n spf=pass smtp.mailfrom=a@example.org\r\n",
            ),
            (
                vec![spf("a b;\r\n\"x\"@example.org")],
                "Authentication-Results: mx.ours.example;\r\n spf=pass smtp.mailfrom=\"a b;\\\"x\\\"@example.org\"\r\n",
            ),
        ] {
            assert_eq!(field(&id, &found), want);
        }
    }
}
