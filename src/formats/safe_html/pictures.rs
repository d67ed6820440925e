//! Pictures that came with a mail, written into its page: PNG, JPEG, GIF and WebP by their bytes, within bounds. Whatever else a part
//! says it is stays a name.

use crate::base::limits;
use data_encoding::BASE64;
use image::{ImageFormat, ImageReader};
use std::{collections::HashMap, io::Cursor};

/// The pictures of a mail by their Content-ID, RFC 2392 section 2.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    by_id: HashMap<String, String>,
    bytes: usize,
}

impl Pictures {
    /// Adds a part, if it is a picture that may be shown and there is room.
    pub fn add(&mut self, content_id: &str, bytes: &[u8]) {
        let room = limits::VIEW_PICTURES_BYTES_MAX.saturating_sub(self.bytes);
        if content_id.is_empty() || bytes.len() > room {
            return;
        }
        let Some(written) = written(bytes) else { return };
        self.bytes += bytes.len();
        self.by_id.entry(content_id.to_string()).or_insert(written);
    }

    /// The picture that a page asks for, as the page is to have it: one that came along, or one in the address itself.
    pub(super) fn find(&self, source: &str) -> Option<String> {
        let (scheme, rest) = source.trim().split_once(':')?;
        match scheme.to_ascii_lowercase().as_str() {
            "cid" => {
                let plain = self.by_id.get(rest);
                plain.or_else(|| self.by_id.get(&percent_decoded(rest))).cloned()
            }
            "data" => {
                let (kind, text) = rest.split_once(',')?;
                kind.to_ascii_lowercase().ends_with(";base64").then_some(())?;
                let text: Vec<u8> =
                    text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                written(&BASE64.decode(&text).ok()?)
            }
            _ => None,
        }
    }
}

fn percent_decoded(text: &str) -> String {
    String::from_utf8_lossy(&crate::formats::encodings::percent(text.as_bytes())).into_owned()
}

/// As an address with the picture in it, if it is one by its bytes and not larger than a screen can use.
fn written(bytes: &[u8]) -> Option<String> {
    if bytes.len() > limits::VIEW_PICTURE_BYTES_MAX {
        return None;
    }
    let format = image::guess_format(bytes).ok()?;
    let kind = KINDS.iter().find(|(known, _)| *known == format)?.1;
    // The readers of sizes are not trusted not to panic.
    let sides = std::panic::catch_unwind(|| {
        ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().ok()
    });
    let (width, height) = sides.ok()??;
    let pixels = u64::from(width) * u64::from(height);
    (pixels <= limits::VIEW_PICTURE_PIXELS_MAX)
        .then(|| format!("data:image/{kind};base64,{}", BASE64.encode(bytes)))
}

/// Is it an address as [`written`] gives them?
pub(super) fn is_ours(source: &str) -> bool {
    let Some((kind, text)) =
        source.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"))
    else {
        return false;
    };
    KINDS.iter().any(|(_, known)| *known == kind)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

const KINDS: &[(ImageFormat, &str)] = &[
    (ImageFormat::Png, "png"),
    (ImageFormat::Jpeg, "jpeg"),
    (ImageFormat::Gif, "gif"),
    (ImageFormat::WebP, "webp"),
];
