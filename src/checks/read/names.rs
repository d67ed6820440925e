//! File names as Windows reads them: the last dot decides what a double click does.

use crate::examine::Part;

/// The name a recipient would see: the part's own, else the last piece of its path. Empty if it has none.
pub(crate) fn shown(part: &Part) -> &str {
    let path = part.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&part.path);
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// What stands behind the last dot, lower case, without the dots and spaces that Windows drops from the end of a name.
pub(crate) fn extension(name: &str) -> String {
    let name = name.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace());
    match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() => end.to_lowercase(),
        _ => String::new(),
    }
}

/// What stands between the last two dots, lower case, trimmed: "pdf" of "invoice.pdf .exe".
pub(crate) fn extension_before(name: &str) -> String {
    let name = name.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace());
    name.rsplit_once('.').map(|(stem, _)| extension(stem)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions() {
        for (name, last, before) in [
            ("Invoice.PDF.exe", "exe", "pdf"),
            ("faktura.pdf", "pdf", ""),
            ("faktura.exe. ", "exe", ""),
            ("faktura.pdf      .exe", "exe", "pdf"),
            (".profile", "", ""),
            ("2026.11.21.docx", "docx", "21"),
            ("", "", ""),
        ] {
            assert_eq!(
                (extension(name).as_str(), extension_before(name).as_str()),
                (last, before),
                "{name}"
            );
        }
    }
}
