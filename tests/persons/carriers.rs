//! What a text travels in.

use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Plain,
    QuotedPrintable,
    Base64,
    Html,
    Csv,
    Docx,
    Xlsx,
    Ods,
    Pdf,
    Rtf,
    Zip,
    Eml,
    Calendar,
}

pub const CARRIERS: &[Carrier] = &[
    Carrier::Plain,
    Carrier::QuotedPrintable,
    Carrier::Base64,
    Carrier::Html,
    Carrier::Docx,
    Carrier::Pdf,
    Carrier::Rtf,
    Carrier::Zip,
    Carrier::Eml,
    Carrier::Calendar,
];

/// A mail that carries a text.
pub fn mail(carrier: Carrier, text: &str) -> Vec<u8> {
    let utf8 = "text/plain; charset=utf-8";
    match carrier {
        Carrier::Plain => whole(utf8, "8bit", text.as_bytes()),
        Carrier::QuotedPrintable => whole(utf8, "quoted-printable", quoted(text).as_bytes()),
        Carrier::Base64 => whole(utf8, "base64", base64(text.as_bytes()).as_bytes()),
        Carrier::Html => whole("text/html; charset=utf-8", "8bit", page(text).as_bytes()),
        Carrier::Csv => attached("people.csv", "text/csv; charset=utf-8", text.as_bytes()),
        Carrier::Docx => attached("letter.docx", "application/octet-stream", &docx(text)),
        Carrier::Xlsx => attached("people.xlsx", "application/octet-stream", &xlsx(text)),
        Carrier::Ods => attached("people.ods", "application/octet-stream", &ods(text)),
        Carrier::Pdf => attached("letter.pdf", "application/pdf", &pdf(text)),
        Carrier::Rtf => attached("letter.rtf", "application/rtf", rtf(text).as_bytes()),
        Carrier::Zip => {
            attached("letter.zip", "application/zip", &zip(&[("letter.txt", text.as_bytes())]))
        }
        Carrier::Eml => {
            attached("letter.eml", "message/rfc822", &whole(utf8, "8bit", text.as_bytes()))
        }
        Carrier::Calendar => {
            attached("meeting.ics", "text/calendar; charset=utf-8", calendar(text).as_bytes())
        }
    }
}

fn whole(kind: &str, transfer: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "From: a@example.org\nTo: b@ours.example\nSubject: hej\nMIME-Version: 1.0\nContent-Type: {kind}\nContent-Transfer-Encoding: {transfer}\n\n"
    );
    [head.as_bytes(), body, b"\n"].concat()
}

fn attached(name: &str, kind: &str, file: &[u8]) -> Vec<u8> {
    format!(
        "From: a@example.org\nTo: b@ours.example\nSubject: hej\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/plain\n\nHej\n--q\n\
         Content-Type: {kind}\nContent-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{}\n--q--\n",
        base64(file)
    )
    .into_bytes()
}

fn base64(bytes: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

/// Every line broken as programs do, in the middle of whatever stands there.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for byte in text.bytes() {
        if byte == b'\n' {
            out.push('\n');
            column = 0;
            continue;
        }
        if column > 60 {
            out.push_str("=\n");
            column = 0;
        }
        match byte {
            b' '..=b'<' | b'>'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("={byte:02X}")),
        }
        column += 1;
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Rows of cells where there are tabs, paragraphs else.
fn page(text: &str) -> String {
    if text.contains('\t') {
        let rows = text.lines().map(|line| {
            let cells: String =
                line.split('\t').map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        });
        return format!("<html><body><table>{}</table></body></html>", rows.collect::<String>());
    }
    let lines: String = text.lines().map(|line| format!("<p>{}</p>\n", escaped(line))).collect();
    format!("<html><body>{lines}</body></html>")
}

fn docx(text: &str) -> Vec<u8> {
    // Each run is cut in two, as Word does when a word was changed.
    let runs = |text: &str| {
        let half = text.floor_char_boundary(text.len() / 2);
        [&text[..half], &text[half..]]
            .map(|part| format!("<w:r><w:t xml:space=\"preserve\">{}</w:t></w:r>", escaped(part)))
            .concat()
    };
    let body: String = if text.contains('\t') {
        let rows = text.lines().map(|line| {
            let cells: String = line
                .split('\t')
                .map(|cell| format!("<w:tc><w:p>{}</w:p></w:tc>", runs(cell)))
                .collect();
            format!("<w:tr>{cells}</w:tr>")
        });
        format!("<w:tbl>{}</w:tbl>", rows.collect::<String>())
    } else {
        text.lines().map(|line| format!("<w:p>{}</w:p>", runs(line))).collect()
    };
    let document = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{body}</w:body></w:document>"
    );
    zip(&[("[Content_Types].xml", TYPES), ("word/document.xml", document.as_bytes())])
}

