//! Classes of objects that Windows loads for a document and that attacks make use of, by identifier and by name.

use crate::formats::opened::Opened;

/// One class.
#[derive(Debug)]
pub(super) struct Class {
    identifier: [u8; 16],
    name: &'static str,
    sign: &'static str,
}

/// The class with that identifier as it stands in a file.
pub(super) fn by_identifier(identifier: &[u8; 16]) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.identifier == *identifier)
}

/// The class with that name, as OLE 1 and RTF say it; versions are not looked at.
pub(super) fn by_name(name: &str) -> Option<&'static Class> {
    let lower = name.trim().to_ascii_lowercase();
    let (_, identifier) = NAMES.iter().find(|(known, _)| lower.starts_with(known))?;
    CLASSES.iter().find(|class| class.identifier == *identifier)
}

/// Classes whose identifiers stand anywhere in the bytes.
pub(super) fn within(bytes: &[u8]) -> impl Iterator<Item = &'static Class> {
    CLASSES.iter().filter(move |class| memchr::memmem::find(bytes, &class.identifier).is_some())
}

/// Says where such a class was found.
pub(super) fn tell(class: &Class, place: &str, opened: &mut Opened) {
    opened.sign(class.sign, format!("{} in {}", class.name, super::text::brief(place)));
}

/// Is the class of the root one of Windows Installer's?
pub(super) fn is_installer(identifier: &[u8; 16]) -> bool {
    INSTALLERS.iter().any(|number| class(*number) == *identifier)
}

/// `00000000-0000-0000-0000-000000000000` as one number to the bytes of a file, MS-DTYP section 2.3.4.2.
const fn class(number: u128) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = number.to_be_bytes();
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

const fn dangerous(number: u128, name: &'static str) -> Class {
    Class { identifier: class(number), name, sign: "office.dangerous_class" }
}

/// The old Equation Editor, CVE-2017-11882 and its kin.
pub(super) const EQUATION: Class = Class {
    identifier: class(0x0002CE02_0000_0000_C000_000000000046),
    name: "Equation Editor",
    sign: "office.equation_editor",
};

const INSTALLERS: &[u128] = &[
    0x000C1082_0000_0000_C000_000000000046,
    0x000C1084_0000_0000_C000_000000000046,
    0x000C1086_0000_0000_C000_000000000046,
];

static CLASSES: &[Class] = &[
    EQUATION,
    Class {
        identifier: class(0x0002CE03_0000_0000_C000_000000000046),
        name: "MathType equation",
        sign: "office.equation_editor",
    },
    Class {
        identifier: class(0x00021700_0000_0000_C000_000000000046),
        name: "Equation Editor 2",
        sign: "office.equation_editor",
    },
    dangerous(0x25336920_03F9_11CF_8FD0_00AA00686F13, "HTML document (htmlfile)"),
    dangerous(0x3050F4D8_98B5_11CF_BB82_00AA00BDCE0B, "HTML application (htafile)"),
    dangerous(0x06290BD0_48AA_11D2_8432_006008C3FBFC, "scriptlet factory"),
    dangerous(0x06290BD2_48AA_11D2_8432_006008C3FBFC, "scriptlet"),
    dangerous(0x06290BD3_48AA_11D2_8432_006008C3FBFC, "scriptlet moniker"),
    dangerous(0xECABB0C7_7F19_11D2_978E_0000F8757E2A, "SOAP moniker"),
    dangerous(0xEAB22AC3_30C1_11CF_A7EB_0000C05BAE0B, "web browser (Shell.Explorer.1)"),
    dangerous(0x8856F961_340A_11D0_A96B_00C04FD705A2, "web browser (Shell.Explorer.2)"),
    dangerous(0xC08AFD90_F2A1_11D1_8455_00A0C91F3880, "Explorer window"),
    dangerous(0x9BA05972_F6A8_11CF_A442_00A0C90A8F39, "Explorer windows"),
    dangerous(0x13709620_C279_11CE_A49E_444553540000, "Shell.Application"),
    dangerous(0x72C24DD5_D70A_438B_8A42_98424B88AFB8, "WScript.Shell"),
    dangerous(0x0E59F1D5_1FBE_11D0_8FF2_00A0D10038BC, "script control"),
    dangerous(0xF5078F32_C551_11D3_89B9_0000F81FE221, "MSXML 3 document"),
    dangerous(0x88D969C0_F192_11D4_A65F_0040963251E5, "MSXML 5 document"),
    dangerous(0x88D96A05_F192_11D4_A65F_0040963251E5, "MSXML 6 document"),
    dangerous(0x88D96A0C_F192_11D4_A65F_0040963251E5, "MSXML 6 reader"),
    dangerous(0xD27CDB6E_AE6D_11CF_96B8_444553540000, "Flash"),
    dangerous(0xD27CDB70_AE6D_11CF_96B8_444553540000, "Flash factory"),
    dangerous(0xBDD1F04B_858B_11D1_B16A_00C0F0283628, "ListView control of MSCOMCTL"),
    dangerous(0x996BF5E0_8044_4650_ADEB_0B013914E99C, "ListView control of MSCOMCTL"),
    dangerous(0xC74190B6_8589_11D1_B16A_00C0F0283628, "TreeView control of MSCOMCTL"),
    dangerous(0x9181DC5F_E07D_418A_ACA6_8EEA1ECB8E9E, "TreeView control of MSCOMCTL"),
    dangerous(0x1EFB6596_857C_11D1_B16A_00C0F0283628, "TabStrip control of MSCOMCTL"),
    dangerous(0x24B224E0_9545_4A2F_ABD5_86AA8A849385, "TabStrip control of MSCOMCTL"),
    dangerous(0xDD9DA666_8594_11D1_B16A_00C0F0283628, "ImageCombo control of MSCOMCTL"),
    dangerous(0x66833FE6_8583_11D1_B16A_00C0F0283628, "Toolbar control of MSCOMCTL"),
    dangerous(
        0xA08A033D_1A75_4AB6_A166_EAD02F547959,
        "otkloadr, which loads libraries without protection",
    ),
    dangerous(0x4C599241_6926_101B_9992_00000B65C6F9, "image control"),
    dangerous(0x00021401_0000_0000_C000_000000000046, "shortcut"),
    dangerous(0x6BF52A52_394A_11D3_B153_00C04F79FAA6, "Windows Media Player"),
    dangerous(0xCFCDAA03_8BE4_11CF_B84B_0020AFBBCCFA, "RealPlayer"),
];

