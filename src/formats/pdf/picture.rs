//! Raw pictures wrapped anew as PNG (ISO/IEC 15948), so that the picture reader finds the QR codes in them. ISO 32000-1 section 8.9.5.
//!
//! Nothing is scaled and hardly a colour converted; what is too small for a code or too large to look at is left out.

use super::{
    object::{Dict, Object},
    store::Place,
};
use crate::base::limits;
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// How the samples are laid out.
#[derive(Debug, Clone, PartialEq)]
enum Colours {
    Grey,
    Rgb,
    Cmyk,
    Palette(Vec<u8>),
    /// One colour of ink: more is darker.
    Ink,
}

/// A PNG of the picture; None if it is no plausible one. `samples`: its decoded bytes.
pub(super) fn png<'a>(place: Place<'a>, dict: &'a Dict, samples: &[u8]) -> Option<Vec<u8>> {
    let get = |long: &[u8], short: &[u8]| place.get(dict, long).or_else(|| place.get(dict, short));
    let width = get(b"Width", b"W")?.as_size()?;
    let height = get(b"Height", b"H")?.as_size()?;
    let sides = limits::PDF_PICTURE_SIDE_MIN..=0xffff;
    if !sides.contains(&width)
        || !sides.contains(&height)
        || width * height > limits::PDF_PICTURE_PIXELS_MAX
    {
        return None;
    }
    let mask = get(b"ImageMask", b"IM") == Some(&Object::Bool(true));
    let bits = match get(b"BitsPerComponent", b"BPC").and_then(Object::as_size) {
        _ if mask => 1,
        Some(bits @ (1 | 2 | 4 | 8 | 16)) => bits,
        _ => 8,
    };
    let colours = match get(b"ColorSpace", b"CS") {
        _ if mask => Colours::Grey,
        Some(space) => colours(place, space)?,
        None => Colours::Grey,
    };
    let inverted = get(b"Decode", b"D")
        .and_then(Object::as_array)
        .and_then(|decode| Some((decode.first()?.as_number()?, decode.get(1)?.as_number()?)))
        .is_some_and(|(low, high)| low > high);
    let inverted = inverted != (colours == Colours::Ink);
    let channels = match colours {
        Colours::Rgb => 3,
        Colours::Cmyk => 4,
        Colours::Grey | Colours::Palette(_) | Colours::Ink => 1,
    };
    if channels > 1 && bits < 8 {
        return None;
    }
    let row = (width * channels * bits).div_ceil(8);
    let mut rows = Vec::with_capacity(samples.len().min(row * height) + height);
    for line in samples.chunks(row).take(height) {
        rows.push(0);
        let start = rows.len();
        match colours {
            Colours::Cmyk => cmyk_row(line, bits, &mut rows),
            _ => rows.extend_from_slice(line),
        }
        if inverted {
            rows.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
        }
    }
    let row_made = if colours == Colours::Cmyk { width * 3 } else { row };
    let bits = if colours == Colours::Cmyk { 8 } else { bits };
    // What is missing is blank.
    rows.resize((row_made + 1) * height, 0);
    Some(wrap(width, height, bits, &colours, &rows))
}

