//! A digest as a page for mail programs: tables and inline styles, so that nothing but its look in the dark depends on a style sheet, and
//! nothing at all on pictures. Buttons are 44 pixels high and text 16, for thumbs and eyes of every age.

use super::digest::{
    Digest, Question, Row, Sections, Seen, address_of, closing, escaped, footer, opening, shown,
};
use std::fmt::Write;

/// The page of a digest whose subject this is.
pub(super) fn write(digest: &Digest, subject: &str) -> String {
    let mut page = String::with_capacity(16_384);
    let language = digest.words.language().code();
    let _infallible = writeln!(
        page,
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no, url=no\">\n\
         <title>{}</title>\n<style>{}</style>\n</head>\n\
         <body class=\"ground\" style=\"margin:0;padding:0;background:#ffffff;color:{INK};{FONT}\">\n\
         <div role=\"main\">\n<table role=\"presentation\" {TABLE} class=\"ground\" style=\"background:#ffffff\">\n\
         <tr><td align=\"center\" style=\"padding:16px 12px\">\n\
         <!--[if mso]><table role=\"presentation\" width=\"600\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td><![endif]-->\n\
         <table role=\"presentation\" {TABLE} style=\"max-width:600px;text-align:left\">",
        escaped(subject),
        dark(digest)
    );
    let accent = accent(digest);
    let name = format!(
        "<div class=\"name\" style=\"color:{accent};border-bottom:3px solid {accent};padding:0 0 8px 0;font-weight:bold\">{}</div>",
        escaped(&shown(digest.organisation))
    );
    line(&mut page, "", "0 0 16px 0", &name);
    let heading = format!("<h1 style=\"margin:0;{HEADING}\">{}</h1>", escaped(subject));
    line(&mut page, "", "0 0 8px 0", &heading);
    line(&mut page, "", "0 0 16px 0", &escaped(&opening(digest)));
    rows(digest, &mut page);
    for sentence in closing(digest) {
        line(&mut page, "", "4px 0", &escaped(&sentence));
    }
    if let Some(own_page) = digest.own_page {
        // 10 + 24 + 10 = 44 pixels, for thumbs.
        let own_page = format!(
            "<a class=\"name\" href=\"{}\" style=\"display:inline-block;padding:10px 0;color:{accent}\">{}</a>",
            escaped(own_page),
            escaped(&digest.words.say("tap.own-page", &[]))
        );
        line(&mut page, "", "0", &own_page);
    }
    line(&mut page, "", "8px 0", &format!("<div {RULE}>&nbsp;</div>"));
    for sentence in footer(digest) {
        line(&mut page, "faint", "4px 0", &escaped(&sentence));
    }
    help(digest, &mut page);
    page.push_str(
        "</table>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr>\n</table>\n</div>\n</body>\n</html>\n",
    );
    page
}

/// Whom people ask, and where they read more.
fn help(digest: &Digest, page: &mut String) {
    let (words, accent) = (digest.words, accent(digest));
    let link = |link: &str, label: &str| {
        format!(
            "<a class=\"name\" href=\"{}\" style=\"color:{accent}\">{}</a>",
            escaped(link),
            escaped(label)
        )
    };
    if let Some((contact, leads)) = digest.look.contact {
        let ask = escaped(&words.say("brand.ask", &[]));
        line(page, "faint", "4px 0", &format!("{ask} {}", link(leads, contact)));
    }
    if let Some(url) = digest.look.help {
        line(page, "faint", "4px 0", &link(url, &words.say("brand.help", &[])));
    }
}

fn accent<'a>(digest: &Digest<'a>) -> &'a str {
    digest.look.colours.map_or(ACCENT, |(light, _)| light)
}

