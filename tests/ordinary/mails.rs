//! Ordinary mail in six languages: `<language>.txt` has a line `=== kind: name`, a subject line and the text for each; here it becomes mail
//! as programs send it. All of it was written for these tests.

use std::{fs, path::Path};

/// Its languages.
pub(crate) const LANGUAGES: [&str; 6] = ["en", "sv", "fi", "nb", "da", "de"];

/// One mail.
#[derive(Debug, Clone)]
pub(crate) struct Ordinary {
    /// What it is called in the file.
    pub(crate) name: String,
    /// It.
    pub(crate) message: String,
    /// Who sent it.
    pub(crate) sender: String,
}

/// All mails of a language, the same each time.
pub(crate) fn all(language: &str) -> Vec<Ordinary> {
    let file = Path::new("tests/ordinary").join(format!("{language}.txt"));
    let text =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parts = text.split("=== ").skip(1).enumerate();
    parts.map(|(number, part)| made(language, number, part)).collect()
}

fn made(language: &str, number: usize, part: &str) -> Ordinary {
    let (name, rest) = part.split_once('\n').unwrap_or_else(|| panic!("{part}"));
    let (subject, text) = rest.split_once('\n').unwrap_or_else(|| panic!("{part}"));
    let subject = subject.strip_prefix("Subject: ").unwrap_or_else(|| panic!("{name}"));
    let kind = name.split_once(':').map_or("notice", |(kind, _)| kind);
    mail(name, (language, kind, number), subject, text)
}

/// A mail as its kind is sent: person, work, receipt, newsletter, notice.
pub(crate) fn mail(
    name: &str,
    (language, kind, number): (&str, &str, usize),
    subject: &str,
    text: &str,
) -> Ordinary {
    let land = match language {
        "en" => "uk",
        "sv" => "se",
        "da" => "dk",
        "nb" => "no",
        other => other,
    };
    let first = ["karin", "mats", "liisa", "ole", "jens", "heidi", "paul", "eva"][number % 8];
    let domain = match kind {
        "person" => format!("{first}.{land}.example"),
        "work" => format!("firm{}.{land}.example", number % 7),
        _ => format!("service{}.{land}.example", number % 11),
    };
    let sender = match kind {
        "person" | "work" => format!("{first}@{domain}"),
        _ => format!("info@{domain}"),
    };
    let shown = format!("{}{}", first[..1].to_uppercase(), &first[1..]);
    let date =
        format!("{} Nov 2026 {:02}:{:02}:11 +0100", number % 28 + 1, 8 + number % 10, number % 60);
    let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][(number % 28 + 1) % 7];
    let date = format!("{weekday}, {date}");
    let id = format!("{:08x}.{number}@{domain}", number * 2_654_435_761 % 4_294_967_296);
    let received = format!(
        "Received: from out{n}.{domain} (out{n}.{domain} [192.0.2.{a}])\r\n\tby mx.ours.example (sluss) with ESMTPS id 01K{number:08}\r\n\tfor <anna@ours.example>; {date}\r\n",
        n = number % 3 + 1,
        a = number % 200 + 1,
    );
    let common = format!(
        "From: {shown} <{sender}>\r\nTo: anna@ours.example\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{id}>\r\nMIME-Version: 1.0\r\n",
        word(subject)
    );
    let lines = text.trim_end().replace('\n', "\r\n");
    let (program, body) = match (kind, number % 4) {
        ("person" | "work", 0) => ("User-Agent: Mozilla Thunderbird\r\n", plain(&lines)),
        ("person" | "work", 1) => ("X-Mailer: Apple Mail (2.3776.700.51)\r\n", plain(&lines)),
        ("person" | "work", 2) => {
            ("Thread-Index: AdA1b2c3d4\r\nAccept-Language: en-US\r\n", both(&lines, number))
        }
        ("person" | "work", _) => ("", both(&lines, number)),
        ("newsletter", _) => (
            "List-Unsubscribe: <https://news.example/u/1>, <mailto:u@news.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\n",
            both(&lines, number),
        ),
        (_, 0 | 1) => ("Auto-Submitted: auto-generated\r\n", both(&lines, number)),
        (_, _) => ("", plain(&lines)),
    };
    let message = format!("{received}{common}{program}{body}");
    Ordinary { name: name.to_string(), message, sender }
}

/// RFC 2047, where there is anything but ASCII.
fn word(subject: &str) -> String {
    if subject.is_ascii() {
        return subject.to_string();
    }
    let quoted = |byte: u8| match byte {
        b' ' => "_".to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("={byte:02X}"),
    };
    // A word is 75 letters at most, and no letter is cut.
    let mut words = vec![String::new()];
    for letter in subject.chars() {
        let mut bytes = [0; 4];
        let made: String = letter.encode_utf8(&mut bytes).bytes().map(quoted).collect();
        if words.last().is_some_and(|last| last.len() + made.len() > 60) {
            words.push(String::new());
        }
        if let Some(last) = words.last_mut() {
            last.push_str(&made);
        }
    }
    words.iter().map(|word| format!("=?UTF-8?Q?{word}?=")).collect::<Vec<_>>().join("\r\n ")
}

fn plain(lines: &str) -> String {
    format!(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{lines}\r\n"
    )
}

/// As text and as a page.
fn both(lines: &str, number: usize) -> String {
    let page = lines.replace('&', "&amp;").replace('<', "&lt;").replace("\r\n", "<br>\r\n");
    format!(
        "Content-Type: multipart/alternative; boundary=\"b{number}\"\r\n\r\n--b{number}\r\n{}--b{number}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><head><title></title></head><body style=\"font-family:sans-serif\"><p>{page}</p></body></html>\r\n--b{number}--\r\n",
        plain(lines)
    )
}
