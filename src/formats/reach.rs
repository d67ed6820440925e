//! Where a target in a document leads: the network, a share, a program of the recipient's system, or nowhere outside.
//!
//! The spellings are those that Windows and Office follow (MS-DTYP section 2.2.57 for UNC names, the monikers of OLE).

/// Where a target leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A server on the network, by http, https, ftp or a moniker around one.
    Network,
    /// A share: a UNC name, WebDAV, `file://host/`.
    Share,
    /// A program that Windows starts for the scheme, or script in the target.
    Program,
    /// A file on the reader's own disk.
    LocalFile,
    /// An address of a person: mailto, tel.
    Person,
    /// A place in the document itself, or a relative name.
    Inside,
}

impl Reach {
    /// Is it fetched from another machine?
    pub fn is_remote(self) -> bool {
        matches!(self, Reach::Network | Reach::Share)
    }

    /// The word for an admin.
    pub fn word(self) -> &'static str {
        match self {
            Reach::Network => "a web address",
            Reach::Share => "a network share",
            Reach::Program => "a program",
            Reach::LocalFile => "a file on the reader's disk",
            Reach::Person => "a person",
            Reach::Inside => "the document itself",
        }
    }
}

/// Where it leads.
pub fn of(target: &str) -> Reach {
    // Browsers and Windows drop these wherever they stand.
    let target: String = target
        .chars()
        .filter(|letter| !letter.is_control())
        .take(TARGET_LETTERS_MAX)
        .collect::<String>()
        .trim()
        .trim_matches('"')
        .to_ascii_lowercase()
        .replace('\\', "/");
    if let Some(rest) = target.strip_prefix("file:") {
        return file(rest);
    }
    if target.starts_with("//") {
        return Reach::Share;
    }
    let Some((scheme, rest)) = target.split_once(':') else { return Reach::Inside };
    match scheme {
        "http" | "https" | "ftp" | "ftps" | "ws" | "wss" | "webcal" => Reach::Network,
        "mailto" | "tel" | "sms" | "callto" | "skype" | "xmpp" | "sip" => Reach::Person,
        "cid" | "mid" | "data" | "about" | "blob" | "urn" | "news" | "pkg" => Reach::Inside,
        _ if scheme.len() == 1 => Reach::LocalFile,
        _ if PROGRAM_SCHEMES.contains(&scheme) || scheme.starts_with("ms-") => Reach::Program,
        // A moniker around an address: mhtml:http://…!x-usc:http://…
        _ if rest.contains("http:") || rest.contains("https:") => Reach::Network,
        // Schemes that Windows does not know by itself: names in pages and namespaces, mostly.
        _ => Reach::Inside,
    }
}

/// What follows `file:`: two slashes and a host is a share, a drive or three slashes is the disk, five slashes a share again.
fn file(rest: &str) -> Reach {
    let slashes = rest.bytes().take_while(|byte| *byte == b'/').count();
    let path = rest.trim_start_matches('/');
    let drive = path.as_bytes().get(1) == Some(&b':') || path.as_bytes().get(1) == Some(&b'|');
    match slashes {
        _ if drive || path.is_empty() || path.starts_with("localhost/") => Reach::LocalFile,
        2 | 4.. => Reach::Share,
        _ => Reach::LocalFile,
    }
}

/// Does the host or path name a script or program file that would be run when it is followed?
pub fn ends_as_program(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let extension = super::kind::extension(path.trim_end_matches(['"', ' ']));
    // The last label of a bare host is no extension: example.com is no program.
    let host_only = path.matches('/').count() <= 2 && path.contains("//");
    !host_only && PROGRAM_EXTENSIONS.contains(&extension.as_str())
}

/// Longest target that is looked at.
const TARGET_LETTERS_MAX: usize = 4_096;

/// Schemes that run something, beside those that begin with `ms-`.
const PROGRAM_SCHEMES: &[&str] = &[
    "javascript",
    "vbscript",
    "jscript",
    "search-ms",
    "search",
    "shell",
    "mk",
    "res",
    "script",
    "its",
    "hcp",
    "onenote",
    "ldap",
    "telnet",
    "ssh",
    "rlogin",
    "steam",
    "windowsdefender",
    "bingmaps",
];

/// Names of files that a system runs, or mounts, on a double click.
pub(crate) const PROGRAM_EXTENSIONS: &[&str] = &[
    "exe",
    "dll",
    "scr",
    "com",
    "pif",
    "cpl",
    "ocx",
    "msi",
    "msp",
    "msix",
    "appx",
    "appinstaller",
    "application",
    "appref-ms",
    "bat",
    "cmd",
    "ps1",
    "psm1",
    "vbs",
    "vbe",
    "js",
    "jse",
    "wsf",
    "wsh",
    "wsc",
    "sct",
    "hta",
    "lnk",
    "url",
    "scf",
    "jar",
    "jnlp",
    "reg",
    "inf",
    "chm",
    "hlp",
    "iso",
    "img",
    "vhd",
    "vhdx",
    "xll",
    "msc",
    "settingcontent-ms",
    "library-ms",
    "search-ms",
    "searchconnector-ms",
    "diagcab",
    "rdp",
    "iqy",
    "slk",
    "py",
    "pyw",
    "sh",
    "desktop",
    "xbap",
    "gadget",
    "website",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (target, want) in [
            ("https://a.example/x", Reach::Network),
            (" HTTP:\\\\a.example", Reach::Network),
            ("mhtml:http://a.example!x-usc:http://b", Reach::Network),
            ("\\\\host\\share\\x.dotm", Reach::Share),
            ("//host/share", Reach::Share),
            ("file://host/share", Reach::Share),
            ("file://///host/share", Reach::Share),
            ("file:\\\\host\\x", Reach::Share),
            ("file:///C:\\Users\\x\\Normal.dotm", Reach::LocalFile),
            ("C:\\x.dot", Reach::LocalFile),
            ("ms-msdt:/id PCWDiagnostic", Reach::Program),
            ("search-ms:query=x", Reach::Program),
            ("java\tscript:alert(1)", Reach::Program),
            ("mailto:a@example", Reach::Person),
            ("media/image1.png", Reach::Inside),
            ("#top", Reach::Inside),
            ("cid:a@b", Reach::Inside),
            ("", Reach::Inside),
        ] {
            assert_eq!(of(target), want, "{target}");
        }
        assert!(ends_as_program("http://a.example/x.hta?y"));
        assert!(!ends_as_program("http://example.com"));
    }
}
