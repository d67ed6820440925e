//! Which country's language a text speaks, by its commonest words: enough to prefer one reading of a number to another.

use std::{collections::HashSet, sync::LazyLock};

/// The family of kinds of the country; `None` where nothing stands out.
pub(super) fn of(text: &str) -> Option<&'static str> {
    let text = text.get(..text.floor_char_boundary(LOOKED_AT_BYTES)).unwrap_or_default();
    let lower = text.to_lowercase();
    let all = lower.split(|letter: char| !letter.is_alphabetic());
    let words: HashSet<&str> = all.filter(|word| KNOWN.contains(word)).collect();
    let count = |list: &[&str]| list.iter().filter(|word| words.contains(**word)).count();
    let mut best = (1, None);
    for (family, list) in WORDS {
        let seen = count(list);
        match seen.cmp(&best.0) {
            std::cmp::Ordering::Greater => best = (seen, Some(*family)),
            // Two that are as likely are none.
            std::cmp::Ordering::Equal if best.1.is_some() => best.1 = None,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Less => (),
        }
    }
    best.1
}

/// The beginning says it.
const LOOKED_AT_BYTES: usize = 4_096;

/// All words that say something.
static KNOWN: LazyLock<HashSet<&str>> =
    LazyLock::new(|| WORDS.iter().flat_map(|(_, list)| list.iter().copied()).collect());

/// Words that are common in one language, and few of them in another.
const WORDS: &[(&str, &[&str])] = &[
    (
        "se",
        &[
            "och",
            "är",
            "jag",
            "inte",
            "från",
            "hälsningar",
            "vänliga",
            "vänlig",
            "hälsning",
            "för",
            "att",
            "mig",
            "dig",
            "vad",
            "nu",
            "hej",
            "tack",
            "efter",
            "eller",
            "när",
            "också",
            "bifogar",
            "bifogad",
            "på",
            "av",
            "som",
            "den",
        ],
    ),
    (
        "dk",
        &[
            "og",
            "er",
            "jeg",
            "ikke",
            "fra",
            "hilsen",
            "venlig",
            "venlige",
            "hilsner",
            "af",
            "mig",
            "dig",
            "hvad",
            "nu",
            "efter",
            "eller",
            "hej",
            "tak",
            "vedhæftet",
            "også",
            "på",
            "som",
            "den",
            "til",
            "for",
            "at",
            "kære",
            "vores",
        ],
    ),
    (
        "no",
        &[
            "og", "er", "jeg", "ikke", "fra", "hilsen", "vennlig", "vennlige", "av", "meg", "deg",
            "hva", "nå", "etter", "eller", "hei", "takk", "vedlagt", "også", "på", "som", "den",
            "til", "for", "å", "at", "kjære", "vår", "våre",
        ],
    ),
    (
        "fi",
        &[
            "ja",
            "on",
            "ei",
            "että",
            "kanssa",
            "terveisin",
            "ystävällisin",
            "hei",
            "olen",
            "ovat",
            "tai",
            "myös",
            "kiitos",
            "ohessa",
            "liitteenä",
            "voit",
            "sekä",
            "mutta",
            "jos",
        ],
    ),
    (
        "is",
        &[
            "og", "að", "er", "ekki", "ég", "við", "kveðja", "kveðju", "frá", "fyrir", "með",
            "ekki", "sem", "þú", "það", "hæ", "halló", "takk",
        ],
    ),
    (
        "gb",
        &[
            "the", "and", "of", "is", "not", "from", "with", "you", "your", "we", "are", "have",
            "this", "that", "please", "regards", "thanks", "attached",
        ],
    ),
    (
        "de",
        &[
            "und",
            "ist",
            "nicht",
            "ich",
            "mit",
            "der",
            "die",
            "das",
            "freundlichen",
            "grüßen",
            "wir",
            "sie",
            "für",
            "anbei",
            "bitte",
            "danke",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_apart() {
        for (text, want) in [
            (
                "Hej, jag bifogar underlaget för Anna och hennes man. Vänliga hälsningar Eva",
                Some("se"),
            ),
            (
                "Hej, jeg sender hermed oplysninger om Anna og hendes mand, som du bad mig om. Venlig hilsen Eva",
                Some("dk"),
            ),
            (
                "Hei, jeg sender opplysninger om Anna og mannen hennes, som du ba meg om. Vennlig hilsen Eva",
                Some("no"),
            ),
            ("Hei, tässä ovat Annan tiedot ja myös puolison. Terveisin Eeva", Some("fi")),
            ("Hæ, hér er kennitala Önnu og það sem við þurfum. Kveðja Eva", Some("is")),
            ("Please find attached the data of Anna and her husband. Regards Eva", Some("gb")),
            ("Anna 900102-9819", None),
            ("", None),
        ] {
            assert_eq!(of(text), want, "{text}");
        }
    }
}
