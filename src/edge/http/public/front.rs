//! The public door: a page for whoever looks up the name of a mail gateway. It says what this is and whom to ask, and nothing of us:
//! no version, no configuration, no figures.

use super::sheet::preferred;
use crate::{
    edge::http::{Place, Route, assets::STAMP, frame::render},
    wire::report::Language,
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::open_page("/", "what this is, and whom to ask", || get(front)),
    Route::open_page("/robots.txt", "nothing here is for search engines", || get(robots)),
];

#[derive(Template)]
#[template(path = "front.html")]
struct FrontPage {
    stamp: &'static str,
    words: &'static Words,
    hostname: String,
}

/// The page in one language.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    language: &'static str,
    title: &'static str,
    what: &'static str,
    ask: &'static str,
    write: &'static str,
}

async fn front(State(site): State<Place>, asked: HeaderMap) -> Response {
    let wanted = asked.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let words = words_for(wanted.unwrap_or(""));
    let mut response =
        render(&FrontPage { stamp: STAMP.as_str(), words, hostname: site.hostname() });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(words.language));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    response
}

async fn robots() -> &'static str {
    "User-agent: *\nDisallow: /\n"
}

/// The page for a reader of these languages; in English for everybody else.
fn words_for(accept_language: &str) -> &'static Words {
    match preferred(accept_language).unwrap_or_default() {
        Language::En => &ENGLISH,
        Language::Sv => &SWEDISH,
        Language::Fi => &FINNISH,
        Language::Nb => &NORWEGIAN,
        Language::Da => &DANISH,
    }
}

const ENGLISH: Words = Words {
    language: "en",
    title: "This is a mail gateway",
    what: "Mail to and from the organisations behind it passes through here and is checked for malware and fraud. There is nothing to log in to on this page.",
    ask: "Was your mail refused, or is one missing?",
    write: "Write to postmaster@ followed by the domain that you wrote to, and quote the id that stands in the refusal. That address is always open.",
};

const SWEDISH: Words = Words {
    language: "sv",
    title: "Det här är en sluss för e-post",
    what: "E-post till och från organisationerna bakom den passerar här och kontrolleras mot skadlig kod och bedrägerier. På den här sidan finns inget att logga in på.",
    ask: "Har ditt mejl avvisats, eller saknar du ett?",
    write: "Skriv till postmaster@ följt av domänen som du skrev till, och uppge det id som står i avvisningen. Den adressen är alltid öppen.",
};

const FINNISH: Words = Words {
    language: "fi",
    title: "Tämä on sähköpostin yhdyskäytävä",
    what: "Sen takana olevien organisaatioiden sähköposti kulkee tästä, ja siitä tarkistetaan haittaohjelmat ja huijaukset. Tällä sivulla ei ole mitään, mihin kirjautua.",
    ask: "Hylättiinkö viestisi, tai puuttuuko sinulta viesti?",
    write: "Kirjoita osoitteeseen, jonka alku on postmaster@ ja loppu se verkkotunnus, johon kirjoitit, ja mainitse hylkäysilmoituksessa oleva tunniste (id). Osoite on aina avoinna.",
};

const NORWEGIAN: Words = Words {
    language: "nb",
    title: "Dette er en sluse for e-post",
    what: "E-post til og fra organisasjonene bak den passerer her og kontrolleres for skadevare og svindel. På denne siden er det ingenting å logge inn på.",
    ask: "Er e-posten din avvist, eller mangler du en?",
    write: "Skriv til postmaster@ etterfulgt av domenet du skrev til, og oppgi id-en som står i avvisningen. Den adressen er alltid åpen.",
};

const DANISH: Words = Words {
    language: "da",
    title: "Dette er en sluse for e-mail",
    what: "E-mail til og fra organisationerne bag den passerer her og kontrolleres for skadelig kode og svindel. På denne side er der intet at logge ind på.",
    ask: "Er din e-mail blevet afvist, eller mangler du en?",
    write: "Skriv til postmaster@ efterfulgt af det domæne, du skrev til, og oplys det id, der står i afvisningen. Den adresse er altid åben.",
};