/// The one style sheet: what programs that know the dark show in it.
fn dark(digest: &Digest) -> String {
    let accent = digest.look.colours.map_or(ACCENT_DARK, |(_, dark)| dark);
    format!(
        ":root{{color-scheme:light dark;supported-color-schemes:light dark}}\
         @media (prefers-color-scheme:dark){{.ground{{background:#15181c!important;color:#e8eaed!important}}\
         .ground td{{color:#e8eaed!important}}.ground .faint{{color:#a9b1bb!important}}\
         .rule{{border-color:#3a414b!important}}.card{{border-color:#3a414b!important;background:#1c2026!important}}.asks{{border-left-color:{accent}!important}}\
         .ground .name{{color:{accent}!important;border-color:{accent}!important}}\
         .first{{background:{accent}!important;border-color:{accent}!important;color:#10151c!important}}\
         .other{{background:#343b45!important;border-color:#343b45!important;color:#e8eaed!important}}}}"
    )
}

fn rows(digest: &Digest, page: &mut String) {
    let both = has_sections(digest);
    let Sections { asked, waiting } = Sections::of(digest);
    let section = |page: &mut String, words: Option<String>| {
        if let Some(words) = words.filter(|_| both) {
            let heading = format!("<h2 style=\"margin:0;{HEADING}\">{}</h2>", escaped(&words));
            line(page, "", "8px 0 10px 0", &heading);
        }
    };
    section(page, asked);
    for question in digest.questions {
        card(page, Some(accent(digest)), &question_in(digest, question));
    }
    let (refused, held): (Vec<&Row>, Vec<&Row>) = digest.rows.iter().partition(|row| row.refused);
    for row in refused {
        card(page, Some(accent(digest)), &row_in(digest, row));
    }
    section(page, waiting);
    for row in held {
        card(page, None, &row_in(digest, row));
    }
}

/// A heading over the only section says nothing that the first one did not.
fn has_sections(digest: &Digest) -> bool {
    let Sections { asked, waiting } = Sections::of(digest);
    asked.is_some() && waiting.is_some()
}

/// Headings follow each other without a gap, for those who hear them.
fn level(digest: &Digest) -> &'static str {
    if has_sections(digest) { "h3" } else { "h2" }
}

/// A line of the page; `inside` is escaped already.
fn line(page: &mut String, class: &str, padding: &str, inside: &str) {
    let ink = if class == "faint" { FAINT } else { INK };
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _infallible = writeln!(
        page,
        "<tr><td{class} style=\"padding:{padding};color:{ink};{FONT}\">{inside}</td></tr>"
    );
}

/// A box round what belongs together; what asks something has a broad edge in this colour.
fn card(page: &mut String, edge: Option<&str>, inside: &str) {
    let (class, edge) = match edge {
        Some(accent) => ("card asks", format!("border-left:5px solid {accent};")),
        None => ("card", String::new()),
    };
    let _infallible = writeln!(
        page,
        "<tr><td style=\"padding:0 0 12px 0\">\n<table role=\"presentation\" {TABLE} class=\"{class}\" \
         style=\"border:1px solid {LINE};{edge}border-radius:10px;border-collapse:separate;table-layout:fixed\">\n\
         <tr><td style=\"padding:14px 16px 6px 16px;color:{INK};{FONT}{BREAK}\">\n{inside}</td></tr>\n</table>\n</td></tr>"
    );
}

fn row_in(digest: &Digest, row: &Row) -> String {
    let seen = Seen::of(digest, row);
    let mut inside = String::new();
    if let Some(remark) = &seen.remark {
        let _infallible = writeln!(
            inside,
            "<div style=\"padding:0 0 8px 0\"><strong>{}</strong></div>",
            escaped(remark)
        );
    }
    head_of_mail(
        &mut inside,
        level(digest),
        (Some(row.line), &seen.subject),
        (&seen.name, &seen.address),
    );
    if let Some(attached) = &seen.attached {
        let _infallible = writeln!(inside, "<div dir=\"auto\">{}</div>", escaped(attached));
    }
    let _infallible = writeln!(
        inside,
        "<div style=\"padding:6px 0 0 0\">{}</div>\n<div class=\"faint\" style=\"color:{FAINT}\">{} &middot; {}</div>",
        escaped(&seen.reason),
        escaped(&seen.came),
        escaped(&seen.deleted)
    );
    let buttons = row.buttons.iter().enumerate().map(|(place, one)| {
        button((place == 0).then(|| accent(digest)), &one.link, &one.kind.said(digest.words))
    });
    let _infallible = writeln!(
        inside,
        "<div style=\"padding:12px 0 0 0\">\n{}</div>",
        buttons.collect::<String>()
    );
    inside
}