/// The colour space, section 8.6, as far as dark and light depend on it.
fn colours<'a>(place: Place<'a>, space: &'a Object) -> Option<Colours> {
    let (name, items): (&[u8], &[Object]) = match space {
        Object::Name(name) => (name, &[]),
        Object::Array(items) => (place.resolve(items.first()?).as_name()?, items),
        _ => return None,
    };
    Some(match name {
        b"DeviceGray" | b"G" | b"CalGray" => Colours::Grey,
        b"DeviceRGB" | b"RGB" | b"CalRGB" => Colours::Rgb,
        b"DeviceCMYK" | b"CMYK" => Colours::Cmyk,
        b"Separation" => Colours::Ink,
        b"ICCBased" => {
            let profile = place.resolve(items.get(1)?).as_dict()?;
            match place.get(profile, b"N").and_then(Object::as_integer) {
                Some(1) => Colours::Grey,
                Some(4) => Colours::Cmyk,
                _ => Colours::Rgb,
            }
        }
        b"Indexed" | b"I" => {
            let (table, at) = place.resolve_at(items.get(3)?);
            let table = match (table, at.decoded()) {
                (Object::Text(table), _) => table.as_slice(),
                (_, Some(stream)) => stream.bytes.as_slice(),
                _ => return None,
            };
            let base = place.resolve(items.get(1)?);
            // Names of bases and arrays around them; nothing that nests further.
            let base = match base {
                Object::Array(items) => match place.resolve(items.first()?).as_name()? {
                    b"ICCBased" => {
                        let profile = place.resolve(items.get(1)?).as_dict()?;
                        place.get(profile, b"N").and_then(Object::as_integer).unwrap_or(3)
                    }
                    b"CalGray" | b"Separation" => 1,
                    _ => 3,
                },
                Object::Name(name) => match name.as_slice() {
                    b"DeviceGray" | b"G" => 1,
                    b"DeviceCMYK" | b"CMYK" => 4,
                    _ => 3,
                },
                _ => 3,
            };
            Colours::Palette(palette(table, base))
        }
        _ => return None,
    })
}

/// A palette of three bytes for each colour.
fn palette(table: &[u8], channels: i64) -> Vec<u8> {
    let mut colours = Vec::with_capacity(PALETTE_BYTES);
    match channels {
        1 => table.iter().take(256).for_each(|grey| colours.extend([*grey; 3])),
        4 => cmyk_row(table.get(..table.len().min(1_024)).unwrap_or_default(), 8, &mut colours),
        _ => colours
            .extend_from_slice(table.get(..table.len().min(PALETTE_BYTES)).unwrap_or_default()),
    }
    // Samples beyond the table are black, in every program.
    colours.resize(PALETTE_BYTES, 0);
    colours
}

fn cmyk_row(line: &[u8], bits: usize, rows: &mut Vec<u8>) {
    let step = bits / 8;
    let samples: Vec<u8> = line.iter().step_by(step.max(1)).copied().collect();
    for pixel in samples.chunks(4) {
        let [cyan, magenta, yellow, black] = pixel else { return };
        let light = |ink: &u8| {
            let light = u16::from(255 - ink) * u16::from(255 - black) / 255;
            u8::try_from(light).unwrap_or(u8::MAX)
        };
        rows.extend([light(cyan), light(magenta), light(yellow)]);
    }
}

fn wrap(width: usize, height: usize, bits: usize, colours: &Colours, rows: &[u8]) -> Vec<u8> {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let kind = match colours {
        Colours::Grey | Colours::Ink => 0,
        Colours::Rgb | Colours::Cmyk => 2,
        Colours::Palette(_) if bits <= 8 => 3,
        Colours::Palette(_) => 0,
    };
    let mut head = [small(width), small(height)].concat();
    head.extend([u8::try_from(bits).unwrap_or(8), kind, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &head);
    if let (Colours::Palette(palette), 3) = (colours, kind) {
        let most = 3 << bits;
        chunk(&mut png, b"PLTE", palette.get(..most).unwrap_or(palette));
    }
    // Not packed: it is unpacked again at once.
    let mut packed = ZlibEncoder::new(Vec::with_capacity(rows.len() + 1_024), Compression::none());
    // Writing to memory does not fail.
    let packed = packed.write_all(rows).and_then(|()| packed.finish()).unwrap_or_default();
    chunk(&mut png, b"IDAT", &packed);
    chunk(&mut png, b"IEND", b"");
    png
}

fn chunk(png: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    png.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    png.extend_from_slice(name);
    png.extend_from_slice(content);
    let mut sum = Crc::new();
    sum.update(name);
    sum.update(content);
    png.extend(sum.sum().to_be_bytes());
}

/// 256 colours.
const PALETTE_BYTES: usize = 768;
