//! Which mails are copies of one: the same text to many, with names, numbers and tracking links changed from copy to copy.
//!
//! A measure, not a key. A mail's text is folded as a likeness is, cut into windows of two words, and of these a fixed number of keyed
//! minima is kept (MinHash, Broder 1997): the share of minima that two mails have in common is about the share of windows that they have
//! in common. What is kept of a mail is [`PRINT_BYTES`] long and gives no word back; without the site's key nobody can ask it for one.
//!
//! Why not a simhash: measured on public lists and spam of which words were swapped. Of copies with three words in a hundred swapped, 64 bits
//! of simhash find 93 in a hundred if six bits may differ, and then take two in a thousand pairs of unrelated spam for copies. Minima find all
//! but one in six hundred (with ten words in a hundred swapped four in five), and of thirty million pairs took none that has less than three
//! tenths in common for copies. Windows of three words found half as many of the latter, and no fewer wrong ones.

pub mod standing;
pub mod window;

use crate::base::limits;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// One campaign: all mails that are copies of its first. Zero: none.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct CampaignId(pub u64);

/// Not sixteen hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no campaign: sixteen hex digits are expected")]
pub struct NotACampaign;

impl FromStr for CampaignId {
    type Err = NotACampaign;

    fn from_str(text: &str) -> Result<CampaignId, NotACampaign> {
        match text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            true => u64::from_str_radix(text, 16).map(CampaignId).map_err(|_| NotACampaign),
            false => Err(NotACampaign),
        }
    }
}

impl TryFrom<String> for CampaignId {
    type Error = NotACampaign;

    fn try_from(text: String) -> Result<CampaignId, NotACampaign> {
        text.parse()
    }
}

impl From<CampaignId> for String {
    fn from(id: CampaignId) -> String {
        id.to_string()
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The site's key to prints and to the hashes of names in a [`window::Window`].
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// From a secret of the site.
    pub fn of(secret: &[u8]) -> Key {
        Key(blake3::derive_key("sluss 2026 campaigns", secret))
    }

    /// A name as it is kept: of a sender, a network, a recipient, an organisation.
    pub fn hash(&self, kind: &str, name: &str) -> u32 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(kind.as_bytes()).update(&[0]).update(name.as_bytes());
        let mut first = [0; 4];
        hasher.finalize_xof().fill(&mut first);
        u32::from_le_bytes(first)
    }

    fn window(&self, words: &[String]) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for word in words {
            hasher.update(word.as_bytes()).update(&[0]);
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// What a mail is recognised by.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// Subject, decoded.
    pub subject: &'a str,
    /// What a reader sees.
    pub text: &'a str,
    /// Names that stand in it for its recipients alone: parts of their addresses and displayed names.
    pub names: &'a BTreeSet<String>,
    /// Hosts of links.
    pub hosts: &'a BTreeSet<String>,
    /// What the attachments are by their bytes.
    pub attachments: &'a BTreeSet<String>,
}

/// What is kept of a mail to know its copies by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Print {
    /// Of what kinds its attachments are: a mail with a program attached is no copy of the newsletter whose words it borrows.
    shape: u16,
    minima: [u16; MINIMA],
}

impl fmt::Debug for Print {
    /// Not the numbers: whoever has them and the key can ask for a text whether it was in the mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Print")
    }
}

impl Print {
    /// None where there is too little text to tell copies from strangers.
    pub fn of(key: &Key, traits: &Traits<'_>) -> Option<Print> {
        let words = words(traits);
        let mut windows: BTreeSet<u64> =
            words.windows(WINDOW_WORDS).map(|window| key.window(window)).collect();
        if windows.len() < WINDOWS_MIN {
            return None;
        }
        for host in traits.hosts.iter().take(limits::CAMPAIGN_HOSTS_MAX) {
            windows.insert(key.window(&["host".to_string(), folded(host)]));
        }
        let mut minima = [0; MINIMA];
        for (slot, multiplier) in minima.iter_mut().zip(multipliers()) {
            let hashed = windows.iter().map(|window| mixed(window.wrapping_mul(multiplier)));
            let [low, high, ..] = hashed.min().unwrap_or_default().to_le_bytes();
            *slot = u16::from_le_bytes([low, high]);
        }
        let kinds: Vec<String> = traits.attachments.iter().cloned().collect();
        let [low, high, ..] = key.window(&kinds).to_le_bytes();
        let shape = if kinds.is_empty() { 0 } else { u16::from_le_bytes([low, high]).max(1) };
        Some(Print { shape, minima })
    }

