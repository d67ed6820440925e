//! From the bytes of a PNG, JPEG, GIF, WebP or BMP to pixels, by the `image` crate: never larger than
//! [`limits::IMAGE_DECODED_BYTES_MAX`], and as far as it goes where the file is cut short, as mail programs show it.

use super::plane::Plane;
use crate::{
    base::limits,
    formats::budget::{Budget, Stopped},
};
use image::{
    AnimationDecoder, ColorType, ImageDecoder, ImageError, ImageFormat, Limits,
    codecs::{
        bmp::BmpDecoder, gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder,
    },
};
use std::{
    io::Cursor,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Pixels of eight bits a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Picture {
    width: usize,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    channels: usize,
    bytes: Vec<u8>,
}

/// One way of making grey of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Brightness on white paper, as mail programs show it.
    OnWhite,
    /// Brightness on a black screen.
    OnBlack,
    /// Brightness of what transparency hides too.
    Bare,
    /// Only what is transparent.
    Alpha,
    /// One colour.
    Red,
    /// One colour.
    Green,
    /// One colour.
    Blue,
    /// How coloured a pixel is.
    Saturation,
}

impl Picture {
    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.bytes.len().checked_div(self.width.saturating_mul(self.channels)).unwrap_or_default()
    }

    pub(super) fn is_coloured(&self) -> bool {
        self.channels >= 3
    }

    pub(super) fn is_transparent(&self) -> bool {
        let alphas = || {
            self.bytes.iter().skip(self.channels.saturating_sub(1)).step_by(self.channels.max(1))
        };
        matches!(self.channels, 2 | 4) && alphas().any(|alpha| *alpha < OPAQUE_MIN)
    }

    /// The picture in grey.
    pub(super) fn plane(&self, channel: Channel) -> Plane {
        let grey = |pixel: &[u8]| match *pixel {
            [grey] => Pixel { red: grey, green: grey, blue: grey, alpha: u8::MAX },
            [grey, alpha] => Pixel { red: grey, green: grey, blue: grey, alpha },
            [red, green, blue] => Pixel { red, green, blue, alpha: u8::MAX },
            [red, green, blue, alpha] => Pixel { red, green, blue, alpha },
            _ => Pixel::default(),
        };
        let pixels = self.bytes.chunks_exact(self.channels.max(1));
        Plane::new(self.width, pixels.map(|pixel| grey(pixel).in_grey(channel)).collect())
    }
}

#[derive(Default)]
struct Pixel {
    red: u8,
    green: u8,
    blue: u8,
    alpha: u8,
}

impl Pixel {
    fn in_grey(&self, channel: Channel) -> u8 {
        match channel {
            Channel::OnWhite => self.on(u8::MAX),
            Channel::OnBlack => self.on(0),
            Channel::Bare => self.brightness(),
            Channel::Alpha => u8::MAX - self.alpha,
            Channel::Red => self.red,
            Channel::Green => self.green,
            Channel::Blue => self.blue,
            Channel::Saturation => {
                let most = self.red.max(self.green).max(self.blue);
                most - self.red.min(self.green).min(self.blue)
            }
        }
    }

    /// ITU-R BT.601, in 256ths.
    fn brightness(&self) -> u8 {
        let sum =
            77 * u32::from(self.red) + 150 * u32::from(self.green) + 29 * u32::from(self.blue);
        u8::try_from(sum >> 8).unwrap_or(u8::MAX)
    }

    fn on(&self, paper: u8) -> u8 {
        if self.alpha == u8::MAX {
            return self.brightness();
        }
        let alpha = u32::from(self.alpha);
        let sum = u32::from(self.brightness()) * alpha + u32::from(paper) * (255 - alpha);
        u8::try_from(sum / 255).unwrap_or(u8::MAX)
    }
}

/// Gives every frame of a picture to `look`, in order, until it has enough. What it gives back is why not all was seen.
pub(super) fn each_frame(
    bytes: &[u8],
    budget: &Budget,
    look: &mut dyn FnMut(Picture) -> ControlFlow<()>,
) -> Option<Stopped> {
    let format = match image::guess_format(bytes) {
        Ok(format) => format,
        Err(_) => return Some(Stopped::Unsupported("no picture that is read".to_string())),
    };
    // Decoders of pictures have panicked on hostile ones before; the rest of the mail is still to be read.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes, format, budget, look)));
    match decoded {
        Ok(Ok(stopped)) => stopped,
        Ok(Err(error)) => Some(reason(&error)),
        Err(_) => Some(Stopped::Damaged("its decoder failed".to_string())),
    }
}

type Look<'a> = &'a mut dyn FnMut(Picture) -> ControlFlow<()>;

fn decode(
    bytes: &[u8],
    format: ImageFormat,
    budget: &Budget,
    look: Look<'_>,
) -> Result<Option<Stopped>, ImageError> {
    let reader = Cursor::new(bytes);
    #[allow(clippy::wildcard_enum_match_arm)] // The enum is open; what is not built in is not read.
    match format {
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(reader, bounds())?;
            if !decoder.is_apng()? || is_too_large(&decoder) {
                return still(decoder, look);
            }
            // The picture that programs without animation show need not be a frame.
            let stopped = PngDecoder::with_limits(Cursor::new(bytes), bounds())
                .and_then(|decoder| still(decoder, look));
            Ok(frames(decoder.apng()?, budget, look).or(stopped.ok().flatten()))
        }
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(reader)?;
            decoder.set_limits(bounds())?;
            if is_too_large(&decoder) {
                return still(decoder, look);
            }
            Ok(frames(decoder, budget, look))
        }
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(reader)?;
            match decoder.has_animation() && !is_too_large(&decoder) {
                true => Ok(frames(decoder, budget, look)),
                false => still(decoder, look),
            }
        }
        ImageFormat::Jpeg => still(JpegDecoder::new(reader)?, look),
        ImageFormat::Bmp => still(BmpDecoder::new(reader)?, look),
        _ => Ok(Some(Stopped::Unsupported("a kind of picture that is not read".to_string()))),
    }
}

