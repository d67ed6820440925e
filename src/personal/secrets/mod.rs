//! Secrets in text: private keys, API keys, passwords.
//!
//! Keys are known by how their makers begin them, and by what must follow; a password by the word before it, and by looking like one. A word for a password
//! and nothing like one behind it is talk about passwords.

mod codes;
mod keys;
mod marks;
mod passwords;
mod said;
mod value;

use super::{Confidence, fold, lexicon::Lexicon};
use crate::base::{hidden::Hidden, limits};
use keys::MAKERS;
use marks::{READERS, WITHIN};

/// What kind of secret. Its word is the kind in JSON, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Secret {
    /// A private key in PEM.
    PrivateKey,
    /// A key of a service.
    ApiKey,
    /// A password.
    Password,
}

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundSecret {
    /// What.
    pub(super) kind: Secret,
    /// How sure.
    pub(super) confidence: Confidence,
    /// The secret.
    pub(super) value: Hidden<String>,
}

impl Secret {
    /// `secret.api-key`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Secret::PrivateKey => "secret.private-key",
            Secret::ApiKey => "secret.api-key",
            Secret::Password => "secret.password",
        }
    }
}

/// Finds secrets.
pub(super) struct Secrets {
    lexicon: Lexicon,
    marks: Vec<(Read, &'static str)>,
}

impl Secrets {
    /// With all marks there are.
    pub(super) fn new() -> Secrets {
        let of_maker: Read = keys::api_key;
        let makers = MAKERS.iter().map(|(mark, ..)| (of_maker, *mark));
        let others =
            READERS.iter().flat_map(|(read, marks)| marks.iter().map(|mark| (*read, *mark)));
        let marks: Vec<(Read, &'static str)> = makers.chain(others).collect();
        let lexicon = Lexicon::of_last_parts(marks.iter().map(|(_, mark)| *mark));
        Secrets { lexicon, marks }
    }

    /// The secrets of a text, each value once.
    pub(super) fn find(&self, text: &str) -> Vec<FoundSecret> {
        let mut places = Vec::new();
        self.lexicon.find(text.as_bytes(), |id, place| {
            let mark = self.marks.get(id).copied();
            places.extend(mark.map(|(read, mark)| (place.end, place.start, read, mark)));
        });
        within(text.as_bytes(), |start, (read, mark)| {
            places.push((start + mark.len(), start, *read, *mark));
        });
        places.sort_by_key(|(end, start, ..)| (*end, *start));
        let mut found: Vec<FoundSecret> = Vec::new();
        for (end, start, read, mark) in places.into_iter().take(limits::SECRET_MARKS_MAX) {
            // Makers' marks have their letters; the words have any.
            let written = text.get(start..end).unwrap_or_default();
            let from = text.floor_char_boundary(start.saturating_sub(BEFORE_BYTES_MAX));
            let earlier = text.get(from..start).unwrap_or_default();
            let until = text.floor_char_boundary(end.saturating_add(AFTER_BYTES_MAX));
            let Some(after) = text.get(end..until) else { continue };
            let Some(secret) = read(Place { earlier, mark, written, after }) else { continue };
            if found.len() < limits::SECRETS_MAX
                && !found.iter().any(|known| known.value == secret.value)
            {
                found.push(secret);
            }
        }
        found
    }
}

/// Tells of the marks that no word begins with.
fn within(text: &[u8], mut tell: impl FnMut(usize, &(Read, &'static str))) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.first_chunk().is_none_or(may_hold_mark) {
            for start in at..at + CHUNK_BYTES {
                let first = text.get(start).map(u8::to_ascii_lowercase);
                let stands = |(_, mark): &&(Read, &str)| {
                    first.as_ref() == mark.as_bytes().first() && {
                        let there = text.get(start..start + mark.len());
                        there.is_some_and(|there| there.eq_ignore_ascii_case(mark.as_bytes()))
                    }
                };
                WITHIN.iter().filter(stands).for_each(|mark| tell(start, mark));
            }
        }
        at += CHUNK_BYTES;
    }
}

/// Do characters stand there with which one of them begins? Without branches, so that the compiler may look at many bytes at once.
fn may_hold_mark(chunk: &[u8; CHUNK_BYTES + 3]) -> bool {
    let (first, second) = (chunk.iter(), chunk.iter().skip(1));
    let (third, fourth) = (chunk.iter().skip(2), chunk.iter().skip(3));
    let fours = first.zip(second).zip(third).zip(fourth).take(CHUNK_BYTES);
    fours.fold(false, |seen, (((first, second), third), fourth)| {
        let begins =
            |a: u8, b: u8, c: u8| (first | 0x20 == a) & (second | 0x20 == b) & (third | 0x20 == c);
        let is = |four: &[u8; 4]| begins(four[0], four[1], four[2]) & (fourth | 0x20 == four[3]);
        let of_key = begins(b':', b'/', b'/') | is(b"apik") | is(b"apin") | is(b"bear");
        let of_password = is(b"seno") | is(b"ssor") | is(b"sswo") | is(b"gsko") | is(b"lasa");
        seen | of_key | of_password
    })
}

/// Looked at in one go.
const CHUNK_BYTES: usize = 64;

/// Where a mark stands.
struct Place<'a> {
    /// What stands before it.
    earlier: &'a str,
    mark: &'static str,
    /// As it stands there.
    written: &'a str,
    after: &'a str,
}

impl Place<'_> {
    /// The character before it.
    fn before(&self) -> Option<char> {
        self.earlier.chars().next_back()
    }

