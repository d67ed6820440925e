//! IBAN, ISO 13616: a country, two check digits, the domestic account in the country's own form.
//!
//! Forms are those of the IBAN registry (SWIFT, release 101). Modulus 97 over the whole, letters as two digits (ISO 7064).

use super::{
    AccountKind,
    page::{Place, Reading},
    swedish,
};
use crate::personal::fold::is_word;

/// An IBAN that begins at a token, in one piece or in groups parted by one space or hyphen.
pub(super) fn iban(place: Place<'_>) -> Option<Reading> {
    let token = place.tokens.first().filter(|token| !token.bare)?;
    let (value, length) = iban_at(place.page.text.get(token.start..)?)?;
    Some(Reading { kind: AccountKind::Iban, value: canonical(value), end: token.start + length })
}

/// An IBAN that a folded text begins with, in one piece, and how much of the text it takes.
pub(in crate::personal) fn iban_at(text: &[u8]) -> Option<(String, usize)> {
    // Most numbers do not begin so, and the list of countries is long.
    let [first, second, b'0'..=b'9' | b' ' | b'-', ..] = text else { return None };
    if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() {
        return None;
    }
    let form = form(&[*first, *second])?;
    let length = HEAD_BYTES + form.iter().map(|(count, _)| count).sum::<usize>();
    let mut value = String::with_capacity(length);
    let mut at = 0;
    while value.len() < length {
        match text.get(at..)? {
            [byte, ..] if byte.is_ascii_alphanumeric() => {
                value.push(char::from(byte.to_ascii_uppercase()))
            }
            [b' ' | b'-', byte, ..] if at > 0 && byte.is_ascii_alphanumeric() => (),
            _ => return None,
        }
        at += 1;
    }
    let whole = !text.get(at).is_some_and(|byte| is_word(*byte));
    (whole && is_well_formed(&value, &form)).then_some((value, at))
}

/// The IBAN of a domestic account; `None` if the country has no such accounts.
pub(super) fn made(country: &str, account: &str) -> Option<String> {
    let remainder = remainder(&format!("{account}{country}00"))?;
    let value = format!("{country}{:02}{account}", 98_u32.checked_sub(remainder)?);
    is_well_formed(&value, &form(country.to_ascii_lowercase().as_bytes())?).then_some(value)
}

/// A Swedish IBAN holds an account that is written otherwise at home, and in half of the banks it says which.
fn canonical(iban: String) -> String {
    let account = iban.strip_prefix("SE").and_then(|rest| rest.get(5..));
    let digits: Vec<u8> =
        account.unwrap_or_default().bytes().map(|byte| byte.saturating_sub(b'0')).collect();
    swedish::of_iban(&digits).unwrap_or(iban)
}

fn is_well_formed(iban: &str, form: &[(usize, Letters)]) -> bool {
    let Some((head, mut rest)) = iban.split_at_checked(HEAD_BYTES) else { return false };
    for (count, letters) in form {
        let Some((part, after)) = rest.split_at_checked(*count) else { return false };
        let good = part.bytes().all(|byte| match letters {
            Letters::Digits => byte.is_ascii_digit(),
            Letters::Upper => byte.is_ascii_uppercase(),
            Letters::Any => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        });
        if !good {
            return false;
        }
        rest = after;
    }
    let checked =
        head.get(2..).is_some_and(|check| check.bytes().all(|byte| byte.is_ascii_digit()));
    let turned = format!("{}{head}", iban.get(HEAD_BYTES..).unwrap_or_default());
    rest.is_empty() && checked && remainder(&turned) == Some(1)
}

/// Modulus 97 with letters as 10 to 35; `None` if something else stands there.
fn remainder(text: &str) -> Option<u32> {
    text.chars().try_fold(0, |so_far: u32, letter| {
        let value = letter.to_digit(36)?;
        let shift = if value < 10 { 10 } else { 100 };
        Some((so_far * shift + value) % 97)
    })
}

/// What may stand in a part of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letters {
    Digits,
    Upper,
    Any,
}