    /// What share of the windows of two mails is in both, 0 to 1; nothing where their attachments are of different kinds.
    pub fn alike(&self, other: &Print) -> f32 {
        if self.shape != other.shape {
            return 0.0;
        }
        let same = self.minima.iter().zip(&other.minima).filter(|(own, its)| own == its).count();
        let real = |count: usize| f32::from(u8::try_from(count).unwrap_or(u8::MAX));
        real(same) / real(MINIMA)
    }

    /// Is the other a copy of the same mail?
    pub fn is_copy(&self, other: &Print) -> bool {
        self.alike(other) >= ALIKE_FROM
    }

    /// Keys of which two copies have at least one in common, nearly always: four minima each.
    pub fn bands(&self) -> impl Iterator<Item = u64> {
        let shape = u64::from(self.shape);
        self.minima.chunks_exact(BAND_MINIMA).zip(1_u64..).map(move |(band, number)| {
            let packed = band.iter().fold(0, |packed, minimum| packed << 16 | u64::from(*minimum));
            mixed(packed ^ mixed(number << 16 | shape))
        })
    }

    /// The id of a campaign that begins with this mail. Two that come at once, and are the same, have the same.
    pub fn id(&self) -> CampaignId {
        let mut first = [0; 8];
        let mut hasher = blake3::Hasher::new_derive_key("sluss 2026 campaign id");
        hasher.update(&self.to_bytes()).finalize_xof().fill(&mut first);
        CampaignId(u64::from_le_bytes(first).max(1))
    }

    /// As bytes, [`PRINT_BYTES`] of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = std::iter::once(&self.shape).chain(&self.minima);
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// From bytes; none if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Print> {
        if bytes.len() != PRINT_BYTES {
            return None;
        }
        let (numbers, _) = bytes.as_chunks::<2>();
        let mut numbers = numbers.iter().map(|number| u16::from_le_bytes(*number));
        let shape = numbers.next()?;
        let mut minima = [0; MINIMA];
        minima.iter_mut().zip(numbers).for_each(|(slot, number)| *slot = number);
        Some(Print { shape, minima })
    }
}

/// The words of subject and text without what differs from copy to copy: case, marks, digits, the recipients' names, links and their
/// tracking, what is quoted from another mail.
fn words(traits: &Traits<'_>) -> Vec<String> {
    let own = traits.text.lines().filter(|line| !line.trim_start().starts_with('>'));
    let texts = std::iter::once(traits.subject).chain(own);
    let mut words: Vec<String> = Vec::new();
    let mut room = limits::CAMPAIGN_TEXT_BYTES_MAX;
    for token in texts.flat_map(str::split_whitespace) {
        if room == 0 {
            break;
        }
        room = room.saturating_sub(token.len());
        // What a mail program cannot break is no word: an address, a link, an id.
        if token.contains("://") || token.contains('@') || token.len() > TOKEN_BYTES_MAX {
            continue;
        }
        for word in token.split(|letter: char| !letter.is_alphanumeric()) {
            let word = word.to_lowercase();
            let is_of_copy = word.is_empty()
                || word.bytes().any(|letter| letter.is_ascii_digit())
                || traits.names.contains(&word);
            // Left out, not put in as a sign: "Hej Anna," and "Hej," are one.
            if !is_of_copy {
                words.push(word);
            }
        }
    }
    words
}

