//! Domains and addresses as people read them: `räksmörgås.example`, and not `xn--rksmrgs-5wao1o.example`.
//!
//! A label is shown in its own letters when all of them are of one script (Unicode Technical Standard 39, section 5, single script) and none
//! of another could be meant by them; else as the network knows it, which looks like nothing but itself. Shown only: what is stored, compared
//! or sent keeps its form.

use super::Domain;

/// A domain as people read it.
pub fn legible_domain(domain: &Domain) -> String {
    let labels = domain.as_str().split('.').map(legible_label);
    labels.collect::<Vec<_>>().join(".")
}

/// An address, or a domain, as people read it; what is neither stays as it is.
pub fn legible(text: &str) -> String {
    let (before, domain) = match text.rsplit_once('@') {
        Some((local, domain)) => (format!("{local}@"), domain),
        None => (String::new(), text),
    };
    match Domain::parse(domain) {
        Ok(name) if name.as_str().contains(A_LABEL) => before + &legible_domain(&name),
        Ok(_) | Err(_) => text.to_string(),
    }
}

fn legible_label(label: &str) -> String {
    if !label.starts_with(A_LABEL) {
        return label.to_string();
    }
    let (letters, read) = idna::domain_to_unicode(label);
    // What decodes to letters that are written otherwise on the way back is no name that anybody registered.
    let is_same = || idna::domain_to_ascii_strict(&letters).is_ok_and(|again| again == label);
    match read.is_ok() && is_same() && is_of_one_script(&letters) {
        true => letters,
        false => label.to_string(),
    }
}

/// Scripts that are written from left to right without joiners, and whose letters a reader here tells apart. A word of Greek or Cyrillic
/// letters that all look like Latin ones is a disguise, whatever it means.
fn is_of_one_script(letters: &str) -> bool {
    let all = |is_in: fn(char) -> bool| letters.chars().all(|one| is_number(one) || is_in(one));
    all(is_latin)
        || (all(is_greek) && !all(|one| GREEK_LIKE_LATIN.contains(one)))
        || (all(is_cyrillic) && !all(|one| CYRILLIC_LIKE_LATIN.contains(one)))
}

fn is_number(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '-'
}

/// Without those that are drawn like others: ı, ĸ, ŉ and ſ.
fn is_latin(letter: char) -> bool {
    letter.is_ascii_lowercase()
        || (matches!(letter, '\u{DF}'..='\u{17F}')
            && letter.is_lowercase()
            && !matches!(letter, '\u{131}' | '\u{138}' | '\u{149}' | '\u{17F}'))
}

fn is_greek(letter: char) -> bool {
    matches!(letter, '\u{3AC}'..='\u{3CE}')
}

fn is_cyrillic(letter: char) -> bool {
    matches!(letter, '\u{430}'..='\u{45F}')
}

/// How an internationalised label begins, RFC 5890 section 2.3.2.5.
const A_LABEL: &str = "xn--";
const GREEK_LIKE_LATIN: &str = "αγικνορτυχωηρ";
const CYRILLIC_LIKE_LATIN: &str = "авгекмнопрстухьѕіјһ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_shown_where_nothing_else_could_be_meant() {
        let known = |text: &str| Domain::parse(text).unwrap().as_str().to_string();
        for (domain, is_shown) in [
            ("ours.example", true),
            ("räksmörgås.example", true),
            ("mail.åmål.example", true),
            ("ålesund-2.example", true),
            ("čáhci.example", true),
            ("müller.example", true),
            ("łódź.example", true),
            ("пример.example", true),
            ("παράδειγμα.example", true),
            // Mixed, and all of another script that looks like ours.
            ("ра\u{443}pal.example", false),
            ("раураӏ.example", false),
            ("соор.example", false),
            ("kıra.example", false),
            ("ärνa.example", false),
            // Right to left, and scripts that few here read.
            ("שלום.example", false),
            ("日本.example", false),
        ] {
            let known = known(domain);
            let want = if is_shown { domain } else { known.as_str() };
            assert_eq!(legible(&known), want, "{domain}");
            assert_eq!(legible(&format!("anna@{known}")), format!("anna@{want}"), "{domain}");
        }
    }

    #[test]
    fn each_label_is_judged_alone_and_what_is_no_domain_stays() {
        for (text, want) in [
            ("xn--ml-viac.xn--80ak6aa92e.example", "åmäl.xn--80ak6aa92e.example"),
            ("xn--zzzzzzzz9999.example", "xn--zzzzzzzz9999.example"),
            ("\"a@b\"@xn--rksmrgs-5wao1o.example", "\"a@b\"@räksmörgås.example"),
            ("anna@[192.0.2.1]", "anna@[192.0.2.1]"),
            ("Anna@Ours.example", "Anna@Ours.example"),
            ("no sender", "no sender"),
            ("", ""),
        ] {
            assert_eq!(legible(text), want, "{text}");
        }
    }
}
