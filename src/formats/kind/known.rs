//! What blobs are known by: first bytes, names, declared types, words. Tables only.

use super::PartKind;

/// First bytes that settle it. Before file-format, because these carry malware by mail or are asked for with every mail.
pub(super) const MAGICS: &[(&[u8], PartKind)] = &[
    (b"\x7fELF", PartKind::Executable),
    (b"\xfe\xed\xfa\xce", PartKind::Executable),
    (b"\xfe\xed\xfa\xcf", PartKind::Executable),
    (b"\xce\xfa\xed\xfe", PartKind::Executable),
    (b"\xcf\xfa\xed\xfe", PartKind::Executable),
    (b"\xca\xfe\xba\xbe", PartKind::Java),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", PartKind::OfficeOld),
    (b"\x0e\x11\xfc\x0d\xd0\xcf\x11\x0e", PartKind::OfficeOld),
    (b"{\\rt", PartKind::Rtf),
    // OneNote section and notebook, MS-ONESTORE section 2.3.1: guidFileType.
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", PartKind::OneNote),
    (b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", PartKind::OneNote),
    // MS-SHLLINK section 2.1: header size and class id.
    (b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", PartKind::Shortcut),
    // MS-OXTNEF section 2.1.3.1.
    (b"\x78\x9f\x3e\x22", PartKind::Tnef),
    (b"\x1f\x8b", PartKind::Gzip),
    (b"7z\xbc\xaf\x27\x1c", PartKind::Archive),
    (b"Rar!\x1a\x07", PartKind::Archive),
    (b"MSCF\0\0\0\0", PartKind::Archive),
    (b"ISc(", PartKind::Archive),
    (b"\xfd7zXZ\0", PartKind::Archive),
    (b"BZh", PartKind::Archive),
    (b"\x28\xb5\x2f\xfd", PartKind::Archive),
    (b"\x04\x22\x4d\x18", PartKind::Archive),
    (b"\x60\xea", PartKind::Archive),
    (b"LZIP", PartKind::Archive),
    (b"\x1f\x9d", PartKind::Archive),
    (b"\x1f\xa0", PartKind::Archive),
    (b"xar!", PartKind::Archive),
    (b"!<arch>\n", PartKind::Archive),
    (b"070701", PartKind::Archive),
    (b"070702", PartKind::Archive),
    (b"070707", PartKind::Archive),
    (b"ID3", PartKind::Media),
    (b"ITSF", PartKind::Archive),
    (b"vhdxfile", PartKind::DiskImage),
    (b"KDMV", PartKind::DiskImage),
    (b"\x89PNG\r\n\x1a\n", PartKind::Image),
    (b"\xff\xd8\xff", PartKind::Image),
    (b"GIF87a", PartKind::Image),
    (b"GIF89a", PartKind::Image),
];

/// Tags a page begins with, as browsers sniff them.
pub(super) const HTML_STARTS: &[&str] = &[
    "<!doctype html",
    "<html",
    "<head",
    "<body",
    "<script",
    "<iframe",
    "<table",
    "<div",
    "<h1",
    "<font",
    "<style",
    "<title",
    "<meta",
    "<form",
    "<a",
    "<b",
    "<br",
    "<p",
    "<center",
    "<img",
    "<span",
    "<xml",
    "<base",
    "<link",
];
/// Names a browser opens.
pub(super) const HTML_EXTENSIONS: &[&str] =
    &["html", "htm", "shtml", "xhtml", "xht", "mht", "mhtml"];
/// Names that a system runs on a double click.
pub(super) const SCRIPT_EXTENSIONS: &[&str] = &[
    "js",
    "jse",
    "mjs",
    "vbs",
    "vbe",
    "vb",
    "wsf",
    "wsh",
    "wsc",
    "sct",
    "ps1",
    "psm1",
    "psd1",
    "ps1xml",
    "bat",
    "cmd",
    "hta",
    "sh",
    "bash",
    "command",
    "scpt",
    "applescript",
    "py",
    "pyw",
    "pl",
    "rb",
    "php",
    "reg",
    "msh",
    "iqy",
    "slk",
    "inf",
    "xsl",
    "application",
    "jnlp",
    "au3",
    "ahk",
    "a3x",
    "settingcontent-ms",
];
/// Names of text files that lead somewhere else.
pub(super) const SHORTCUT_EXTENSIONS: &[&str] = &[
    "url",
    "scf",
    "desktop",
    "webloc",
    "library-ms",
    "search-ms",
    "searchconnector-ms",
    "website",
];
/// Names that are run whatever the bytes.
pub(super) const COM_EXTENSIONS: &[&str] = &["com", "pif"];
/// How scripts begin, lower case.
pub(super) const SCRIPT_STARTS: &[&str] = &[
    "@echo off",
    "<?php",
    "<%@",
    "<scriptlet",
    "<package>",
    "id;p",
    "web\r\n1\r\nhttp",
    "windows registry editor",
];
/// Words scripts need and people do not write, lower case; two of them make a script.
pub(super) const SCRIPT_WORDS: &[&str] = &[
    "wscript.",
    "createobject(",
    "activexobject(",
    "wscript.shell",
    "adodb.stream",
    "on error resume next",
    "-encodedcommand",
    "invoke-expression",
    "iex(",
    "downloadstring(",
    "frombase64string(",
    "new-object ",
    "eval(",
    "unescape(",
    "string.fromcharcode(",
    "execute(",
    "shell.application",
    "document.write(",
    "scripting.filesystemobject",
];
/// Fields that mails begin with.
pub(super) const MESSAGE_FIELDS: &[&str] = &[
    "received",
    "return-path",
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "reply-to",
    "delivered-to",
    "dkim-signature",
    "x-mailer",
];

/// What a name claims.
pub(super) const EXTENSIONS: &[(&[&str], PartKind)] = &[
    (&["txt", "log", "csv", "md", "ini", "vcf"], PartKind::Text),
    (HTML_EXTENSIONS, PartKind::Html),
    (&["eml"], PartKind::Message),
    (&["ics", "ifb", "vcs"], PartKind::Calendar),
    (
        &["png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff", "svg", "ico", "heic", "avif"],
        PartKind::Image,
    ),
    (
        &[
            "mp3", "mp4", "wav", "avi", "mov", "mkv", "m4a", "ogg", "wmv", "flac", "webm", "mpg",
            "mpeg",
        ],
        PartKind::Media,
    ),
    (&["pdf"], PartKind::Pdf),
    (&["doc", "xls", "ppt", "dot", "xlt", "pps", "msg", "vsd", "pub", "mpp"], PartKind::OfficeOld),
    (&["docx", "xlsx", "pptx", "dotx", "xltx", "potx", "ppsx", "vsdx"], PartKind::Office),
    (
        &["docm", "xlsm", "pptm", "dotm", "xltm", "potm", "ppsm", "xlsb", "xlam", "ppam"],
        PartKind::OfficeMacro,
    ),
    (&["odt", "ods", "odp", "odg", "ott", "ots"], PartKind::OpenDocument),
    (&["rtf"], PartKind::Rtf),
    (&["one", "onepkg"], PartKind::OneNote),
    (&["zip"], PartKind::Zip),
    (&["gz", "tgz"], PartKind::Gzip),
    (&["tar"], PartKind::Tar),
    (
        &[
            "7z", "rar", "cab", "xz", "bz2", "zst", "arj", "ace", "lha", "lzh", "lz", "lz4", "z",
            "txz", "tbz2",
        ],
        PartKind::Archive,
    ),
    (&["iso", "img", "vhd", "vhdx", "udf", "dmg", "vmdk"], PartKind::DiskImage),
    (
        &["exe", "dll", "scr", "com", "pif", "cpl", "sys", "ocx", "msi", "msp", "elf", "drv"],
        PartKind::Executable,
    ),
    (SCRIPT_EXTENSIONS, PartKind::Script),
    (SHORTCUT_EXTENSIONS, PartKind::Shortcut),
    (&["lnk"], PartKind::Shortcut),
    (&["jar", "apk", "war", "class"], PartKind::Java),
    (&["p7m", "p7s", "p7c", "p7b", "asc", "pgp", "gpg", "sig"], PartKind::Crypto),
];

/// What a declared type claims.
pub(super) const TYPES: &[(&[&str], PartKind)] = &[
    (&["text/html", "application/xhtml+xml"], PartKind::Html),
    (&["message/rfc822", "message/global", "text/rfc822-headers"], PartKind::Message),
    (&["text/calendar", "application/ics"], PartKind::Calendar),
    (&["application/pdf", "application/x-pdf"], PartKind::Pdf),
    (
        &[
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.ms-outlook",
        ],
        PartKind::OfficeOld,
    ),
    (
        &[
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ],
        PartKind::Office,
    ),
    (
        &[
            "application/vnd.ms-word.document.macroenabled.12",
            "application/vnd.ms-excel.sheet.macroenabled.12",
            "application/vnd.ms-powerpoint.presentation.macroenabled.12",
            "application/vnd.ms-excel.sheet.binary.macroenabled.12",
        ],
        PartKind::OfficeMacro,
    ),
    (
        &[
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
        ],
        PartKind::OpenDocument,
    ),
    (&["application/rtf", "text/rtf"], PartKind::Rtf),
    (&["application/onenote", "application/msonenote"], PartKind::OneNote),
    (&["application/zip", "application/x-zip-compressed"], PartKind::Zip),
    (&["application/gzip", "application/x-gzip"], PartKind::Gzip),
    (&["application/x-tar"], PartKind::Tar),
    (
        &[
            "application/x-7z-compressed",
            "application/x-rar-compressed",
            "application/vnd.rar",
            "application/vnd.ms-cab-compressed",
            "application/x-xz",
            "application/x-bzip2",
            "application/zstd",
        ],
        PartKind::Archive,
    ),
    (&["application/x-iso9660-image", "application/x-cd-image"], PartKind::DiskImage),
    (
        &[
            "application/x-msdownload",
            "application/x-dosexec",
            "application/vnd.microsoft.portable-executable",
        ],
        PartKind::Executable,
    ),
    (
        &[
            "application/javascript",
            "text/javascript",
            "application/x-javascript",
            "application/hta",
            "text/vbscript",
        ],
        PartKind::Script,
    ),
    (&["application/x-ms-shortcut"], PartKind::Shortcut),
    (&["application/java-archive", "application/vnd.android.package-archive"], PartKind::Java),
    (
        &[
            "application/pkcs7-mime",
            "application/x-pkcs7-mime",
            "application/pkcs7-signature",
            "application/x-pkcs7-signature",
            "application/pgp-signature",
            "application/pgp-keys",
        ],
        PartKind::Crypto,
    ),
    (&["application/ms-tnef", "application/vnd.ms-tnef"], PartKind::Tnef),
];