/// A host with digits folded: `img17.example` and `img3.example` are one.
fn folded(host: &str) -> String {
    let is_digit = |letter: &char| letter.is_ascii_digit();
    host.to_lowercase().chars().filter(|letter| !is_digit(letter)).collect()
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of the output.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// One odd number for each minimum.
fn multipliers() -> impl Iterator<Item = u64> {
    (1_u64..).map(|number| mixed(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1)
}

/// Minima kept: the share is known to a twentieth or so, and a print is 130 bytes.
const MINIMA: usize = 64;
/// Minima of one band: with sixteen bands of four, copies that have two thirds of their windows in common miss each other once in thirty.
const BAND_MINIMA: usize = 4;
/// Length of [`Print::to_bytes`].
pub const PRINT_BYTES: usize = 2 * (MINIMA + 1);
/// Words of a window: one alone is the language's, and a swapped word takes as many windows along.
const WINDOW_WORDS: usize = 2;
/// Fewer windows are a greeting or a signature.
const WINDOWS_MIN: usize = 15;
/// The share of windows from which two mails are copies.
const ALIKE_FROM: f32 = 0.6;
/// The longest word that is one; "Kraftfahrzeughaftpflichtversicherung" has 36 letters.
const TOKEN_BYTES_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn print(subject: &str, text: &str, names: &[&str], kinds: &[&str]) -> Option<Print> {
        let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let (names, hosts, attachments) = (owned(names), owned(&["img7.example"]), owned(kinds));
        let traits =
            Traits { subject, text, names: &names, hosts: &hosts, attachments: &attachments };
        Print::of(&Key::of(b"test"), &traits)
    }

    const LURE: &str = "Hej Anna,\n\nvi har försökt leverera ditt paket 8812 men ingen var hemma. För att vi ska kunna göra ett nytt försök \
        måste du bekräfta din adress och betala en avgift på 19 kronor. Gör det inom 24 timmar, annars skickas paketet tillbaka till \
        avsändaren: https://paket.example/a8f2?u=anna Har du frågor når du vår kundtjänst alla dagar mellan åtta och tjugo.\n\n\
        Med vänliga hälsningar\nPaketbudet";

    #[test]
    fn what_differs_from_copy_to_copy_makes_no_difference() {
        let first = print("Ditt paket 8812", LURE, &["anna"], &[]).unwrap();
        let others = LURE
            .replace("Anna", "Björn")
            .replace("8812", "10-993")
            .replace("a8f2?u=anna", "zz91/x?u=bjorn");
        let other = print("Ditt paket 10-993", &others, &["björn", "berg"], &[]).unwrap();
        assert_eq!(first, other);
        assert_eq!(first.id(), other.id());
        let quoting = format!("{LURE}\n> quoted words of another mail that nobody needs to read");
        assert_eq!(print("Ditt paket", &quoting, &["anna"], &[]).unwrap(), first);
    }

    #[test]
    fn a_few_swapped_words_are_still_a_copy() {
        let first = print("Ditt paket", LURE, &["anna"], &[]).unwrap();
        let swapped = LURE
            .replace("försökt leverera", "provat lämna")
            .replace("ingen var hemma", "du var inte där")
            .replace("kronor", "SEK");
        let swapped = print("Ditt brev", &swapped, &["anna"], &[]).unwrap();
        assert!(first.is_copy(&swapped), "{}", first.alike(&swapped));
        assert!(first.bands().any(|band| swapped.bands().any(|other| other == band)));
    }

    #[test]
    fn other_mails_are_no_copies() {
        let first = print("Ditt paket", LURE, &["anna"], &[]).unwrap();
        let letter = |news: &str| {
            let text = format!(
                "{news}\n\nDu får det här brevet för att du är medlem i föreningen. Vill du inte ha det längre kan du avsluta det på din sida."
            );
            print("Nyheter", &text, &[], &[]).unwrap()
        };
        let march = letter(
            "Årsmötet hålls i Folkets hus den tredje lördagen i mars. Motioner ska vara styrelsen till handa senast två veckor före mötet, \
             och kaffe serveras från klockan ett. Anmäl dig till kansliet så att vi vet hur många bullar vi ska baka.",
        );
        let june = letter(
            "Sommarens cykeltur går i år längs ån till kvarnen och tillbaka. Vi träffas vid bron, tar med matsäck och badkläder och räknar \
             med att vara hemma till kvällen. Barn under tolv år åker tillsammans med en vuxen och bär hjälm hela vägen.",
        );
        assert!(!march.is_copy(&june), "{}", march.alike(&june));
        assert!(!first.is_copy(&march));
        // The same words with a program attached are another mail.
        let carrying = print("Ditt paket", LURE, &["anna"], &["executable"]).unwrap();
        assert!(!first.is_copy(&carrying) && first.alike(&first) >= 1.0);
    }

    #[test]
    fn too_little_text_is_like_nothing() {
        for text in [
            "",
            "Se bifogad fil",
            "https://a.example/very/long/path 12 34",
            "> a b c d e f g h i j k l m n o p q r s t u v",
        ] {
            assert_eq!(print("Hej", text, &[], &[]), None, "{text}");
        }
    }

    #[test]
    fn a_print_is_for_its_key_and_survives_being_stored() {
        let first = print("Ditt paket", LURE, &[], &["pdf"]).unwrap();
        let bytes = first.to_bytes();
        assert_eq!((bytes.len(), Print::from_bytes(&bytes)), (PRINT_BYTES, Some(first.clone())));
        assert_eq!(Print::from_bytes(&bytes[1..]), None);
        let (names, none) = (BTreeSet::new(), BTreeSet::new());
        let traits = Traits {
            subject: "Ditt paket",
            text: LURE,
            names: &names,
            hosts: &none,
            attachments: &none,
        };
        let of = |secret: &[u8]| Print::of(&Key::of(secret), &traits).unwrap();
        assert!(of(b"one").alike(&of(b"another")) < 0.1);
        assert_eq!(first.id().to_string().parse(), Ok(first.id()));
        assert_eq!("12".parse::<CampaignId>(), Err(NotACampaign));
        let key = Key::of(b"test");
        assert_ne!(key.hash("sender", "a"), key.hash("network", "a"));
    }
}