/// The form of a country's accounts, by its two letters in lower case.
fn form(country: &[u8]) -> Option<Vec<(usize, Letters)>> {
    let country = country.to_ascii_uppercase();
    let place = FORMS.binary_search_by(|(code, _)| code.as_bytes().cmp(&country)).ok()?;
    let (_, form) = FORMS.get(place)?;
    let mut parts = Vec::new();
    let mut count = 0;
    for letter in form.bytes() {
        let letters = match letter {
            b'n' => Letters::Digits,
            b'a' => Letters::Upper,
            b'c' => Letters::Any,
            digit => {
                count = count * 10 + usize::from(digit.saturating_sub(b'0'));
                continue;
            }
        };
        parts.push((count, letters));
        count = 0;
    }
    Some(parts)
}

/// Country and check digits.
const HEAD_BYTES: usize = 4;

/// Countries, in the order of their letters, and the forms of their accounts: so many digits (n), capital letters (a), digits or capital letters (c).
const FORMS: &[(&str, &str)] = &[
    ("AD", "8n12c"),
    ("AE", "19n"),
    ("AL", "8n16c"),
    ("AT", "16n"),
    ("AZ", "4a20c"),
    ("BA", "16n"),
    ("BE", "12n"),
    ("BG", "4a6n8c"),
    ("BH", "4a14c"),
    ("BI", "23n"),
    ("BR", "23n1a1c"),
    ("BY", "4c4n16c"),
    ("CH", "5n12c"),
    ("CR", "18n"),
    ("CY", "8n16c"),
    ("CZ", "20n"),
    ("DE", "18n"),
    ("DJ", "23n"),
    ("DK", "14n"),
    ("DO", "4c20n"),
    ("EE", "16n"),
    ("EG", "25n"),
    ("ES", "20n"),
    ("FI", "14n"),
    ("FK", "2a12n"),
    ("FO", "14n"),
    ("FR", "10n11c2n"),
    ("GB", "4a14n"),
    ("GE", "2a16n"),
    ("GI", "4a15c"),
    ("GL", "14n"),
    ("GR", "7n16c"),
    ("GT", "24c"),
    ("HN", "4a20n"),
    ("HR", "17n"),
    ("HU", "24n"),
    ("IE", "4a14n"),
    ("IL", "19n"),
    ("IQ", "4a15n"),
    ("IS", "22n"),
    ("IT", "1a10n12c"),
    ("JO", "4a4n18c"),
    ("KW", "4a22c"),
    ("KZ", "3n13c"),
    ("LB", "4n20c"),
    ("LC", "4a24c"),
    ("LI", "5n12c"),
    ("LT", "16n"),
    ("LU", "3n13c"),
    ("LV", "4a13c"),
    ("LY", "21n"),
    ("MC", "10n11c2n"),
    ("MD", "20c"),
    ("ME", "18n"),
    ("MK", "3n10c2n"),
    ("MN", "16n"),
    ("MR", "23n"),
    ("MT", "4a5n18c"),
    ("MU", "4a19n3a"),
    ("NI", "4a20n"),
    ("NL", "4a10n"),
    ("NO", "11n"),
    ("OM", "3n16c"),
    ("PK", "4a16c"),
    ("PL", "24n"),
    ("PS", "4a21c"),
    ("PT", "21n"),
    ("QA", "4a21c"),
    ("RO", "4a16c"),
    ("RS", "18n"),
    ("RU", "14n15c"),
    ("SA", "2n18c"),
    ("SC", "4a20n3a"),
    ("SD", "14n"),
    ("SE", "20n"),
    ("SI", "15n"),
    ("SK", "20n"),
    ("SM", "1a10n12c"),
    ("SO", "19n"),
    ("ST", "21n"),
    ("SV", "4a20n"),
    ("TL", "19n"),
    ("TN", "20n"),
    ("TR", "6n16c"),
    ("UA", "6n19c"),
    ("VA", "18n"),
    ("VG", "4a16n"),
    ("XK", "16n"),
    ("YE", "4a4n18c"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::accounts::page::Page;

    fn read(text: &str) -> Option<String> {
        let page = Page::of(crate::personal::fold::folded(text).as_bytes());
        page.readings().next().map(|one| one.value)
    }

    /// The registry's examples, one for each country.
    const EXAMPLES: &[&str] = &[
        "AD1200012030200359100100",
        "AE070331234567890123456",
        "AL47212110090000000235698741",
        "AT611904300234573201",
        "AZ21NABZ00000000137010001944",
        "BA391290079401028494",
        "BE68539007547034",
        "BG80BNBG96611020345678",
        "BH67BMAG00001299123456",
        "BI4210000100010000332045181",
        "BR1800360305000010009795493C1",
        "BY13NBRB3600900000002Z00AB00",
        "CH9300762011623852957",
        "CR05015202001026284066",
        "CY17002001280000001200527600",
        "CZ6508000000192000145399",
        "DE89370400440532013000",
        "DJ2100010000000154000100186",
        "DK5000400440116243",
        "DO28BAGR00000001212453611324",
        "EE382200221020145685",
        "EG380019000500000000263180002",
        "ES9121000418450200051332",
        "FI2112345600000785",
        "FK88SC123456789012",
        "FO6264600001631634",
        "FR1420041010050500013M02606",
        "GB29NWBK60161331926819",
        "GE29NB0000000101904917",
        "GI75NWBK000000007099453",
        "GL8964710001000206",
        "GR1601101250000000012300695",
        "GT82TRAJ01020000001210029690",
        "HN88CABF00000000000250005469",
        "HR1210010051863000160",
        "HU42117730161111101800000000",
        "IE29AIBK93115212345678",
        "IL620108000000099999999",
        "IQ98NBIQ850123456789012",
        "IS140159260076545510730339",
        "IT60X0542811101000000123456",
        "JO94CBJO0010000000000131000302",
        "KW81CBKU0000000000001234560101",
        "KZ86125KZT5004100100",
        "LB62099900000001001901229114",
        "LC55HEMM000100010012001200023015",
        "LI21088100002324013AA",
        "LT121000011101001000",
        "LU280019400644750000",
        "LV80BANK0000435195001",
        "LY83002048000020100120361",
        "MC5811222000010123456789030",
        "MD24AG000225100013104168",
        "ME25505000012345678951",
        "MK07250120000058984",
        "MN121234123456789123",
        "MR1300020001010000123456753",
        "MT84MALT011000012345MTLCAST001S",
        "MU17BOMM0101101030300200000MUR",
        "NI45BAPR00000013000003558124",
        "NL91ABNA0417164300",
        "NO9386011117947",
        "OM810180000001299123456",
        "PK36SCBL0000001123456702",
        "PL61109010140000071219812874",
        "PS92PALS000000000400123456702",
        "PT50000201231234567890154",
        "QA58DOHB00001234567890ABCDEFG",
        "RO49AAAA1B31007593840000",
        "RS35260005601001611379",
        "RU0304452522540817810538091310419",
        "SA0380000000608010167519",
        "SC18SSCB11010000000000001497USD",
        "SD2129010501234001",
        "SE4550000000058398257466",
        "SI56263300012039086",
        "SK3112000000198742637541",
        "SM86U0322509800000000270100",
        "SO211000001001000100141",
        "ST23000100010051845310146",
        "SV62CENR00000000000000700025",
        "TL380080012345678910157",
        "TN5910006035183598478831",
        "TR330006100519786457841326",
        "UA213223130000026007233566001",
        "VA59001123000012345678",
        "VG96VPVG0000012345678901",
        "XK051212012345678906",
        "YE15CBYE0001018861234567891234",
    ];

    #[test]
    fn the_example_of_each_country_however_written() {
        assert_eq!(EXAMPLES.len(), FORMS.len());
        for (example, (country, _)) in EXAMPLES.iter().zip(FORMS) {
            assert!(example.starts_with(country), "{example}");
            let want = canonical(example.to_string());
            let groups: Vec<String> = example
                .as_bytes()
                .chunks(4)
                .map(|group| String::from_utf8_lossy(group).into_owned())
                .collect();
            for text in [
                example.to_string(),
                format!("IBAN: {}.", groups.join(" ")),
                format!("iban {}, bic", groups.join("-").to_lowercase()),
            ] {
                assert_eq!(read(&text).as_deref(), Some(want.as_str()), "{text}");
            }
        }
    }

    #[test]
    fn a_wrong_digit_a_wrong_length_a_wrong_country() {
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "DE8937040044053201300A",
            "ZZ89370400440532013000",
            "DE 89 3704  0044 0532 0130 00",
            "XDE89370400440532013000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn check_digits_are_made() {
        assert_eq!(made("NO", "86011117947").as_deref(), Some("NO9386011117947"));
        assert_eq!(made("GB", "WEST12345698765432").as_deref(), Some("GB82WEST12345698765432"));
        assert_eq!(made("NO", "8601111794"), None);
        assert_eq!(made("ZZ", "1"), None);
    }
}
