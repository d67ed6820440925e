//! What a signature covers: which fields, in which order, and the hash of the body.

use super::canonical::{self, Form};
use crate::mail::{Field, Header};
use aws_lc_rs::digest::{Context, SHA256};

/// Writes the fields that a list names, each name standing for the next field from below, RFC 6376 section 5.4.2. A name without a field
/// stands for nothing: then none may be added.
pub fn fields<'n>(
    header: &Header,
    form: Form,
    names: impl Iterator<Item = &'n str>,
    out: &mut Vec<u8>,
) {
    let mut taken: Vec<usize> = Vec::new();
    let all = header.fields();
    for name in names {
        let below = all.iter().enumerate().rev();
        let next = below
            .filter(|(nr, field)| {
                header.name(field).eq_ignore_ascii_case(name) && !taken.contains(nr)
            })
            .map(|(nr, _)| nr)
            .next();
        if let Some(nr) = next
            && let Some(field) = all.get(nr)
        {
            taken.push(nr);
            one(header, form, field, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Writes one field without its line end.
pub fn one(header: &Header, form: Form, field: &Field, out: &mut Vec<u8>) {
    canonical::field(form, header.label(field), header.raw(field), out);
}

/// The hash of a body.
pub fn body_hash(form: Form, body: &[u8]) -> Vec<u8> {
    let mut hash = Context::new(&SHA256);
    canonical::body(form, body, |piece| hash.update(piece));
    hash.finish().as_ref().to_vec()
}
