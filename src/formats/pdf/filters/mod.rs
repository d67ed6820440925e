//! The filters of streams, ISO 32000-1 section 7.4, one after the other.
//!
//! Pictures (JPEG, JPEG 2000, fax, JBIG2) are left as they are. What is damaged gives what could be decoded.

mod ascii;
mod flate;
mod lzw;
mod predictor;

use super::object::{Dict, Object};
use crate::{
    base::limits,
    formats::budget::{Budget, Stopped},
};
pub(super) use predictor::Parameters;

/// One filter of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    /// What it does.
    pub(super) kind: Kind,
    /// With which parameters.
    pub(super) parameters: Parameters,
}

/// What a filter does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// zlib, RFC 1950.
    Flate,
    /// Lempel-Ziv-Welch.
    Lzw,
    /// Hex digits.
    AsciiHex,
    /// Base 85.
    Ascii85,
    /// Runs of equal bytes.
    RunLength,
    /// Names how it is encrypted; true: not at all.
    Crypt(bool),
    /// A picture.
    Picture(Picture),
    /// No filter we know.
    Unknown(String),
}

/// How a picture is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// DCTDecode.
    Jpeg,
    /// JPXDecode.
    Jpeg2000,
    /// CCITTFaxDecode.
    Fax,
    /// JBIG2Decode.
    Jbig2,
}

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// They are still a picture of this kind.
    pub(super) picture: Option<Picture>,
    /// Why they may not be all.
    pub(super) stopped: Option<Stopped>,
}

impl Kind {
    /// By name, also by the short names of inline images (section 8.9.7), which many programs take everywhere.
    pub(super) fn of(name: &[u8], parameters: Option<&Dict>) -> Kind {
        match name {
            b"FlateDecode" | b"Fl" => Kind::Flate,
            b"LZWDecode" | b"LZW" => Kind::Lzw,
            b"ASCIIHexDecode" | b"AHx" => Kind::AsciiHex,
            b"ASCII85Decode" | b"A85" => Kind::Ascii85,
            b"RunLengthDecode" | b"RL" => Kind::RunLength,
            b"Crypt" => {
                let method = parameters.and_then(|parameters| parameters.name(b"Name"));
                Kind::Crypt(method.is_none_or(|name| name == b"Identity"))
            }
            b"DCTDecode" | b"DCT" => Kind::Picture(Picture::Jpeg),
            b"JPXDecode" => Kind::Picture(Picture::Jpeg2000),
            b"CCITTFaxDecode" | b"CCF" => Kind::Picture(Picture::Fax),
            b"JBIG2Decode" => Kind::Picture(Picture::Jbig2),
            other => Kind::Unknown(super::object::label(other)),
        }
    }
}

/// The filters that a stream's dictionary names. `resolve` follows references.
pub(super) fn of<'a>(dict: &'a Dict, resolve: impl Fn(&'a Object) -> &'a Object) -> Vec<Filter> {
    let get = |keys: [&[u8]; 2]| keys.iter().find_map(|key| dict.get(key)).map(&resolve);
    let names: &[Object] = match get([b"Filter", b"F"]) {
        Some(Object::Array(names)) => names,
        Some(name @ Object::Name(_)) => std::slice::from_ref(name),
        _ => return Vec::new(),
    };
    let parameters = get([b"DecodeParms", b"DP"]);
    // One more than is applied, so that whoever applies them notices.
    let names_read = names.iter().take(limits::PDF_FILTERS_MAX + 1);
    let filters = names_read.enumerate().filter_map(|(place, name)| {
        let name = resolve(name).as_name()?;
        let own = match parameters {
            Some(Object::Array(items)) => items.get(place).map(&resolve),
            Some(dict @ Object::Dict(_)) if names.len() == 1 => Some(dict),
            _ => None,
        };
        let own = own.and_then(Object::as_dict);
        let size = |key: &[u8]| own?.get(key).map(&resolve).and_then(Object::as_size);
        Some(Filter { kind: Kind::of(name, own), parameters: Parameters::new(size) })
    });
    filters.collect()
}