/// Text as shared strings, whole numbers as numbers, which lose their zeros.
fn xlsx(text: &str) -> Vec<u8> {
    let (mut strings, mut rows) = (String::new(), String::new());
    let mut count = 0;
    for (number, line) in text.lines().enumerate() {
        rows.push_str(&format!("<row r=\"{}\">", number + 1));
        for (column, cell) in line.split('\t').enumerate() {
            let name =
                format!("{}{}", char::from(b'A' + u8::try_from(column).unwrap()), number + 1);
            match cell.parse::<u64>() {
                Ok(value) => rows.push_str(&format!("<c r=\"{name}\"><v>{value}</v></c>")),
                Err(_) => {
                    rows.push_str(&format!("<c r=\"{name}\" t=\"s\"><v>{count}</v></c>"));
                    strings.push_str(&format!("<si><t>{}</t></si>", escaped(cell)));
                    count += 1;
                }
            }
        }
        rows.push_str("</row>");
    }
    let sheet = format!(
        "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
    );
    let strings = format!(
        "<?xml version=\"1.0\"?><sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{strings}</sst>"
    );
    zip(&[
        ("[Content_Types].xml", TYPES),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
    ])
}

fn ods(text: &str) -> Vec<u8> {
    let rows = text.lines().map(|line| {
        let cells = line.split('\t').map(|cell| format!("<table:table-cell office:value-type=\"string\"><text:p>{}</text:p></table:table-cell>", escaped(cell)));
        format!("<table:table-row>{}</table:table-row>", cells.collect::<String>())
    });
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet><table:table>{}</table:table></office:spreadsheet></office:body></office:document-content>",
        rows.collect::<String>()
    );
    zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content.as_bytes()),
    ])
}

/// One page, deflated, in the letters of Windows.
fn pdf(text: &str) -> Vec<u8> {
    let mut page = b"BT /F1 11 Tf 14 TL 50 780 Td ".to_vec();
    for line in text.lines() {
        page.push(b'(');
        for letter in line.chars() {
            match letter {
                '(' | ')' | '\\' => page.extend([b'\\', u8::try_from(letter).unwrap()]),
                // The encoding has no others; a program writes what is nearest.
                '\u{2013}' => page.push(0x96),
                '\u{200b}' => (),
                '\u{ff01}'..='\u{ff5e}' => {
                    page.push(u8::try_from(u32::from(letter) - 0xfee0).unwrap())
                }
                other => page.push(u8::try_from(u32::from(other)).unwrap_or(b'-')),
            }
        }
        page.extend(b") Tj T* ");
    }
    page.extend(b"ET");
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&page).unwrap();
    let packed = packed.finish().unwrap();
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    let objects: [Vec<u8>; 5] = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>".to_vec(),
        [format!("<</Length {}/Filter/FlateDecode>>stream\n", packed.len()).as_bytes(), packed.as_slice(), b"\nendstream"].concat(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_vec(),
    ];
    for (number, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n", number + 1).as_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    out.extend(b"xref\n0 6\n0000000000 65535 f \n");
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").as_bytes());
    }
    out.extend(format!("trailer<</Size 6/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n").as_bytes());
    out
}

fn rtf(text: &str) -> String {
    let mut body = String::new();
    for letter in text.chars() {
        match letter {
            '\n' => body.push_str("\\par\n"),
            '\\' | '{' | '}' => body.extend(['\\', letter]),
            letter if letter.is_ascii() => body.push(letter),
            letter => body.push_str(&format!("\\u{}?", u32::from(letter))),
        }
    }
    format!("{{\\rtf1\\ansi\\ansicpg1252\\uc1 {body}}}")
}

/// The description folded at 75 octets, as RFC 5545 has it.
fn calendar(text: &str) -> String {
    let line = format!(
        "DESCRIPTION:{}",
        text.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;").replace('\n', "\\n")
    );
    let mut folded = String::new();
    let mut column = 0;
    for letter in line.chars() {
        if column + letter.len_utf8() > 75 {
            folded.push_str("\r\n ");
            column = 1;
        }
        folded.push(letter);
        column += letter.len_utf8();
    }
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:hej\r\n{folded}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// An archive of stored members.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut crc = Crc::new();
        crc.update(bytes);
        let size = u32::try_from(bytes.len()).unwrap();
        let about = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &crc.sum().to_le_bytes(),
            &size.to_le_bytes(),
            &size.to_le_bytes(),
            &u16::try_from(name.len()).unwrap().to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        let place = u32::try_from(out.len()).unwrap();
        out.extend(b"PK\x03\x04");
        out.extend(&about);
        out.extend(name.as_bytes());
        out.extend(*bytes);
        list.extend(b"PK\x01\x02\x14\0");
        list.extend(&about);
        list.extend([0; 10]);
        list.extend(place.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let (place, size) = (u32::try_from(out.len()).unwrap(), u32::try_from(list.len()).unwrap());
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    out.extend(list);
    out.extend(
        [
            &b"PK\x05\x06\0\0\0\0"[..],
            &count,
            &count,
            &size.to_le_bytes(),
            &place.to_le_bytes(),
            &[0, 0],
        ]
        .concat(),
    );
    out
}

const TYPES: &[u8] = b"<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>";