fn bounds() -> Limits {
    let side = u32::try_from(limits::IMAGE_SIDE_MAX).ok();
    let mut bounds = Limits::default();
    bounds.max_image_width = side;
    bounds.max_image_height = side;
    // The decoder's own tables and lines come on top of the pixels.
    bounds.max_alloc = u64::try_from(limits::IMAGE_DECODED_BYTES_MAX * 2).ok();
    bounds
}

fn is_too_large(decoder: &impl ImageDecoder) -> bool {
    let (width, height) = decoder.dimensions();
    let side = u32::try_from(limits::IMAGE_SIDE_MAX).unwrap_or(u32::MAX);
    let bytes = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    // Frames of animations are given in four bytes a pixel, whatever the file has.
    let pixels = usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(usize::MAX);
    let bytes_max = limits::IMAGE_DECODED_BYTES_MAX;
    width > side || height > side || bytes > bytes_max || pixels > bytes_max / 4
}

/// A picture of one frame.
fn still(mut decoder: impl ImageDecoder, look: Look<'_>) -> Result<Option<Stopped>, ImageError> {
    let (width, height) = decoder.dimensions();
    let size = || format!("a picture of {width}×{height} pixels");
    if is_too_large(&decoder) {
        return Ok(Some(Stopped::Unsupported(size())));
    }
    // Trackers and icons are not worth unpacking.
    let side_min = u32::try_from(limits::IMAGE_CODE_SIDE_MIN).unwrap_or_default();
    if width < side_min || height < side_min {
        return Ok(None);
    }
    decoder.set_limits(bounds())?;
    let color = decoder.color_type();
    let bytes = usize::try_from(decoder.total_bytes()).unwrap_or_default();
    let mut raw = vec![u8::MAX; bytes];
    let error = decoder.read_image(&mut raw).err();
    let Some(picture) = eight_bits(raw, color, width) else {
        return Ok(Some(Stopped::Unsupported(format!("{} in {color:?}", size()))));
    };
    // What came before the fault is there.
    let _enough = look(picture);
    Ok(error.map(|error| reason(&error)))
}

/// An animation: frames that differ from the one before, so many of them.
fn frames<'a>(
    decoder: impl AnimationDecoder<'a>,
    budget: &Budget,
    look: Look<'_>,
) -> Option<Stopped> {
    let mut last = Vec::new();
    let mut seen = 0_usize;
    for frame in decoder.into_frames().take(limits::IMAGE_FRAMES_MAX * 16) {
        if let Err(limit) = budget.check_time() {
            return Some(Stopped::Limit(limit));
        }
        let frame = match frame {
            Ok(frame) => frame.into_buffer(),
            Err(error) => return Some(reason(&error)),
        };
        let width = usize::try_from(frame.width()).unwrap_or_default();
        let bytes = frame.into_raw();
        if bytes == last {
            continue;
        }
        last.clone_from(&bytes);
        seen += 1;
        if look(Picture { width, channels: 4, bytes }).is_break() {
            break;
        }
        if seen >= limits::IMAGE_FRAMES_MAX {
            let why = format!("more than {} different frames", limits::IMAGE_FRAMES_MAX);
            return Some(Stopped::Unsupported(why));
        }
    }
    None
}

fn eight_bits(raw: Vec<u8>, color: ColorType, width: u32) -> Option<Picture> {
    // The high byte of two; the order is the machine's.
    let high = |raw: Vec<u8>| -> Vec<u8> {
        let pairs = raw.chunks_exact(2);
        pairs
            .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
            .filter_map(|pair| u8::try_from(u16::from_ne_bytes(pair) >> 8).ok())
            .collect()
    };
    #[allow(clippy::wildcard_enum_match_arm)] // The enum is open; none of our formats gives floats.
    let (channels, bytes) = match color {
        ColorType::L8 => (1, raw),
        ColorType::La8 => (2, raw),
        ColorType::Rgb8 => (3, raw),
        ColorType::Rgba8 => (4, raw),
        ColorType::L16 => (1, high(raw)),
        ColorType::La16 => (2, high(raw)),
        ColorType::Rgb16 => (3, high(raw)),
        ColorType::Rgba16 => (4, high(raw)),
        _ => return None,
    };
    Some(Picture { width: usize::try_from(width).ok()?, channels, bytes })
}

fn reason(error: &ImageError) -> Stopped {
    match error {
        ImageError::Limits(limit) => Stopped::Unsupported(limit.to_string()),
        ImageError::Unsupported(what) => Stopped::Unsupported(what.to_string()),
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::IoError(_) => Stopped::Damaged(error.to_string()),
    }
}

/// Alpha from which nobody sees what is behind.
const OPAQUE_MIN: u8 = 250;
