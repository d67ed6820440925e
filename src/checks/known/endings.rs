//! File name endings, and what a double click on them does. Sources: the lists that Outlook and Gmail publish of what they refuse,
//! and the documentation of the programs themselves.

/// A double click runs it, or changes the system, on Windows, macOS or Android.
pub(crate) fn runs(extension: &str) -> bool {
    RUNS.contains(&extension)
}

/// Everybody knows it as something to look at.
pub(crate) fn is_document(extension: &str) -> bool {
    DOCUMENTS.contains(&extension)
}

/// A picture or a PDF: formats with a clear mark at the start of the file.
pub(crate) fn is_picture_or_pdf(extension: &str) -> bool {
    matches!(
        extension,
        "pdf" | "jpg" | "jpeg" | "png" | "gif" | "bmp" | "webp" | "tif" | "tiff" | "heic"
    )
}

/// An Office file that says it has macros.
pub(crate) fn says_macros(extension: &str) -> bool {
    matches!(
        extension,
        "docm"
            | "dotm"
            | "xlsm"
            | "xltm"
            | "xlsb"
            | "xlam"
            | "pptm"
            | "potm"
            | "ppsm"
            | "ppam"
            | "sldm"
    )
}

/// An archive or disk image, whose inside we would have to see.
pub(crate) fn is_container(extension: &str) -> bool {
    matches!(
        extension,
        "zip"
            | "7z"
            | "rar"
            | "gz"
            | "tgz"
            | "tar"
            | "bz2"
            | "xz"
            | "cab"
            | "arj"
            | "lzh"
            | "ace"
            | "iso"
            | "img"
            | "vhd"
            | "vhdx"
            | "udf"
            | "wim"
            | "dmg"
    )
}

const RUNS: &[&str] = &[
    "ade",
    "adp",
    "apk",
    "app",
    "appinstaller",
    "application",
    "appref-ms",
    "appx",
    "appxbundle",
    "bat",
    "chm",
    "cmd",
    "com",
    "command",
    "cpl",
    "diagcab",
    "dll",
    "exe",
    "gadget",
    "hlp",
    "hta",
    "inf",
    "ins",
    "isp",
    "jar",
    "jnlp",
    "js",
    "jse",
    "lib",
    "library-ms",
    "lnk",
    "mde",
    "msc",
    "msi",
    "msix",
    "msixbundle",
    "msp",
    "mst",
    "ocx",
    "pif",
    "ps1",
    "ps1xml",
    "ps2",
    "psc1",
    "psm1",
    "reg",
    "scf",
    "scr",
    "sct",
    "search-ms",
    "searchconnector-ms",
    "settingcontent-ms",
    "shb",
    "sys",
    "theme",
    "url",
    "vb",
    "vbe",
    "vbs",
    "vxd",
    "website",
    "wsc",
    "wsf",
    "wsh",
    "xll",
];

const DOCUMENTS: &[&str] = &[
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "txt", "csv",
    "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "mp3", "mp4", "avi", "mov", "wav", "zip",
    "xml", "htm", "html", "eml", "msg",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_runs() {
        assert!(runs("exe") && !runs("pdf"));
        for extension in DOCUMENTS {
            assert!(!runs(extension), "{extension}");
        }
    }
}
