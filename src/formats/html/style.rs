//! The little of CSS that hides text, read from `style` attributes.

/// How an element looks, as far as it decides whether its text is seen. Passed on to the elements inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Not displayed, without size or fully transparent; nothing inside can undo it.
    pub(super) gone: bool,
    invisible: bool,
    tiny: bool,
    colour: Option<[u8; 3]>,
    background: Option<[u8; 3]>,
}

impl Look {
    /// What the attributes of one more element make of it.
    pub(super) fn apply(
        &mut self,
        style: Option<&str>,
        bgcolor: Option<&str>,
        font_colour: Option<&str>,
    ) {
        if let Some(colour) = bgcolor {
            self.background = read_colour(colour);
        }
        if let Some(colour) = font_colour {
            self.colour = read_colour(colour);
        }
        let mut shut = false;
        let mut clipped = false;
        for (property, value) in style.map(declarations).into_iter().flatten() {
            match property.as_str() {
                "display" => self.gone |= value == "none",
                "visibility" => self.invisible = matches!(value.as_str(), "hidden" | "collapse"),
                "opacity" => self.gone |= value.parse::<f32>().is_ok_and(|opacity| opacity <= 0.01),
                "font-size" => self.font_size(&value),
                "font" => {
                    let size = value
                        .split_whitespace()
                        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
                    if let Some(size) = size {
                        self.font_size(size.split('/').next().unwrap_or(size));
                    }
                }
                "color" => self.colour = read_colour(&value),
                "background-color" => self.background = read_colour(&value),
                "background" => {
                    // A picture may make any colour readable.
                    self.background = match value.contains("url(") || value.contains("gradient") {
                        true => None,
                        false => read_colour(&value),
                    };
                }
                "background-image" => self.background = None,
                "max-height" | "max-width" => shut |= is_zero(&value),
                "height" | "width" => shut |= is_zero(&value),
                "overflow" | "overflow-x" | "overflow-y" => clipped |= value == "hidden",
                "text-indent" | "left" | "top" | "margin-left" => {
                    self.gone |= number(&value).is_some_and(|(number, _)| number <= OFF_THE_PAGE);
                }
                _ => (),
            }
        }
        self.gone |= shut && clipped;
    }

    fn font_size(&mut self, value: &str) {
        match number(value) {
            Some((size, "px" | "pt" | "")) => self.tiny = size <= 1.0,
            // Relative to nothing is nothing.
            Some((size, "em" | "%")) => self.tiny |= size <= 0.01,
            Some((size, _)) => self.tiny = size <= 0.01,
            None => self.tiny &= value.is_empty() || value == "inherit",
        }
    }

    /// Is its text not to be seen?
    pub(super) fn is_hidden(&self) -> bool {
        let same = match (self.colour, self.background) {
            (Some(colour), Some(background)) => {
                colour.iter().zip(background).all(|(one, other)| one.abs_diff(other) <= NEAR)
            }
            _ => false,
        };
        self.gone || self.invisible || self.tiny || same
    }
}

/// What a style attribute makes a browser fetch.
pub(super) fn fetched(style: &str) -> impl Iterator<Item = String> + '_ {
    style.split("url(").skip(1).take(FETCHED_MAX).filter_map(|rest| {
        let target = rest.split_once(')')?.0;
        Some(target.trim().trim_matches(['"', '\'']).to_string())
    })
}

/// Property and value, lower case, comments and `!important` gone.
fn declarations(style: &str) -> Vec<(String, String)> {
    let mut plain = String::with_capacity(style.len());
    let mut rest = style;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
        .to_lowercase()
        .split(';')
        .take(DECLARATIONS_MAX)
        .filter_map(|declaration| declaration.split_once(':'))
        .map(|(property, value)| {
            let value = value.split('!').next().unwrap_or_default();
            (property.trim().to_string(), value.trim().to_string())
        })
        .collect()
}

/// A number at the start and the unit behind it.
fn number(value: &str) -> Option<(f32, &str)> {
    let end = value
        .find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | '-' | '+'))
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit.trim()))
}

fn is_zero(value: &str) -> bool {
    number(value).is_some_and(|(number, _)| number == 0.0)
}

fn read_colour(value: &str) -> Option<[u8; 3]> {
    let value = value.trim().to_ascii_lowercase();
    let word = value.split_whitespace().next()?;
    if let Some(hex) = word.strip_prefix('#') {
        let wide: String = match hex.len() {
            3 | 4 => hex.chars().take(3).flat_map(|digit| [digit, digit]).collect(),
            _ => hex.chars().take(6).collect(),
        };
        return data_encoding::HEXLOWER.decode(wide.as_bytes()).ok()?.try_into().ok();
    }
    if let Some(numbers) = value.strip_prefix("rgb(") {
        let mut parts =
            numbers.split_once(')')?.0.split([',', ' ']).filter(|part| !part.is_empty());
        let mut next = || parts.next()?.trim().parse::<u8>().ok();
        return Some([next()?, next()?, next()?]);
    }
    COLOURS.iter().find(|(name, _)| *name == word).map(|(_, colour)| *colour)
}

/// How far two channels may differ and still be the same to the eye.
const NEAR: u8 = 8;
/// Moved so far that it is off the page.
const OFF_THE_PAGE: f32 = -500.0;
/// Declarations read of one attribute.
const DECLARATIONS_MAX: usize = 200;
/// Things one attribute can make a browser fetch.
const FETCHED_MAX: usize = 10;

const COLOURS: &[(&str, [u8; 3])] = &[
    ("white", [255, 255, 255]),
    ("black", [0, 0, 0]),
    ("red", [255, 0, 0]),
    ("green", [0, 128, 0]),
    ("lime", [0, 255, 0]),
    ("blue", [0, 0, 255]),
    ("yellow", [255, 255, 0]),
    ("gray", [128, 128, 128]),
    ("grey", [128, 128, 128]),
    ("silver", [192, 192, 192]),
    ("navy", [0, 0, 128]),
    ("orange", [255, 165, 0]),
    ("whitesmoke", [245, 245, 245]),
    ("snow", [255, 250, 250]),
    ("ivory", [255, 255, 240]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours() {
        for (text, want) in [
            ("#fff", Some([255, 255, 255])),
            ("#FF0080", Some([255, 0, 128])),
            ("rgb(1, 2,3)", Some([1, 2, 3])),
            ("White", Some([255, 255, 255])),
            ("transparent", None),
            ("#zz", None),
            ("", None),
        ] {
            assert_eq!(read_colour(text), want, "{text}");
        }
    }

    #[test]
    fn things_that_are_fetched() {
        let found: Vec<String> = fetched("background:url( 'a' ) x; b: url(c)").collect();
        assert_eq!(found, ["a", "c"]);
    }
}
