//! The PROXY protocol, versions 1 and 2, as haproxy's `doc/proxy-protocol.txt` has it: what a balancer says in front of a connection
//! about the client that it carries.
//!
//! Bytes in, a header out. Whom to believe is not decided here: only a listed proxy may be asked for one.
//! Nothing is guessed: a header with a mistake anywhere is no header.

use crate::base::limits;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the proxy said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// Nobody's connection but its own (LOCAL, UNKNOWN): it looks whether we are well.
    Itself,
    /// It carries this client, who connected to that address of it.
    Client {
        /// The client.
        from: SocketAddr,
        /// Where it connected to.
        to: SocketAddr,
    },
}

/// How far a header has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is whole.
    Whole(Header),
    /// At least so many more bytes belong to it: reading no more than these takes none of the client's own.
    More(usize),
}

/// A whole header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What it says.
    pub announced: Announced,
    /// How many bytes it has; behind them the client's own begin.
    pub bytes: usize,
}

/// Why the bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAHeader {
    /// Neither signature stands first.
    #[error("the connection does not begin with a PROXY header")]
    Other,
    /// It goes on beyond every bound.
    #[error("the PROXY header is longer than {max} bytes", max = limits::PROXY_HEADER_BYTES_MAX)]
    TooLong,
    /// A version 1 line that breaks the rules.
    #[error("the PROXY line is malformed")]
    Line,
    /// A version 2 header that breaks the rules.
    #[error("the binary PROXY header is malformed")]
    Binary,
    /// Another protocol than TCP over IP.
    #[error("the PROXY header announces no TCP connection")]
    NotTcp,
    /// The checksum is there and wrong.
    #[error("the checksum of the PROXY header is wrong")]
    Checksum,
}

/// Reads the header at the start of what has come.
pub fn read(bytes: &[u8]) -> Result<Progress, NotAHeader> {
    if begins(bytes, SIGNATURE) {
        return read_binary(bytes);
    }
    if begins(bytes, LINE_START) {
        return read_line(bytes);
    }
    Err(NotAHeader::Other)
}

/// Is this the start of `whole`, as far as there is any?
fn begins(bytes: &[u8], whole: &[u8]) -> bool {
    bytes.iter().zip(whole).all(|(have, want)| have == want)
}

// --- Version 1, section 2.1 ---------------------------------------------------------------------------------------

fn read_line(bytes: &[u8]) -> Result<Progress, NotAHeader> {
    let within = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
    let Some(lf) = memchr::memchr(b'\n', within) else {
        let end = if within.ends_with(b"\r") { 1 } else { 2 };
        let least = within.len().saturating_add(end).max(LINE_BYTES_MIN);
        return match least > LINE_BYTES_MAX {
            true => Err(NotAHeader::Line),
            false => Ok(Progress::More(least.saturating_sub(within.len()))),
        };
    };
    let line = within.get(..lf).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| std::str::from_utf8(line).ok()).ok_or(NotAHeader::Line)?;
    Ok(Progress::Whole(Header { announced: line_says(line)?, bytes: lf + 1 }))
}

fn line_says(line: &str) -> Result<Announced, NotAHeader> {
    let mut words = line.split(' ').skip(1);
    let family = match words.next() {
        // What follows UNKNOWN up to the line's end is to be ignored.
        Some("UNKNOWN") => return Ok(Announced::Itself),
        Some("TCP4") => Family::V4,
        Some("TCP6") => Family::V6,
        Some(_) | None => return Err(NotAHeader::Line),
    };
    let (Some(from), Some(to), Some(from_port), Some(to_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(NotAHeader::Line);
    };
    let end = |address: &str, port: &str| {
        Ok(SocketAddr::new(family.parse(address).ok_or(NotAHeader::Line)?, parse_port(port)?))
    };
    Ok(Announced::Client { from: end(from, from_port)?, to: end(to, to_port)? })
}

#[derive(Debug, Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn parse(self, text: &str) -> Option<IpAddr> {
        match self {
            Family::V4 => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            Family::V6 => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        }
    }
}

/// Decimal, without sign and leading zero.
fn parse_port(text: &str) -> Result<u16, NotAHeader> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || text.len() > 1 && text.starts_with('0') {
        return Err(NotAHeader::Line);
    }
    text.parse().map_err(|_| NotAHeader::Line)
}

// --- Version 2, section 2.2 ---------------------------------------------------------------------------------------

