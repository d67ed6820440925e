//! How senders of spam disguise it. What is made here is what they make: the same spam, worded or sent otherwise.

use crate::{luck::Luck, open::Opened};
use sluss::mail::Header;

/// A disguise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    /// None.
    Plain,
    /// Three hundred words of wanted mail before the text.
    WordsBefore,
    /// The same behind it.
    WordsBehind,
    /// A letter of each longer word replaced by one that looks like it.
    Letters,
    /// No text but a picture.
    Picture,
    /// The text in base64.
    Base64,
    /// It claims to answer a wanted mail, and quotes it.
    Thread,
    /// It claims to come by a mailing list.
    List,
    /// It claims that our own servers had it before.
    OwnServers,
}

impl Attack {
    /// All.
    pub(crate) const ALL: [Attack; 9] = [
        Attack::Plain,
        Attack::WordsBefore,
        Attack::WordsBehind,
        Attack::Letters,
        Attack::Picture,
        Attack::Base64,
        Attack::Thread,
        Attack::List,
        Attack::OwnServers,
    ];

    /// For the table.
    pub(crate) fn said(self) -> &'static str {
        match self {
            Attack::Plain => "as it came",
            Attack::WordsBefore => "300 ham words before",
            Attack::WordsBehind => "300 ham words behind",
            Attack::Letters => "letters replaced",
            Attack::Picture => "a picture only",
            Attack::Base64 => "text in base64",
            Attack::Thread => "forged thread",
            Attack::List => "forged list",
            Attack::OwnServers => "forged own servers",
        }
    }

    /// The disguised mail. `ham` is a wanted one, of which the sender knows header section and text; `words` are words of many.
    pub(crate) fn on(
        self,
        spam: &Opened,
        ham: &Opened,
        words: &[String],
        luck: &mut Luck,
    ) -> Opened {
        let mut some = || {
            (0..300).map(|_| words[luck.below(words.len())].as_str()).collect::<Vec<_>>().join(" ")
        };
        let text = match self {
            Attack::Plain | Attack::List | Attack::OwnServers => {
                return Opened { message: self.header_on(spam, ham), ..spam.clone() };
            }
            Attack::WordsBefore => format!("{}\n\n{}", some(), spam.text),
            Attack::WordsBehind => format!("{}\n\n{}", spam.text, some()),
            Attack::Letters => letters_replaced(&spam.text),
            Attack::Picture => String::new(),
            Attack::Base64 => spam.text.clone(),
            Attack::Thread => {
                let quoted: String =
                    ham.text.lines().take(40).map(|line| format!("> {line}\n")).collect();
                format!("{}\n\n{quoted}", spam.text)
            }
        };
        let mut message = self.header_on(spam, ham);
        let header = Header::read(&message).unwrap_or_default();
        message.truncate(header.body_at());
        let (kind, body) = match self {
            Attack::Picture => {
                let picture: Vec<u8> = (0..3000).map(|_| luck.below(256) as u8).collect();
                let page = "<html><body><img src=\"cid:1\"></body></html>";
                let body = format!(
                    "--b1\nContent-Type: text/html\n\n{page}\n--b1\nContent-Type: image/png\nContent-ID: <1>\nContent-Transfer-Encoding: base64\n\n{}\n--b1--\n",
                    base64(&picture)
                );
                ("Content-Type: multipart/related; boundary=\"b1\"\n".to_string(), body)
            }
            Attack::Base64 => (
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n"
                    .to_string(),
                base64(text.as_bytes()),
            ),
            Attack::Plain
            | Attack::WordsBefore
            | Attack::WordsBehind
            | Attack::Letters
            | Attack::Thread
            | Attack::List
            | Attack::OwnServers => {
                ("Content-Type: text/plain; charset=utf-8\n".to_string(), text.clone())
            }
        };
        let mut made = without(&message, &["content-type", "content-transfer-encoding"]);
        made.extend(kind.bytes());
        made.push(b'\n');
        made.extend(body.bytes());
        Opened { message: made, text, ..spam.clone() }
    }

    fn header_on(self, spam: &Opened, ham: &Opened) -> Vec<u8> {
        let theirs = Header::read(&ham.message).unwrap_or_default();
        let value = |name: &str| theirs.value(name).unwrap_or_default().replace(['\r', '\n'], " ");
        match self {
            Attack::Thread => {
                let subject = value("Subject");
                let mut made = format!(
                    "Subject: Re: {}\nIn-Reply-To: {id}\nReferences: {id}\nThread-Topic: {subject}\nUser-Agent: Thunderbird\n",
                    subject.trim_start_matches("Re: "),
                    id = value("Message-ID"),
                )
                .into_bytes();
                made.extend(without(&spam.message, &["subject", "in-reply-to", "references"]));
                made
            }
            Attack::List => {
                let mut made = "List-Id: <users.lists.ours.example>\nList-Post: <mailto:users@lists.ours.example>\nList-Unsubscribe: <mailto:users-leave@lists.ours.example>\nPrecedence: list\nSender: users-bounces@lists.ours.example\nErrors-To: users-bounces@lists.ours.example\nX-Mailman-Version: 2.1.5\nX-BeenThere: users@lists.ours.example\n".as_bytes().to_vec();
                made.extend(without(&spam.message, &["list-id", "precedence", "sender"]));
                made
            }
            Attack::OwnServers => {
                let mut made = "Received: from mail.ours.example (mail.ours.example [192.0.2.25])\n\tby mx.ours.example (Postfix) with ESMTP id 4A1B2C3D4E\n\tfor <anna@ours.example>; Tue, 3 Mar 2026 09:12:11 +0100 (CET)\nMessage-ID: <20260303081211.4A1B2C3D4E@mail.ours.example>\nFrom: Anna Berg <anna@ours.example>\n".as_bytes().to_vec();
                let mut rest = without(&spam.message, &["message-id", "from"]);
                // The line of whoever took it stands above what the sender wrote.
                let top =
                    rest.windows(9).position(|start| start == b"Received:").filter(|at| *at == 0);
                if let Some(at) = top {
                    let end = rest.windows(2).enumerate().find(|(at, two)| {
                        *at > 9 && two[0] == b'\n' && !matches!(two[1], b' ' | b'\t')
                    });
                    let end = end.map_or(rest.len(), |(at, _)| at + 1);
                    let mut first: Vec<u8> = rest.drain(at..end).collect();
                    first.append(&mut made);
                    made = first;
                }
                made.extend(rest);
                made
            }
            Attack::Plain
            | Attack::WordsBefore
            | Attack::WordsBehind
            | Attack::Letters
            | Attack::Picture
            | Attack::Base64 => spam.message.clone(),
        }
    }
}

