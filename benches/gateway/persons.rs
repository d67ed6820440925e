//! How fast personal data are looked for: in prose without digits, in ordinary mail, and in a sheet of ids; and what one mail costs.

use sluss::personal::{Date, Piece, PieceIs, Scope, Words, read, scan};
use std::time::{Duration, Instant};

const PROSE: &str = "Hej, jag tittade på det du skickade och det ser bra ut. Kan vi ses i början av veckan och gå igenom resten? Hälsningar, Anna\n";
const MAIL: &str = "Hej Bo,\n\nfaktura 20184466 på 12 400,00 kr förfaller 2026-12-15, OCR 8841220045. Ring 070-123 45 67 om något är oklart, \
    eller svara på ärende 2026-118823. Mötet är tisdag kl 09:15 i sal 4.\n\nHälsningar\nAnna\n\n> Från: Bo\n> Kan du skicka underlaget?\n";
const ROW: &str = "Anna Ek\t189001029819\tStorgatan 4\t903 26\tUmeå\n";

pub(crate) fn measure(lasts: Duration) {
    let words = Words::shipped().unwrap();
    let Some(today) = Date::new(2026, 11, 30) else { return };
    let scope = Scope::new(&words, today);
    let rows = [
        ("prose", PROSE.repeat(8_000), PieceIs::Text),
        ("ordinary mail", MAIL.repeat(3_000), PieceIs::Text),
        (
            "a sheet of ids",
            ["Namn\tPersonnummer\tGata\tNr\tOrt\n", &ROW.repeat(5_000)].concat(),
            PieceIs::Sheets,
        ),
    ];
    println!("\n| personal data | numbers alone, MB/s | all of it, MB/s |\n|---|---|---|");
    for (name, text, is) in &rows {
        let numbers = rate(lasts, text.len(), || {
            let mut found = Vec::new();
            scan(text, &scope, &mut found);
            found.len()
        });
        let piece = Piece { part: "1", text, is: *is };
        let all = rate(lasts, text.len(), || read(&[piece], &scope).lines.len());
        println!("| {name} | {numbers:.0} | {all:.0} |");
    }
    let piece = Piece { part: "1", text: MAIL, is: PieceIs::Text };
    let began = Instant::now();
    let mut mails = 0_u32;
    while began.elapsed() < lasts {
        assert!(read(&[piece], &scope).lines.is_empty());
        mails += 1;
    }
    println!(
        "\none mail of {} bytes: {:.1} µs",
        MAIL.len(),
        began.elapsed().as_secs_f64() * 1e6 / f64::from(mails)
    );
}

fn rate(lasts: Duration, bytes: usize, mut work: impl FnMut() -> usize) -> f64 {
    let began = Instant::now();
    let (mut rounds, mut found) = (0.0, 0);
    while began.elapsed() < lasts {
        found += work();
        rounds += 1.0;
    }
    std::hint::black_box(found);
    let megabytes = f64::from(u32::try_from(bytes).unwrap()) / 1e6;
    megabytes * rounds / began.elapsed().as_secs_f64()
}
