//! Mails to send: the same in every run, each different from the others.

use flate2::{Compression, Crc, write::DeflateEncoder};
use std::io::Write;

/// Next to nothing to scan: shows what the way of a mail costs.
pub(crate) fn tiny() -> Vec<Vec<u8>> {
    let mail = |random: &mut Random| {
        let words = random.sentence();
        wire(&format!("{}\n{words}\n", header(random, "text/plain; charset=utf-8")))
    };
    numbered(100, mail)
}

/// A text and the same as HTML, about 4 KB.
pub(crate) fn text() -> Vec<Vec<u8>> {
    let mail = |random: &mut Random| {
        let body = alternative(random, 1_200);
        wire(&format!("{}\n{body}", header(random, "multipart/alternative; boundary=alt")))
    };
    numbered(100, mail)
}

/// The same with a ZIP of office-like documents, `bytes` in all.
pub(crate) fn documents(count: u64, bytes: usize) -> Vec<Vec<u8>> {
    let mail = |random: &mut Random| {
        let body = alternative(random, if bytes < 1_000_000 { 4_000 } else { 6_000 });
        let room = bytes.saturating_sub(body.len()) * 74 / 100;
        let files = if bytes < 1_000_000 { 1 } else { 4 };
        let documents: Vec<Vec<u8>> =
            (0..files).map(|_| document(random, (room / files).max(2_000))).collect();
        let names: Vec<String> = (0..files).map(|number| format!("report-{number}.docx")).collect();
        let archive = pack(names.iter().map(String::as_str).zip(documents));
        let lines = data_encoding::BASE64_MIME.encode(&archive).replace("\r\n", "\n");
        wire(&format!(
            "{}\n--mix\nContent-Type: multipart/alternative; boundary=alt\n\n{body}--mix\n\
             Content-Type: application/zip; name=\"docs.zip\"\nContent-Transfer-Encoding: base64\n\
             Content-Disposition: attachment; filename=\"docs.zip\"\n\n{lines}--mix--\n",
            header(random, "multipart/mixed; boundary=mix")
        ))
    };
    numbered(count, mail)
}

fn numbered(count: u64, mail: impl Fn(&mut Random) -> String) -> Vec<Vec<u8>> {
    (1..=count).map(|number| mail(&mut Random(number)).into_bytes()).collect()
}

fn header(random: &mut Random, content_type: &str) -> String {
    let (name, subject, id) = (random.word(), random.words(5), random.next());
    format!(
        "Received: from mail.example.org (mail.example.org [203.0.113.77])\n\tby mx.example.net with ESMTPS id {id:x};\n\
         \tMon, 02 Mar 2026 10:00:00 +0100\nFrom: \"{name}\" <sender@example.org>\nTo: user@ours.example\n\
         Subject: {subject}\nDate: Mon, 02 Mar 2026 10:00:00 +0100\nMessage-ID: <{id:x}@example.org>\n\
         MIME-Version: 1.0\nContent-Type: {content_type}\n"
    )
}

fn alternative(random: &mut Random, bytes: usize) -> String {
    let text = random.text(bytes);
    let page = text.trim_end().replace('\n', "</p>\n<p>");
    format!(
        "--alt\nContent-Type: text/plain; charset=utf-8\n\n{text}\n--alt\nContent-Type: text/html; charset=utf-8\n\n\
         <html><body><p>{page}</p></body></html>\n--alt--\n"
    )
}

/// What an office program would write: XML, and a picture that does not pack.
fn document(random: &mut Random, bytes: usize) -> Vec<u8> {
    let paragraphs = random.text(bytes / 2);
    let body: String =
        paragraphs.lines().map(|line| format!("<w:p><w:r><w:t>{line}</w:t></w:r></w:p>")).collect();
    let mut picture = vec![0xff, 0xd8, 0xff, 0xe0];
    picture.extend((0..bytes * 3 / 32).flat_map(|_| random.next().to_le_bytes()));
    pack([
        ("[Content_Types].xml", b"<Types/>".to_vec()),
        ("word/document.xml", format!("<w:document>{body}</w:document>").into_bytes()),
        ("word/media/image1.jpeg", picture),
    ])
}

/// A ZIP with these members, deflated (APPNOTE 4.3).
fn pack<'n>(files: impl IntoIterator<Item = (&'n str, Vec<u8>)>) -> Vec<u8> {
    let (mut archive, mut directory, mut members) = (Vec::new(), Vec::new(), 0_u16);
    for (name, bytes) in files {
        let mut deflater = DeflateEncoder::new(Vec::new(), Compression::default());
        deflater.write_all(&bytes).unwrap();
        let packed = deflater.finish().unwrap();
        let mut sum = Crc::new();
        sum.update(&bytes);
        // Version needed, flags, method 8, time, date; then sum, sizes, length of the name, no extra field.
        let mut about = [20_u16, 0, 8, 0, 0x5c62].map(u16::to_le_bytes).concat();
        about.extend(
            [sum.sum(), size(packed.len()), size(bytes.len())].map(u32::to_le_bytes).concat(),
        );
        about.extend([u16::try_from(name.len()).unwrap(), 0].map(u16::to_le_bytes).concat());
        directory.extend([b"PK\x01\x02\x14\0", about.as_slice(), &[0; 10]].concat());
        directory.extend(size(archive.len()).to_le_bytes());
        directory.extend(name.as_bytes());
        archive.extend([b"PK\x03\x04", about.as_slice(), name.as_bytes(), &packed].concat());
        members += 1;
    }
    let begins = size(archive.len());
    archive.extend_from_slice(&directory);
    archive.extend(b"PK\x05\x06");
    archive.extend([0, 0, members, members].map(u16::to_le_bytes).concat());
    archive.extend([size(directory.len()), begins].map(u32::to_le_bytes).concat());
    archive.extend([0, 0]);
    archive
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap()
}

fn wire(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// Random numbers that are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn word(&mut self) -> String {
        let syllables = 1 + self.below(4);
        let mut syllable =
            || [b"bdfghklmnprstv"[self.below(14)], b"aeiou"[self.below(5)]].map(char::from);
        (0..syllables).flat_map(|_| syllable()).collect()
    }

    fn words(&mut self, count: usize) -> String {
        let words: Vec<String> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }

    /// Now and then with a link.
    fn sentence(&mut self) -> String {
        let words = self.words(10);
        match self.below(25) {
            0 => {
                let (host, page) = (self.word(), self.word());
                format!(
                    "{words}. See http://www.{host}.example.net/{page}?id={}",
                    self.below(1_000)
                )
            }
            _ => format!("{words}."),
        }
    }

    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        while text.len() < bytes {
            text.push_str(&self.sentence());
            text.push('\n');
        }
        text
    }
}
