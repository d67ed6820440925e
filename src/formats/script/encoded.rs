//! Microsoft's Script Encoder (JScript.Encode, VBScript.Encode): `#@~^`, a length, letters exchanged by three tables in turn.

use crate::formats::encodings;

/// Every encoded script in a text, decoded.
pub(super) fn decode_all(text: &[u8]) -> Vec<String> {
    let tables = tables();
    memchr::memmem::find_iter(text, BEGIN)
        .take(ENCODED_MAX)
        .filter_map(|at| {
            // Eight letters of base64 hold the length, which the end mark tells as well.
            let body = text.get(at + BEGIN.len() + 8..)?;
            let end =
                memchr::memmem::find(body, END).map_or(body.len(), |end| end.saturating_sub(8));
            Some(encodings::text(&decode(body.get(..end)?, &tables)))
        })
        .collect()
}

fn decode(body: &[u8], tables: &[[u8; 128]; 3]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut count = 0_usize;
    let mut bytes = body.iter().copied();
    while let Some(byte) = bytes.next() {
        // Letters that would disturb HTML are written in two.
        let escaped = (byte == b'@').then(|| match bytes.next() {
            Some(b'#') => b'\r',
            Some(b'&') => b'\n',
            Some(b'!') => b'<',
            Some(b'*') => b'>',
            Some(b'$') | None => b'@',
            Some(other) => other,
        });
        let plain = match escaped {
            Some(letter) => letter,
            None => {
                let turn = ORDER.get(count % ORDER.len()).copied().unwrap_or(b'0') - b'0';
                let table = tables.get(usize::from(turn));
                let letter = table.and_then(|table| table.get(usize::from(byte)));
                letter.copied().filter(|letter| *letter != 0).unwrap_or(byte)
            }
        };
        count += usize::from(byte < 0x80);
        out.push(plain);
    }
    out
}

fn tables() -> [[u8; 128]; 3] {
    let mut tables = [[0; 128]; 3];
    for (row, letters) in (0x1f_u8..).zip(ROWS.as_bytes().chunks(3)) {
        let plain = if row == 0x1f { b'\t' } else { row };
        for (table, encoded) in tables.iter_mut().zip(letters) {
            // "<", ">" and "@" have no letter: they are always escaped.
            if let Some(place) = table.get_mut(usize::from(*encoded)).filter(|_| letters != b"???")
            {
                *place = plain;
            }
        }
    }
    tables
}

const BEGIN: &[u8] = b"#@~^";
const END: &[u8] = b"^#~@";
/// Encoded scripts in one text.
const ENCODED_MAX: usize = 50;
/// Which table is used for a letter, by its place.
const ORDER: &[u8] = b"1201202002021020102011200210200211020201011201021020112001120102";
/// What tab and then each letter from blank to delete becomes in the three tables.
const ROWS: &str = "d7iP~,\"ZeJEra:[^yf]Yu['LBvE`cv#b*eMC_Q3~SBOR R cz&J!TZFq8 +y&f2c*W*Xlv\x7f+G{F%0R,1O)l=iIp???'x{???g_Q???b)zA$~Z/;f9G23AsowM!VCu_q(&9Bx|FnSJdH\\t1Hgr6}nKhp}5I]\"?jUKP:ji`.#j\x7f\tq(po5eI}t\\$,]-w'TDY7?%{m|=|#lCm48(m^1N[9+n\x7f0W6oLTt44krbL%N3V0Vs^:hsxU\tWGKw2a;5$D.M/dkYODE;!\\-7hAS6aXXzHy\".\t`Puk-8N)U=?Qg/";

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes for the test, by the same tables the other way round.
    fn encode(text: &str) -> Vec<u8> {
        let tables = tables();
        let mut out = b"#@~^AAAAAA==".to_vec();
        for (count, byte) in text.bytes().enumerate() {
            match byte {
                b'<' => out.extend(b"@!"),
                b'>' => out.extend(b"@*"),
                b'\n' => out.extend(b"@&"),
                b'@' => out.extend(b"@$"),
                _ => {
                    let table = tables[usize::from(ORDER[count % 64] - b'0')];
                    out.push(
                        u8::try_from(table.iter().position(|plain| *plain == byte).unwrap())
                            .unwrap(),
                    );
                }
            }
        }
        out.extend(b"AAAAAA==^#~@");
        out
    }

    #[test]
    fn each_table_exchanges_every_letter_once() {
        assert_eq!((ROWS.len(), ORDER.len()), (97 * 3, 64));
        for table in tables() {
            let mut letters: Vec<u8> = table.into_iter().filter(|letter| *letter != 0).collect();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!(letters.len(), 97 - 3);
        }
    }

    #[test]
    fn encoded_scripts_are_read() {
        let script = "var a = \"<b>@\";\nWScript.Echo('marker of the test');".repeat(3);
        let text = [b"<script>".to_vec(), encode(&script), b"</script>".to_vec()].concat();
        assert_eq!(decode_all(&text), [script]);
        // A line of a script as the encoder wrote it: the first letters of `//**Start Encode**`.
        assert_eq!(decode_all(b"#@~^AAAAAA=="), [""]);
    }
}
