//! `data:` addresses (RFC 2397) wherever they stand in a text, and names for what they hold.

/// Every `data:` address in a value, a style sheet or a script, to where it ends there.
pub(super) fn in_text(text: &str) -> impl Iterator<Item = &str> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..)?;
        let at = find(rest)?;
        let address = rest.get(at..)?;
        // Alone in an attribute it goes to the end; in a style sheet or a script to what closes it.
        let alone = from == 0 && text.get(..at)?.trim().is_empty();
        let head = address.find(',').filter(|comma| *comma <= HEAD_BYTES_MAX);
        let end = match (alone, head) {
            (_, None) => 5,
            (true, Some(_)) => address.len(),
            (false, Some(comma)) => address
                .get(comma..)?
                .find(|letter: char| letter.is_whitespace() || "\"'`)<>\\".contains(letter))
                .map_or(address.len(), |end| comma + end),
        };
        from += at + end;
        address.get(..end)
    })
    .take(ADDRESSES_MAX)
}

fn find(text: &str) -> Option<usize> {
    memchr::memmem::find_iter(text.as_bytes(), b":").find_map(|colon| {
        let start = colon.checked_sub(4)?;
        let word = text.get(start..colon)?;
        word.eq_ignore_ascii_case("data").then_some(start)
    })
}

/// Does it say that it is a picture or a font? (SVG may hold script, so it is none.)
pub(super) fn is_picture(address: &str) -> bool {
    let head = kind(address);
    (head.starts_with("image/") && !head.contains("svg"))
        || head.starts_with("font/")
        || head.contains("font-")
}

/// A name by its declared type.
pub(super) fn name(address: &str) -> String {
    let kind = kind(address);
    let end = kind.rsplit(['/', '-', '.', '+']).next().unwrap_or_default();
    match end {
        "" | "stream" => "data".to_string(),
        end if end.len() <= 8 && end.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            format!("data.{end}")
        }
        _ => "data".to_string(),
    }
}

fn kind(address: &str) -> String {
    let head = address.get(5..).unwrap_or_default().split([',', ';']).next().unwrap_or_default();
    head.trim().to_ascii_lowercase()
}

/// Schemes that are written in pages by honest mail programs and start nothing by themselves.
pub(super) fn is_harmless(target: &str) -> bool {
    [
        "x-apple-data-detectors:",
        "webcal:",
        "geo:",
        "maps:",
        "msteams:",
        "zoommtg:",
        "whatsapp:",
        "intent:",
        "market:",
        "spotify:",
        "outlook:",
    ]
    .iter()
    .any(|scheme| target.starts_with(scheme))
}

/// Longest part before the comma; what has none near is no address.
const HEAD_BYTES_MAX: usize = 256;
/// Addresses read of one text.
const ADDRESSES_MAX: usize = 2_000;
