//! yEnc (yEnc draft 1.3): bytes moved by 42 and a few escapes, between `=ybegin` and `=yend`.

/// A file, or the part of one, found in this form.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::formats::mime) struct YencFile {
    /// The name in its first line.
    pub(in crate::formats::mime) name: String,
    /// The bytes.
    pub(in crate::formats::mime) bytes: Vec<u8>,
    /// It is one part of several.
    pub(in crate::formats::mime) partial: bool,
}

/// Every file in a text; the parts of one that stand there one after the other are put together.
pub(in crate::formats::mime) fn files(text: &[u8]) -> Vec<YencFile> {
    let mut files: Vec<YencFile> = Vec::new();
    let mut starts = memchr::memmem::find_iter(text, b"=ybegin ").take(FILES_MAX).peekable();
    while let Some(at) = starts.next() {
        // A file ends where the next begins at the latest, so that nothing is decoded twice.
        let end = starts.peek().copied().unwrap_or(text.len());
        let Some(rest) = text.get(at..end) else { break };
        let Some(file) = file(rest) else { continue };
        match files.last_mut().filter(|last| last.partial && file.partial && last.name == file.name)
        {
            Some(last) => last.bytes.extend(file.bytes),
            None => files.push(file),
        }
    }
    files
}

fn file(text: &[u8]) -> Option<YencFile> {
    let line_end = memchr::memchr(b'\n', text)?;
    let line = text.get(..line_end)?;
    let name = memchr::memmem::find(line, b" name=")
        .and_then(|at| line.get(at + b" name=".len()..))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned())
        .unwrap_or_default();
    let mut body = text.get(line_end + 1..)?;
    let partial = body.starts_with(b"=ypart ");
    if partial {
        body = body.get(memchr::memchr(b'\n', body)? + 1..)?;
    }
    let end = memchr::memmem::find(body, b"\n=y").unwrap_or(body.len());
    let bytes = decode(body.get(..end)?);
    (!bytes.is_empty()).then_some(YencFile { name, bytes, partial })
}

/// Decodes lines that stand without their frame.
pub(super) fn decode(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut letters = body.iter();
    let mut at_line = true;
    while let Some(letter) = letters.next() {
        match letter {
            b'\r' | b'\n' => {
                at_line = true;
                continue;
            }
            b'=' => {
                if let Some(escaped) = letters.next() {
                    bytes.push(escaped.wrapping_sub(64).wrapping_sub(42));
                }
            }
            // A dot at a line's beginning was doubled for NNTP, and not everybody undoes it.
            b'.' if at_line && letters.as_slice().first() == Some(&b'.') => (),
            other => bytes.push(other.wrapping_sub(42)),
        }
        at_line = false;
    }
    bytes
}

/// Files or parts looked at in one text.
const FILES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        for byte in bytes {
            match byte.wrapping_add(42) {
                letter @ (0 | b'\n' | b'\r' | b'=') => text.extend([b'=', letter.wrapping_add(64)]),
                letter => text.push(letter),
            }
        }
        text
    }

    #[test]
    fn whole_and_in_parts() {
        let all: Vec<u8> = (0..=255).collect();
        let (one, two) = all.split_at(100);
        let whole = [
            &b"x\r\n=ybegin line=128 size=256 name=a b.bin\r\n"[..],
            &encode(&all),
            b"\r\n=yend size=256\r\n",
        ]
        .concat();
        assert_eq!(
            files(&whole),
            [YencFile { name: "a b.bin".into(), bytes: all.clone(), partial: false }]
        );
        let parts = [
            &b"=ybegin part=1 line=128 size=256 name=a\n=ypart begin=1 end=100\n"[..],
            &encode(one),
            b"\n=yend size=100\n=ybegin part=2 line=128 size=256 name=a\n=ypart begin=101 end=256\n",
            &encode(two),
        ]
        .concat();
        assert_eq!(files(&parts), [YencFile { name: "a".into(), bytes: all, partial: true }]);
        for end in 0..parts.len() {
            files(&parts[..end]);
        }
    }
}