/// Names in lower case, as far as they are needed to know the class.
static NAMES: &[(&str, [u8; 16])] = &[
    ("equation", EQUATION.identifier),
    ("htmlfile", class(0x25336920_03F9_11CF_8FD0_00AA00686F13)),
    ("htafile", class(0x3050F4D8_98B5_11CF_BB82_00AA00BDCE0B)),
    ("scriptletfile", class(0x06290BD2_48AA_11D2_8432_006008C3FBFC)),
    ("scriptlet", class(0x06290BD0_48AA_11D2_8432_006008C3FBFC)),
    ("shell.explorer", class(0x8856F961_340A_11D0_A96B_00C04FD705A2)),
    ("shockwaveflash", class(0xD27CDB6E_AE6D_11CF_96B8_444553540000)),
    ("mscomctllib.listview", class(0xBDD1F04B_858B_11D1_B16A_00C0F0283628)),
    ("mscomctllib.treeview", class(0xC74190B6_8589_11D1_B16A_00C0F0283628)),
    ("mscomctllib.tabstrip", class(0x1EFB6596_857C_11D1_B16A_00C0F0283628)),
    ("mscomctllib.imagecombo", class(0xDD9DA666_8594_11D1_B16A_00C0F0283628)),
    ("mscomctllib.toolbar", class(0x66833FE6_8583_11D1_B16A_00C0F0283628)),
    ("otkloadr", class(0xA08A033D_1A75_4AB6_A166_EAD02F547959)),
    ("msxml2", class(0xF5078F32_C551_11D3_89B9_0000F81FE221)),
    ("wscript.shell", class(0x72C24DD5_D70A_438B_8A42_98424B88AFB8)),
    ("scriptcontrol", class(0x0E59F1D5_1FBE_11D0_8FF2_00A0D10038BC)),
    ("msscriptcontrol", class(0x0E59F1D5_1FBE_11D0_8FF2_00A0D10038BC)),
    ("lnkfile", class(0x00021401_0000_0000_C000_000000000046)),
];

/// A class by the braces text that the zipped formats and HTML use, `{0002CE02-…}`; gives its name and the sign's id.
pub fn named_in_text(identifier: &str) -> Option<(&'static str, &'static str)> {
    let digits: String = identifier.chars().filter(char::is_ascii_hexdigit).take(33).collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    by_identifier(&class(number)).map(|class| (class.name, class.sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_known_in_every_form() {
        let bytes = b"\x02\xce\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
        assert_eq!(by_identifier(bytes).map(|class| class.sign), Some("office.equation_editor"));
        assert_eq!(by_name("Equation.3").map(|class| class.sign), Some("office.equation_editor"));
        let text = "{0002CE02-0000-0000-C000-000000000046}";
        assert_eq!(named_in_text(text).map(|(_, sign)| sign), Some("office.equation_editor"));
        assert!(by_name("Word.Document.8").is_none() && named_in_text("{}").is_none());
        assert!(within(&[&[7; 5][..], bytes].concat()).count() == 1);
        assert!(NAMES.iter().all(|(name, _)| by_name(name).is_some()));
        assert!(is_installer(&class(0x000C1084_0000_0000_C000_000000000046)));
    }
}