    /// Does what stands near it speak of a call of many?
    fn is_of_a_call(&self) -> bool {
        let near = format!("{} {}", self.earlier, value::line_of(self.after, CALL_BYTES_MAX));
        let near = fold::folded(&near);
        codes::CALLS.iter().any(|word| near.contains(word))
    }

    /// Does it go on a word?
    fn goes_on_word(&self) -> bool {
        self.before().is_some_and(char::is_alphanumeric)
    }
}

fn secret(kind: Secret, confidence: Confidence, value: &str) -> Option<FoundSecret> {
    Some(FoundSecret { kind, confidence, value: Hidden::new(kind.word(), value.to_string()) })
}

/// How a place is read.
type Read = fn(Place<'_>) -> Option<FoundSecret>;

/// What a reader sees behind a mark: the longest token, and more than the lines of a key that tell it.
const AFTER_BYTES_MAX: usize = 8 << 10;
/// Behind a mark, the words for a call of many.
const CALL_BYTES_MAX: usize = 70;
/// What a reader sees before it: the sentence.
const BEFORE_BYTES_MAX: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        Secrets::new()
            .find(text)
            .iter()
            .map(|one| {
                format!("{} {} {}", one.kind.word(), one.confidence.word(), one.value.expose())
            })
            .collect()
    }

    #[test]
    fn what_stands_within_words_is_seen_by_its_first_letters() {
        for (_, mark) in WITHIN {
            let mut chunk = [b' '; CHUNK_BYTES + 3];
            assert!(!may_hold_mark(&chunk));
            for (place, byte) in chunk.iter_mut().zip(mark.bytes()) {
                *place = byte;
            }
            assert!(may_hold_mark(&chunk), "{mark}");
        }
    }

    #[test]
    fn keys_by_their_makers_marks() {
        // Each put together here, so that no scanner of sources takes them for real ones.
        for (mark, rest) in [
            ("AKIA", "IOSFODNN7EXAMPLE"),
            ("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
            ("xoxb-", "123456789012-abcdefABCDEF1"),
            ("glpat-", "a1b2c3d4e5f6g7h8i9j0"),
        ] {
            let key = format!("{mark}{rest}");
            assert_eq!(told(&format!("use {key}, please")), [format!("secret.api-key high {key}")]);
            assert_eq!(told(&format!("x{key}")), [""; 0], "in a word");
        }
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC".repeat(4);
        let pem = |what: &str| format!("-----BEGIN {what}-----\n{body}\n-----END {what}-----");
        assert_eq!(told(&pem("RSA PRIVATE KEY")).len(), 1);
        assert_eq!(told(&pem("PRIVATE KEY")).len(), 1);
        assert_eq!(told(&pem("PUBLIC KEY")), [""; 0]);
        assert_eq!(told("-----BEGIN PRIVATE KEY----- is how it begins"), [""; 0]);
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
        assert_eq!(told(token).len(), 1);
        assert_eq!(
            told("api_key = \"9f8e7d6c5b4a39281706\""),
            ["secret.api-key medium 9f8e7d6c5b4a39281706"]
        );
    }

    #[test]
    fn passwords_by_the_word_before_them() {
        for (text, want) in [
            ("Lösenord: Sommar2026!", "high Sommar2026!"),
            ("Ditt lösenord är Kanel-Bulle7.", "high Kanel-Bulle7"),
            ("LÖSENORD: Sommar2026!", "high Sommar2026!"),
            ("LYKILORÐ: Sumar2026!", "high Sumar2026!"),
            ("Salasanasi on Talvi#Kettu9", "high Talvi#Kettu9"),
            ("Salasana: kettu-88-Talo", "high kettu-88-Talo"),
            ("Passordet er Fjord!2024", "high Fjord!2024"),
            ("Adgangskode: rød&Grød12", "high rød&Grød12"),
            ("The password for the server is \"tr0ub4dor&3\".", "high tr0ub4dor&3"),
            ("password=hunter2x", "high hunter2x"),
            ("Password:\nXk29dkWq", "high Xk29dkWq"),
            ("user anna, lösenord för wifi: BlåKanin", "medium BlåKanin"),
            ("the password is WELCOME!", "medium WELCOME!"),
            ("git clone https://anna:s3cretword@git.example/x", "high s3cretword"),
        ] {
            assert_eq!(told(text), [format!("secret.password {want}")], "{text}");
        }
    }

    #[test]
    fn talk_about_passwords_is_none() {
        for text in [
            "Byt ditt lösenord innan fredag.",
            "Lösenordet är för kort.",
            "Lösenord: ********",
            "Password: <your password>",
            "Your password is expired.",
            "password: required",
            "Salasana on vanhentunut.",
            "Your password is case sensitive",
            "Passord: xxxxxx",
            "Har du glömt ditt lösenord? Klicka på https://example.org/reset?id=12",
            "https://example.org:8080/path",
            "ssh://git@example.org/x",
            "password = kzalloc(maxpwsize)",
            "The password is Hoover's secret",
            "Password: see main.cpp#L323",
            "",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn passwords_without_a_sign_between_and_codes() {
        for (text, want) in [
            ("Logga in med lösenordet fiskmås42 i dag", "medium fiskmås42"),
            ("Jag har bytt lösenord till Majsol!25", "medium Majsol!25"),
            ("Lösenord\nfiskmås42\n", "medium fiskmås42"),
            ("| Lösenord | fiskmås42 |", "medium fiskmås42"),
            ("pw: fiskmås42", "high fiskmås42"),
            ("PIN-kod: 4471", "medium 4471"),
            ("Portkoden är 1984", "medium 1984"),
            ("Koden till larmet är 552917.", "medium 552917"),
        ] {
            assert_eq!(told(text), [format!("secret.password {want}")], "{text}");
        }
        for text in [
            "Lösenordet är BankID",
            "Password: Forgot?",
            "Password manager: KeePass2",
            "password: process.env.DB_PASSWORD",
            "Lösenord\nska ha 12 tecken\n",
            "password policy ISO27001",
            "pass 2 of 3",
            "https://idp.example.com/reset?token=7agQyiXQSO2xCKbzwLtNs268AL8voZl0",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn codes_of_doors_phones_and_disks() {
        for (text, want) in [
            ("Koden till bakdörren är 4902 från i morgon.", "medium 4902"),
            ("Ulko-oven koodi on 1.4. alkaen 6274", "medium 6274"),
            ("Slå 2580 och sedan fyrkant", "medium 2580"),
            ("Enter 30877 then the tick on the panel", "medium 30877"),
            ("Set the dials to 5-9-2-0 and pull", "medium 5920"),
            ("Den spurte om PUK, bruk 20947715", "medium 20947715"),
            (
                "BitLocker:\n702218-650276-630927-357995-179223-075097-476498-076032",
                "high 702218-650276-630927-357995-179223-075097-476498-076032",
            ),
            (
                "Key for BitLocker:\n702219-650276-630927-357995-179223-075097-476498-076032",
                "medium 702219-650276-630927-357995-179223-075097-476498-076032",
            ),
            (
                "Your FileVault recovery key is:\n\nK7QM-2XWD-PH94-TR3V-8LBC-YN56",
                "medium K7QM-2XWD-PH94-TR3V-8LBC-YN56",
            ),
            ("Backup codes\n\n0315 1365\n2948 5644\n2495 1027\n", "medium 0315 1365"),
            ("Nyckelskåpet sitter bakom veden. Vrid fram 7-0-3-9 så öppnas luckan", "medium 7039"),
            ("Knappa in 6194 i automaten", "medium 6194"),
            ("Koden på døra er 6148#.", "medium 6148"),
            ("Kortet ligger i övre lådan. Koden är 7094, ta kvitto", "medium 7094"),
            ("Safen henger ved kjellerdøra, koden er 1 5 0 9.", "medium 1509"),
            ("Kortet har fået ny pin, 2846, fra i dag", "medium 2846"),
            ("Spara nödkoden A3-QX7MPL-V29KT-RHWD4-8ZNEB.", "medium A3-QX7MPL-V29KT-RHWD4-8ZNEB"),
            (
                "Lompakko palautuu sanoilla canyon, velvet, orbit, ladder, frozen, mango, tunnel, shrimp, cactus, puzzle, winter, depart.",
                "high canyon velvet orbit ladder frozen mango tunnel shrimp cactus puzzle winter depart",
            ),
            ("Torsdag pääset sisään koodilla 5038#.", "medium 5038"),
            ("Automaatilla näppäile 6083, ei ole vaihtanut", "medium 6083"),
            ("Alaoven ovikoodi on maanantaista alkaen 6142.", "medium 6142"),
        ] {
            assert_eq!(told(text), [format!("secret.password {want}")], "{text}");
        }
        assert_eq!(
            told("authenticator: JBSW Y3DP FVFN ZRFY PZ6Y BQ4O."),
            ["secret.api-key high JBSWY3DPFVFNZRFYPZ6YBQ4O"]
        );
        for text in [
            "Politiet spurgte, hvem der kendte koden til hoveddøren. Jeg svarede 2023",
            "Koden till kampanjen är 2024",
            "Enter 482913 and the hash key to join the meeting",
            "Click the Search button and enter 20250131 as the date",
            "Enter 2025 and the total is calculated automatically",
            "We line up 4-3-3 on Saturday",
            "Koden är 2024 års bästa kampanj",
            "Our office has moved, the postal code is 11122",
            "Kontoret följer koden. Koden är 2018 års utgåva",
            "With the words of our chair: we go on as before and hope for the best of years",
            "Use this code to log in with: 482913",
            "Press 1 for sales",
            "Backup codes are in the safe, see page 12345678",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn passwords_that_nobody_calls_so() {
        for (text, want) in [
            ("Logga in som admin / Toner4ever", "medium Toner4ever"),
            ("Första gången loggar du in med Valkommen-0817", "medium Valkommen-0817"),
            ("When the computer asks, type rhubarb&custard.", "medium rhubarb&custard"),
            ("Välj nätverket Telia-4F2A80 och skriv in 7C19E04B5D", "medium 7C19E04B5D"),
            ("We changed it. It's now Fridaypie_wk31", "medium Fridaypie_wk31"),
            ("Filen öppnas med hundens namn, alltså Ludde2009.", "medium Ludde2009"),
            ("Resten är\n\n-Lunnefagel77?", "medium -Lunnefagel77"),
            (
                "Lösenfras: kastrull vinter mandolin ostbåge",
                "medium kastrull vinter mandolin ostbåge",
            ),
            ("Passord: solskinn-i-bergen", "medium solskinn-i-bergen"),
            ("Lösenordet har ändrats till 918273", "medium 918273"),
            ("Koden är ändrad till Rugbrod-Remou-31", "medium Rugbrod-Remou-31"),
            ("Du loggar in med elin.berg och Vinter-Kanel-204 i dag", "medium Vinter-Kanel-204"),
            ("Nätet heter Kallbad, nyckeln är makrill-och-dill", "medium makrill-och-dill"),
            ("Den er låst, sorry. Prøv Sildesalat1905 så åpner den seg", "medium Sildesalat1905"),
            (
                "For the internet pick Cottage and type crab-sandwich-day",
                "medium crab-sandwich-day",
            ),
            ("Startlösenord: Sommar2026!", "high Sommar2026!"),
            ("Startadgangskode: Sommer2026!", "high Sommer2026!"),
            ("Kertakäyttösalasana: Kettu-88-Talo", "high Kettu-88-Talo"),
            ("Adgangskoden er nulstillet til: Kp93.Regnorm", "high Kp93.Regnorm"),
            ("Startpassordet er Velkommen.Fjell31", "high Velkommen.Fjell31"),
            ("Server=sql07;User Id=report;Password=Teapot%Cosy3;Encrypt=True", "high Teapot%Cosy3"),
            ("mysql -u ajo -pHernekeitto4 laskutus", "high Hernekeitto4"),
            ("Authorization: Basic aGFyYm91cjpSb2FzdC0xNA==", "high Roast-14"),
            ("Administratörslösenordet är nu 91827364 igen", "medium 91827364"),
            ("{ \"dbPassword\": \"zK5!maVr7t\" }", "high zK5!maVr7t"),
            ("Byt till Vinter#2025Umea som lösenord", "medium Vinter#2025Umea"),
            ("Min dator öppnas med <Kanelbulle!1004>, utan hakarna", "medium Kanelbulle!1004"),
            ("Nätverk: Telia-A83F21 / 7f3kQm92Xs", "medium 7f3kQm92Xs"),
            ("Passordet er endret til Lefse-Rømme-31.", "medium Lefse-Rømme-31"),
            ("Koden til Wi-Fi: havbrise1898", "high havbrise1898"),
            ("Till datorn skriver du korrekt-häst-batteri", "medium korrekt-häst-batteri"),
            ("Logga in med admin och sen Tjader_Orre_55 i nästa ruta", "medium Tjader_Orre_55"),
        ] {
            assert_eq!(told(text), [format!("secret.password {want}")], "{text}");
        }
        for text in [
            "DB_PASSWORD=********\nDB_HOST=localhost",
            "password check failed for user=svc_lon session=1",
            "LOGIN_PASSWORD_HINT = Mindst12Tegn",
            "postgresql://user:password@host:5432/dbname",
            "Type       1K-blocks      Used of the network",
            "Use graph with Replay#0 and DUC#0",
            "Log in with BankID",
            "Resten är bra",
            "Resource { password = var.db_password }",
            "Koden er lavet om til noget andet",
            "The shop opens with Nordea",
            "Filen öppnas med AutoCAD-2024",
            "The product code has been changed to Widget-22b",
            "Your last invoice, that is INV20250114",
            "Jag läste er offert, alltså OFF2025114",
            "WLAN: Acme-Guest / Acme-Corp5",
            "Your password expires: 20251231",
            "Your password ticket: 4829131",
            "Skickat som lösenord",
            "curl https://api.example.com/?key=5",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
        let call = told("Passcode: 8239123 to join the call");
        assert_eq!(call, ["secret.password low 8239123"], "all who are asked to join have it");
        let shown = told("As an example: password: hunter2");
        assert_eq!(shown, ["secret.password low hunter2"], "a manual shows one");
    }

    #[test]
    fn keys_of_other_programs() {
        let key = "b2FtbGEgbnlja2VsbiBpIGVuIGdhbW1hbCBsw6VkYQ";
        let number = "7095113226:AA";
        let hex = "1e2d1231a3b6abd45d9f36b2e4aedcf6";
        for text in [
            format!("{number}{}", "wTRd3mqFwLMNAHbB_p11ngEl3GzQ-KOY4"),
            format!("Nøglen: {}-us14", "c542619d21a577b0c7d39d045c7dfad5"),
            format!("https://discord.com/api/webhooks/4404803891205795745/{key}abcdefghijklmnop"),
            format!("client secret {key}1"),
            format!("yours: {}_9xTq27LvZc4RkWm8YpBd1HnE", "msg_live"),
            format!("curl \"https://geo.example/v1?q=Leeds&key={hex}\""),
            format!("Private-Lines: 1\nAAAA{key}\nPrivate-MAC: 0123"),
            format!("AccountName=lager;AccountKey={key}A1=="),
            format!("curl -H 'Authorization: Bearer {key}1' https://api.example.com"),
        ] {
            assert_eq!(told(&text).len(), 1, "{text}");
        }
        assert_eq!(told("curl -u admin:c82sel1ob5PF https://api.example.com").len(), 1);
    }
}
