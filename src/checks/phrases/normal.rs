//! The texts of a mail as phrase rules read them: what a writer can vary without a reader noticing is made one.
//!
//! In this order: NFKC (UAX #15: full width, ligatures, mathematical letters become plain ones) · invisible characters out ·
//! Cyrillic and Greek look-alikes inside a word with Latin letters become those letters (a wholly Cyrillic word stays) · lower case ·
//! accents off, but å ä ö ø æ (and ð þ) stay letters · quotes, dashes and spaces to `'` `"` `-` and one space.
//!
//! Digits are not read as letters: amounts and account numbers would turn into words.
//! Invariants: no two spaces in a row, none at either end, and never more than [`limits::TEXT_BYTES_MAX`] for each place.

use crate::{base::limits, config::rules::phrases::Place, examine::Text, formats::letters};
use unicode_normalization::{
    UnicodeNormalization,
    char::{decompose_canonical, is_combining_mark},
};

/// The texts of one mail, normalised once for all rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Normalised {
    subject: String,
    body: String,
    hidden: String,
}

impl Normalised {
    /// From the decoded Subject and the texts that examination found.
    ///
    /// Where a text is written with tricks (letters set apart, turned round, drawn alike), it is read as a person sees it as well.
    pub fn of_mail(subject: &str, texts: &[Text]) -> Normalised {
        let shown = texts.iter().map(|text| text.shown.as_str());
        let (seen_subject, seen) = (seen([subject]), seen(shown.clone()));
        let subjects = std::iter::once(subject).chain(seen_subject.iter().map(String::as_str));
        Normalised {
            subject: normalise(subjects),
            body: normalise(shown.chain(seen.iter().map(String::as_str))),
            hidden: normalise(texts.iter().map(|text| text.hidden.as_str())),
        }
    }

    /// From one text in one place; the others stay empty.
    pub fn only(place: Place, text: &str) -> Normalised {
        let text = normalise([text]);
        match place {
            Place::Subject => Normalised { subject: text, ..Normalised::default() },
            Place::Body => Normalised { body: text, ..Normalised::default() },
            Place::Hidden => Normalised { hidden: text, ..Normalised::default() },
        }
    }

    /// The same with a subject.
    pub fn with_subject(self, subject: &str) -> Normalised {
        Normalised { subject: normalise([subject]), ..self }
    }

    /// One of the texts, normalised; the parts of a body are divided by a line feed, which no `.` matches.
    pub fn text(&self, place: Place) -> &str {
        match place {
            Place::Subject => &self.subject,
            Place::Body => &self.body,
            Place::Hidden => &self.hidden,
        }
    }
}

/// Texts as a person sees them, where that is something else.
fn seen<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let seen = texts.into_iter().map(letters::as_seen);
    seen.filter(|seen| seen.counts.any()).map(|seen| seen.text).collect()
}

/// Normalises texts into one, a line feed between them.
fn normalise<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = Folded::default();
    for text in texts {
        out.divide();
        // NFKC never joins across an ASCII space, so words can be taken one by one and most need no table.
        for word in text.split_ascii_whitespace() {
            if out.is_full() {
                return out.finish();
            }
            out.space();
            out.word(word);
        }
    }
    out.finish()
}

#[derive(Default)]
struct Folded {
    text: String,
}

impl Folded {
    fn is_full(&self) -> bool {
        self.text.len() >= limits::TEXT_BYTES_MAX
    }

    fn word(&mut self, word: &str) {
        if word.is_ascii() {
            let ascii = word.chars().filter(|letter| !letter.is_ascii_control());
            self.text.extend(ascii.map(|letter| fold_quote(letter.to_ascii_lowercase())));
            return;
        }
        // A spacing acute is a space and a mark to NFKC, which would cut "don´t" in two. One word can be a megabyte,
        // and NFKC can make it eleven times as long.
        let shown = |letter: &char| !is_invisible(*letter) && !is_combining_mark(*letter);
        let plain = word.chars().map(fold_quote).nfkc().filter(shown);
        let plain: String = plain.take(limits::TEXT_BYTES_MAX).collect();
        for run in plain.split_inclusive(|letter: char| !letter.is_alphanumeric()) {
            let latin = run.contains(|letter: char| letter.is_ascii_alphabetic());
            for letter in run.chars() {
                let twin = latin_twin(letter).filter(|_| latin);
                twin.unwrap_or(letter).to_lowercase().for_each(|lower| self.push(lower));
            }
            if self.is_full() {
                return;
            }
        }
    }