/// Undoes the filters.
pub(super) fn decode(raw: &[u8], filters: &[Filter], budget: &mut Budget) -> Decoded {
    let mut decoded = Decoded::default();
    let mut started = false;
    for (place, filter) in filters.iter().enumerate() {
        if place >= limits::PDF_FILTERS_MAX {
            decoded.stopped = Some(Stopped::Unsupported(format!(
                "more than {} filters",
                limits::PDF_FILTERS_MAX
            )));
            break;
        }
        let input = if started { decoded.bytes.as_slice() } else { raw };
        let (bytes, stopped) = match &filter.kind {
            Kind::Flate => flate::decode(input, budget),
            Kind::Lzw => lzw::decode(input, filter.parameters.early_change, budget),
            Kind::AsciiHex => ascii::hex(input, budget),
            Kind::Ascii85 => ascii::base85(input, budget),
            Kind::RunLength => ascii::run_length(input, budget),
            Kind::Crypt(_) => continue,
            Kind::Picture(picture) => {
                decoded.picture = Some(*picture);
                break;
            }
            Kind::Unknown(name) => {
                decoded.stopped = Some(Stopped::Unsupported(format!("filter {name}")));
                break;
            }
        };
        started = true;
        decoded.bytes = match filter.kind {
            Kind::Flate | Kind::Lzw => filter.parameters.undo(bytes),
            _ => bytes,
        };
        // The first trouble is the cause of the others.
        decoded.stopped = decoded.stopped.or(stopped);
        if matches!(decoded.stopped, Some(Stopped::Limit(_))) {
            break;
        }
    }
    if !started {
        match budget.take_bytes(raw.len()) {
            Ok(()) => decoded.bytes = raw.to_vec(),
            Err(limit) => decoded.stopped = Some(Stopped::Limit(limit)),
        }
    }
    decoded
}

/// Room for what a filter makes: it takes from the budget as it grows.
struct Room<'a> {
    bytes: Vec<u8>,
    bytes_max: usize,
    budget: &'a mut Budget,
    looked_at: usize,
}

impl<'a> Room<'a> {
    fn new(budget: &'a mut Budget) -> Room<'a> {
        let bytes_max = usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX);
        Room { bytes: Vec::new(), bytes_max, budget, looked_at: 0 }
    }

    /// Is there room? Looks at the clock now and then.
    fn check(&mut self) -> Result<(), Stopped> {
        if self.bytes.len() > self.bytes_max {
            let bytes_max = u64::try_from(self.bytes_max).unwrap_or(u64::MAX);
            return Err(Stopped::Limit(crate::formats::budget::Limit::TooLarge { bytes_max }));
        }
        if self.bytes.len() > self.looked_at + LOOK_AGAIN_BYTES {
            self.looked_at = self.bytes.len();
            self.budget.check_time()?;
        }
        Ok(())
    }

    fn done(mut self, stopped: Option<Stopped>) -> (Vec<u8>, Option<Stopped>) {
        self.bytes.truncate(self.bytes_max);
        match self.budget.take_bytes(self.bytes.len()) {
            Ok(()) => (self.bytes, stopped),
            Err(limit) => (Vec::new(), Some(Stopped::Limit(limit))),
        }
    }
}

/// Bytes made between two looks at the clock.
const LOOK_AGAIN_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn undo(filters: &[&str], raw: &[u8]) -> Decoded {
        let filters: Vec<Filter> = filters
            .iter()
            .map(|name| Filter {
                kind: Kind::of(name.as_bytes(), None),
                parameters: Parameters::new(|_| None),
            })
            .collect();
        decode(raw, &filters, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    #[test]
    fn filters_in_a_chain() {
        for (filters, raw, want) in [
            (&["AHx"][..], &b"48 65 6c6c6F>junk"[..], &b"Hello"[..]),
            (
                &["ASCIIHexDecode", "A85"],
                b"38 37 63 55 52 44 5d 69 2c 22 45 62 6f 38 30>",
                b"Hello World!",
            ),
            (&["ASCII85Decode"], b"<~87cURD]i,\"Ebo80~>", b"Hello World!"),
            (&["A85"], b"z~>", b"\0\0\0\0"),
            (&["RL"], b"\x02abc\xfex\x80yy", b"abcxxx"),
            (&["LZWDecode"], b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01", b"-----A---B"),
            (&["Crypt", "AHx"], b"41>", b"A"),
            (&[], b"as it is", b"as it is"),
        ] {
            let decoded = undo(filters, raw);
            assert_eq!(decoded.bytes, want, "{filters:?}");
        }
        assert_eq!(undo(&["DCT"], b"\xff\xd8").picture, Some(Picture::Jpeg));
        assert!(matches!(undo(&["Nonsense"], b"x").stopped, Some(Stopped::Unsupported(_))));
        assert_eq!(undo(&["Nonsense"], b"x").bytes, b"x");
    }

    #[test]
    fn long_chains_end() {
        let decoded = undo(&["AHx"; 40], &b"4".repeat(100));
        assert!(decoded.stopped.is_some());
    }
}