fn question_in(digest: &Digest, question: &Question) -> String {
    let words = digest.words;
    let who = shown(&question.who);
    let mut inside = String::new();
    let _infallible = writeln!(
        inside,
        "<div><strong>{}</strong></div>\n<div dir=\"auto\" style=\"padding:0 0 8px 0\">{}</div>",
        escaped(&words.say("digest.asks", &[("who", &who)])),
        escaped(&words.say("digest.asks-why", &[("why", &question.why_shown())])),
    );
    let subject = question.subject_shown(words);
    let address = address_of(words, &question.address);
    let sender = (shown(&question.name), address);
    head_of_mail(&mut inside, level(digest), (None, &subject), (&sender.0, &sender.1));
    let came = words.say("digest.came", &[("when", &words.moment(question.came, digest.zone))]);
    let _infallible =
        writeln!(inside, "<div class=\"faint\" style=\"color:{FAINT}\">{}</div>", escaped(&came));
    if let Some(link) = &question.link {
        let answer = button(Some(accent(digest)), link, &words.say("digest.answer", &[]));
        let _infallible = writeln!(
            inside,
            "<div style=\"padding:12px 0 0 0\">\n{answer}</div>\n<div class=\"faint\" style=\"color:{FAINT};padding:0 0 8px 0\">{}</div>",
            escaped(&question.number_said(words))
        );
    }
    inside
}

/// Number, if it has one, and subject, and who wrote it. A stranger's letters that run from right to left turn nothing but themselves.
fn head_of_mail(
    inside: &mut String,
    level: &str,
    (number, subject): (Option<u32>, &str),
    (name, address): (&str, &str),
) {
    let number = number.map(|number| format!("{number}.&nbsp; ")).unwrap_or_default();
    let _infallible = writeln!(
        inside,
        "<{level} style=\"margin:0;font-size:17px;line-height:24px;font-weight:bold\">{number}<span dir=\"auto\">{}</span></{level}>",
        escaped(subject)
    );
    if !name.is_empty() {
        let _infallible =
            writeln!(inside, "<div><span dir=\"auto\">{}</span></div>", escaped(name));
    }
    let _infallible = writeln!(
        inside,
        "<div class=\"faint\" style=\"color:{FAINT};word-break:break-all\">&lt;<span dir=\"ltr\">{}</span>&gt;</div>",
        escaped(address)
    );
}

/// The border is the button's body: Outlook draws borders of a link where it leaves out padding. 12 + 20 + 12 = 44 pixels.
fn button(first: Option<&str>, link: &str, label: &str) -> String {
    let (class, ground, ink) = match first {
        Some(accent) => ("first", accent, "#ffffff"),
        None => ("other", "#e9edf2", INK),
    };
    format!(
        "<a class=\"{class}\" href=\"{}\" style=\"display:inline-block;background:{ground};color:{ink};border-style:solid;\
         border-color:{ground};border-width:12px 14px;border-radius:8px;margin:0 8px 10px 0;min-width:44px;text-align:center;\
         text-decoration:none;font-weight:bold;font-size:16px;line-height:20px\">{}</a>\n",
        escaped(link),
        escaped(label)
    )
}

const TABLE: &str = "width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"";
const FONT: &str = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:24px;";
const HEADING: &str = "font-size:20px;line-height:28px;font-weight:bold";
const BREAK: &str = "overflow-wrap:anywhere;word-break:break-word";
const RULE: &str =
    "class=\"rule\" style=\"border-top:1px solid #d9dde3;font-size:1px;line-height:1px\"";
const INK: &str = "#1b1f24";
const FAINT: &str = "#57606a";
const LINE: &str = "#d9dde3";
const ACCENT: &str = "#0b57d0";
const ACCENT_DARK: &str = "#8ab4f8";
