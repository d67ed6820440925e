//! Reading `Received` fields that a relay of ours wrote, to learn who stood before it. Strict: what is not clear is not known.
//!
//! The forms are those of the servers people run as relays: the address in brackets after `from` (RFC 5321 section 4.4, Postfix, Sendmail,
//! Exim, ourselves) or in parentheses (Exchange). Names in the clause are the stranger's own words and count for nothing.

use std::net::IpAddr;

/// Who stood before the server that wrote a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// Its address.
    pub address: IpAddr,
    /// What it called itself, as the server wrote it down.
    pub helo: String,
    /// The server says that it came by TLS ("ESMTPS", RFC 3848).
    pub tls: bool,
}

/// Reads one field's value. None when there is no from-clause, or not exactly one address in it.
pub fn from_clause(value: &str) -> Option<From> {
    let flat = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let rest = flat.strip_prefix("from ")?;
    let end = end_of_clause(rest)?;
    let (clause, after) = rest.split_at_checked(end)?;
    let helo = clause.split(' ').next()?.to_string();
    let bracketed = addresses(clause, '[', ']');
    let found = if bracketed.is_empty() { addresses(clause, '(', ')') } else { bracketed };
    let [address] = found.as_slice() else { return None };
    let protocol = after.split(" with ").nth(1).and_then(|rest| rest.split(' ').next());
    Some(From {
        address: *address,
        helo,
        tls: protocol.is_some_and(|word| {
            let word = word.trim_end_matches(';').to_ascii_uppercase();
            matches!(word.as_str(), "ESMTPS" | "ESMTPSA" | "UTF8SMTPS" | "UTF8SMTPSA" | "SMTPS")
        }),
    })
}

/// Where " by " stands outside of comments: inside one it is the stranger's word.
fn end_of_clause(rest: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            ' ' if depth == 0 && rest.get(at..)?.starts_with(" by ") => return Some(at),
            _ => (),
        }
    }
    None
}

fn addresses(clause: &str, open: char, close: char) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = clause
        .split(open)
        .skip(1)
        .filter_map(|piece| {
            let inner = piece.split(close).next()?;
            let literal = inner.strip_prefix("IPv6:").unwrap_or(inner);
            literal.parse::<IpAddr>().ok().map(|address| address.to_canonical())
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_relays_are_read() {
        for (value, want) in [
            (
                "from a.example (rdns.example [192.0.2.7])\r\n\tby mx2.ours.example (Postfix) with ESMTPS id 4X;\r\n\tMon, 2 Nov 2026 10:00:00 +0000",
                Some(("192.0.2.7", "a.example", true)),
            ),
            (
                "from a.example ([192.0.2.7])\n (TLSv1.3 TLS_AES_128_GCM_SHA256)\n by mx2 (sluss) with ESMTP id 1; x",
                Some(("192.0.2.7", "a.example", false)),
            ),
            (
                "from [192.0.2.7] (helo=a.example) by mx2 with smtp (Exim 4.98) id x",
                Some(("192.0.2.7", "[192.0.2.7]", false)),
            ),
            (
                "from a.example (unknown [IPv6:2001:db8::7]) by mx2 with ESMTP id x; d",
                Some(("2001:db8::7", "a.example", false)),
            ),
            (
                "from A.example (192.0.2.7) by B.example (10.0.0.1) with Microsoft SMTP Server",
                Some(("192.0.2.7", "A.example", false)),
            ),
            // The stranger's own words are not our relay's.
            ("from a (x [192.0.2.1] [192.0.2.2]) by mx2 with SMTP id x", None),
            ("from a by b ([192.0.2.9]) by mx2 with SMTP", None),
            ("from a.example by mx2 with SMTP", None),
            ("by mx2 with SMTP id x", None),
            ("from a (b [192.0.2.1]", None),
            ("from a) by x ([192.0.2.1]) by y", None),
            ("", None),
        ] {
            let found = from_clause(value);
            let want = want.map(|(address, helo, tls)| From {
                address: address.parse().unwrap(),
                helo: helo.to_string(),
                tls,
            });
            assert_eq!(found, want, "{value}");
        }
    }
}