    /// One lower-case letter, folded.
    fn push(&mut self, letter: char) {
        match letter {
            _ if letter.is_whitespace() => self.space(),
            _ if letter.is_ascii() => self.text.push(letter),
            'å' | 'ä' | 'ö' | 'ø' | 'æ' | 'ð' | 'þ' => self.text.push(letter),
            _ if is_combining_mark(letter) => (),
            _ => {
                let text = &mut self.text;
                decompose_canonical(letter, |piece| {
                    if !is_combining_mark(piece) {
                        text.push(fold_quote(piece));
                    }
                });
            }
        }
    }

    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(' ');
        }
    }

    fn divide(&mut self) {
        self.text.truncate(self.text.trim_end().len());
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn finish(mut self) -> String {
        let end = self.text.floor_char_boundary(limits::TEXT_BYTES_MAX);
        let kept = self.text.get(..end).unwrap_or_default().trim_end().len();
        self.text.truncate(kept);
        self.text
    }
}

/// Typographic quotes and dashes to the ones on a keyboard.
fn fold_quote(letter: char) -> char {
    match letter {
        '`' | '\u{b4}' | '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2039}' | '\u{203a}' => '\'',
        '\u{ab}' | '\u{bb}' | '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{fe58}' => '-',
        other => other,
    }
}

/// Characters that show nothing: zero-width, soft hyphen, direction marks, variation selectors, fillers, tags, controls.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
        || (letter.is_control() && !letter.is_whitespace())
}

/// The Latin letter that a Cyrillic or Greek one looks like. Case matters: Ν looks like N, ν like v.
fn latin_twin(letter: char) -> Option<char> {
    Some(match letter {
        'В' | 'в' | 'Β' | 'β' => 'b',
        'ς' => 'c',
        'є' | 'ε' => 'e',
        'н' => 'h',
        'ı' => 'i',
        'к' => 'k',
        'м' => 'm',
        'п' | 'η' => 'n',
        'σ' => 'o',
        'т' | 'τ' => 't',
        'ω' => 'w',
        'χ' => 'x',
        'γ' => 'y',
        _ => letters::twin(letter)?.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examine::TextSource;

    #[test]
    fn variants_become_one() {
        for (text, want) in [
            ("Ditt  PAKET\r\n\tväntar", "ditt paket väntar"),
            ("  hej  ", "hej"),
            ("ÅÄÖØÆ a\u{30a} o\u{308}", "åäöøæ å ö"),
            ("Idé, über, crème, Þór", "ide, uber, creme, þor"),
            ("via\u{200b}gra in\u{ad}vest pay\u{2060}pal", "viagra invest paypal"),
            ("\u{200b}", ""),
            ("a \u{200b} b", "a b"),
            ("a\u{a0}\u{2003} b", "a b"),
            ("ｐａｙｐａｌ 𝐁𝐚𝐧𝐤 ﬁle ①", "paypal bank file 1"),
            ("“Hej” ‘du’ – don´t — it`s", "\"hej\" 'du' - don't - it's"),
            ("p̶a̶y̶", "pay"),
            ("İstanbul", "istanbul"),
            ("раураl Вitсоin Νetflix", "paypal bitcoin netflix"),
            ("привет мир, Αθήνα", "привет мир, αθηνα"),
            ("раураl-счет", "paypal-счет"),
            ("100 kr", "100 kr"),
        ] {
            assert_eq!(Normalised::only(Place::Body, text).text(Place::Body), want, "{text:?}");
        }
    }

    #[test]
    fn tricks_are_undone_beside_the_text_as_written() {
        let of = |subject: &str, body: &str| {
            let text = Text {
                part: "1".to_string(),
                source: TextSource::Plain,
                shown: body.to_string(),
                hidden: String::new(),
            };
            let normal = Normalised::of_mail(subject, &[text]);
            (normal.subject, normal.body)
        };
        let spaced = of("Your p a s s w o r d expires", "Send B i t c o i n now");
        assert!(spaced.0.contains("your password expires"), "{spaced:?}");
        assert!(spaced.1.contains("send bitcoin now"), "{spaced:?}");
        let turned = of("hi", "pay \u{202e}niocti\u{202c} here");
        assert!(turned.1.contains("itcoin"), "{turned:?}");
        assert_eq!(of("Årsmöte 10.15", "a b c").1, "a b c");
    }

    #[test]
    fn parts_stay_apart_and_empty_ones_leave_nothing() {
        assert_eq!(normalise(["a ", "", " b", ""]), "a\nb");
        assert_eq!(normalise(["", ""]), "");
    }

    #[test]
    fn the_size_is_bounded_and_it_is_normal_already() {
        for piece in ["\u{fdfa}", "ord", "å ", "\u{200b}a"] {
            let text = normalise([piece.repeat(limits::TEXT_BYTES_MAX).as_str()]);
            assert!((limits::TEXT_BYTES_MAX - 3..=limits::TEXT_BYTES_MAX).contains(&text.len()));
        }
        let once = normalise(["ÀÉ ﬁ ‑ Вitсоin 𝐁 ½ … ´ ¨ ｱ ㍿ ẞ ŉ"]);
        assert_eq!(normalise([once.as_str()]), once);
    }
}