fn read_binary(bytes: &[u8]) -> Result<Progress, NotAHeader> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) else {
        // The shortest line and this head begin differently, but nothing at all may become either.
        let least = if bytes.is_empty() { LINE_BYTES_MIN } else { HEAD_BYTES };
        return Ok(Progress::More(least.saturating_sub(bytes.len())));
    };
    let &[.., command, family, length_high, length_low] = head else {
        return Err(NotAHeader::Binary);
    };
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let whole = HEAD_BYTES + length;
    if whole > limits::PROXY_HEADER_BYTES_MAX {
        return Err(NotAHeader::TooLong);
    }
    let header = |announced| Progress::Whole(Header { announced, bytes: whole });
    let missing = Progress::More(length.saturating_sub(rest.len()));
    match command {
        // LOCAL: what follows is to be skipped, whatever it is.
        0x20 if rest.len() >= length => return Ok(header(Announced::Itself)),
        0x20 => return Ok(missing),
        0x21 => (),
        _ => return Err(NotAHeader::Binary),
    }
    let address_bytes = match family {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        _ => return Err(NotAHeader::NotTcp),
    };
    if length < address_bytes {
        return Err(NotAHeader::Binary);
    }
    let (Some(body), Some(all)) = (rest.get(..length), bytes.get(..whole)) else {
        return Ok(missing);
    };
    let (addresses, extras) = body.split_at_checked(address_bytes).ok_or(NotAHeader::Binary)?;
    check_extras(all, extras)?;
    match family {
        // Unspecified: the proxy does not know either.
        0x00 => Ok(header(Announced::Itself)),
        _ => Ok(header(addresses_say(addresses).ok_or(NotAHeader::Binary)?)),
    }
}

fn addresses_say(bytes: &[u8]) -> Option<Announced> {
    let (addresses, ports) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let (from, to) = addresses.split_at_checked(addresses.len() / 2)?;
    let &[from_high, from_low, to_high, to_low] = ports else { return None };
    Some(Announced::Client {
        from: SocketAddr::new(address(from)?, u16::from_be_bytes([from_high, from_low])),
        to: SocketAddr::new(address(to)?, u16::from_be_bytes([to_high, to_low])),
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| IpAddr::V4(octets.into())),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|octets| IpAddr::V6(octets.into())),
    }
}

/// Walks the extras: type, two bytes of length, value. Only the checksum is looked at (section 2.2.3); the others say nothing we need.
fn check_extras(all: &[u8], extras: &[u8]) -> Result<(), NotAHeader> {
    let mut rest = extras;
    while let Some((head, after)) = rest.split_at_checked(3) {
        let &[kind, length_high, length_low] = head else { return Err(NotAHeader::Binary) };
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let (value, next) = after.split_at_checked(length).ok_or(NotAHeader::Binary)?;
        if kind == KIND_CRC32C {
            let said = <[u8; 4]>::try_from(value).map_err(|_| NotAHeader::Binary)?;
            let at = all.len().saturating_sub(after.len());
            if crc32c_without(all, at) != u32::from_be_bytes(said) {
                return Err(NotAHeader::Checksum);
            }
        }
        rest = next;
    }
    if rest.is_empty() { Ok(()) } else { Err(NotAHeader::Binary) }
}