/// A mail's bytes without some fields.
fn without(message: &[u8], names: &[&str]) -> Vec<u8> {
    let header = Header::read(message).unwrap_or_default();
    let mut left = Vec::with_capacity(message.len());
    for field in header.fields() {
        if !names.contains(&header.name(field).to_ascii_lowercase().as_str()) {
            left.extend(&message[field.span.clone()]);
        }
    }
    // The blank line and what follows.
    if header.body_at() < message.len() {
        left.push(b'\n');
        left.extend(&message[header.body_at()..]);
    }
    left
}

fn letters_replaced(text: &str) -> String {
    let replaced = |word: &str| match word.chars().count() {
        0..4 => word.to_string(),
        length => word
            .chars()
            .enumerate()
            .map(|(at, letter)| match letter {
                _ if at != length / 2 => letter.to_string(),
                'a' => "@".to_string(),
                'e' => "3".to_string(),
                'i' => "1".to_string(),
                'o' => "0".to_string(),
                's' => "$".to_string(),
                other => format!("{other}."),
            })
            .collect(),
    };
    text.split(' ').map(replaced).collect::<Vec<_>>().join(" ")
}

fn base64(bytes: &[u8]) -> String {
    let letters = data_encoding::BASE64.encode(bytes);
    letters.as_bytes().chunks(76).flat_map(|line| [line, b"\n"].concat()).map(char::from).collect()
}