/// CRC-32C (Castagnoli) of a header whose four bytes at `hole` count as zero.
/// Bit by bit: it is a hundred bytes, once a connection.
fn crc32c_without(bytes: &[u8], hole: usize) -> u32 {
    let hole = hole..hole.saturating_add(4);
    let mut crc = u32::MAX;
    for (at, byte) in bytes.iter().enumerate() {
        crc ^= u32::from(if hole.contains(&at) { 0 } else { *byte });
        for _ in 0..8 {
            crc = (crc >> 1) ^ (if crc & 1 == 1 { CRC32C_POLYNOMIAL } else { 0 });
        }
    }
    !crc
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const HEAD_BYTES: usize = 16;
const LINE_START: &[u8] = b"PROXY ";
/// The shortest line, `PROXY UNKNOWN`, with its CRLF.
const LINE_BYTES_MIN: usize = 15;
/// Section 2.1: the longest line there can be, with its CRLF.
const LINE_BYTES_MAX: usize = 107;
const KIND_CRC32C: u8 = 0x03;
const CRC32C_POLYNOMIAL: u32 = 0x82F6_3B78;

#[cfg(test)]
mod tests {
    use super::*;
    use NotAHeader::{Binary, Checksum, Line, NotTcp, Other, TooLong};

    fn client(from: &str, to: &str) -> Announced {
        Announced::Client { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    /// A version 2 header with this behind its signature: version and command, family, then the body.
    fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, body].concat()
    }

    fn v4(extras: &[u8]) -> Vec<u8> {
        let ends = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 25];
        binary(0x21, 0x11, &[&ends[..], extras].concat())
    }

    fn v6() -> Vec<u8> {
        let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        let ends = [&octets("2001:db8::1")[..], &octets("2001:db8::2"), &[0x30, 0x39, 0, 25]];
        binary(0x21, 0x21, &ends.concat())
    }

    fn with_checksum() -> Vec<u8> {
        let mut header = v4(&[KIND_CRC32C, 0, 4, 0, 0, 0, 0, 0x04, 0, 2, 0, 0]);
        let at = header.len() - 9;
        let crc = crc32c_without(&header, at).to_be_bytes();
        header[at..at + 4].copy_from_slice(&crc);
        header
    }

    #[test]
    fn headers_that_are_read() {
        let both = client("192.0.2.1:12345", "198.51.100.2:25");
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let long_line = format!("PROXY UNKNOWN {longest} {longest} 65535 65535\r\n");
        assert_eq!(long_line.len(), LINE_BYTES_MAX);
        for (bytes, want) in [
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n".to_vec(), both),
            (
                b"PROXY TCP6 2001:db8::1 2001:db8::2 12345 25\r\n".to_vec(),
                client("[2001:db8::1]:12345", "[2001:db8::2]:25"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), Announced::Itself),
            (long_line.into_bytes(), Announced::Itself),
            (v4(&[]), both),
            (v6(), client("[2001:db8::1]:12345", "[2001:db8::2]:25")),
            // A name that the client asked for, and padding.
            (v4(b"\x02\x00\x0amx.example\x04\x00\x03\x00\x00\x00"), both),
            (with_checksum(), both),
            (binary(0x20, 0x00, b""), Announced::Itself),
            (binary(0x20, 0x11, b"anything at all"), Announced::Itself),
            (binary(0x21, 0x00, b""), Announced::Itself),
        ] {
            let whole = bytes.len();
            // A byte at a time: nothing before the last, the same with the client's first words behind it.
            for end in 0..whole {
                let Ok(Progress::More(more)) = read(&bytes[..end]) else {
                    panic!("{end} of {want:?}")
                };
                assert!(more > 0 && end + more <= whole, "{end} + {more} of {want:?}");
            }
            let header = Header { announced: want, bytes: whole };
            let followed = [&bytes[..], b"EHLO client.example\r\n"].concat();
            assert_eq!(read(&bytes), Ok(Progress::Whole(header)));
            assert_eq!(read(&followed), Ok(Progress::Whole(header)));
        }
    }

    #[test]
    fn what_is_no_header() {
        let mut wrong_sum = with_checksum();
        wrong_sum[20] ^= 1;
        for (bytes, want) in [
            (b"EHLO client.example\r\n".to_vec(), Other),
            (b"\x16\x03\x01".to_vec(), Other),
            (b"PROXYTCP4".to_vec(), Other),
            (b"proxy TCP4".to_vec(), Other),
            (b"\r\n\r\n\0\r\nQUIX".to_vec(), Other),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 25 26\r\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.1  198.51.100.2 12345 25\r\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 65536\r\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 +1 25\r\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 01 25\r\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2  25\r\n".to_vec(), Line),
            (b"PROXY TCP4 192.0.2.01 198.51.100.2 1 25\r\n".to_vec(), Line),
            (b"PROXY TCP4 2001:db8::1 2001:db8::2 1 25\r\n".to_vec(), Line),
            (b"PROXY TCP6 192.0.2.1 198.51.100.2 1 25\r\n".to_vec(), Line),
            (b"PROXY UDP4 192.0.2.1 198.51.100.2 1 25\r\n".to_vec(), Line),
            (b"PROXY \r\n".to_vec(), Line),
            (b"PROXY TCP4 \xff\r\n".to_vec(), Line),
            ([b"PROXY UNKNOWN ", &[b'x'; 100][..]].concat(), Line),
            (binary(0x11, 0x11, &[0; 12]), Binary),
            (binary(0x22, 0x11, &[0; 12]), Binary),
            (binary(0x21, 0x11, &[0; 11]), Binary),
            (binary(0x21, 0x21, &[0; 12]), Binary),
            (binary(0x21, 0x12, &[0; 12]), NotTcp),
            (binary(0x21, 0x31, &[0; 216]), NotTcp),
            (binary(0x21, 0x11, &[0; 5_000]), TooLong),
            (binary(0x20, 0x00, &[0; 5_000]), TooLong),
            (v4(&[4, 0]), Binary),
            (v4(&[4, 0, 5, 0]), Binary),
            (v4(&[KIND_CRC32C, 0, 3, 0, 0, 0]), Binary),
            (wrong_sum, Checksum),
        ] {
            assert_eq!(read(&bytes), Err(want), "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_everybody_else() {
        // The check value of CRC-32C over "123456789" in every catalogue of checksums.
        assert_eq!(crc32c_without(b"123456789", usize::MAX), 0xE306_9283);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            for front in [&b""[..], LINE_START, SIGNATURE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x20"] {
                let all = [front, &bytes].concat();
                if let Ok(Progress::Whole(header)) = read(&all) {
                    assert!(header.bytes <= all.len());
                }
            }
        }
    }
}
