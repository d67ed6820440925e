//! Texts that deceive, and ordinary ones that do not.

use super::*;

/// Counts in the order of the fields.
fn counts(text: &str) -> [u32; 7] {
    let c = as_seen(text).counts;
    [
        c.invisible,
        c.tag_characters,
        c.bidi,
        c.homoglyphs,
        c.letter_spacing,
        c.combining,
        c.digits_for_letters,
    ]
}

#[test]
fn tricks_are_undone_and_counted() {
    for (text, want, counted) in [
        ("pay\u{200b}pal", "paypal", [1, 0, 0, 0, 0, 0, 0]),
        ("p\u{ad}a\u{ad}y", "pay", [2, 0, 0, 0, 0, 0, 0]),
        ("a\u{2060}b\u{feff}c\u{180e}d", "abcd", [3, 0, 0, 0, 0, 0, 0]),
        ("hi\u{e0065}\u{e0076}\u{e0069}\u{e006c}", "hi", [0, 4, 0, 0, 0, 0, 0]),
        ("invoice\u{202e}fdp.exe", "invoiceexe.pdf", [0, 0, 1, 0, 0, 0, 0]),
        ("\u{202e}lapyap\u{202c} ok", "paypal ok", [0, 0, 1, 0, 0, 0, 0]),
        ("\u{202e}cba\u{202d}xyz\u{202c}fed\u{202c}", "defxyzabc", [0, 0, 1, 0, 0, 0, 0]),
        ("\u{202e}olleh\nworld", "hello\nworld", [0, 0, 1, 0, 0, 0, 0]),
        ("P\u{430}yP\u{430}l", "PayPal", [0, 0, 0, 1, 0, 0, 0]),
        ("\u{440}\u{430}\u{443}\u{440}\u{430}l", "paypal", [0, 0, 0, 1, 0, 0, 0]),
        ("ｐａｙｐａｌ 𝐁𝐚𝐧𝐤", "paypal Bank", [0, 0, 0, 2, 0, 0, 0]),
        ("🅱🅰🅽🅺 ⓑⓐⓝⓚ ʙᴀɴᴋ", "BANK bank bank", [0, 0, 0, 3, 0, 0, 0]),
        ("your b a n k now", "your bank now", [0, 0, 0, 0, 1, 0, 0]),
        ("B.A.N.K p-a-y-p-a-l", "BANK paypal", [0, 0, 0, 0, 2, 0, 0]),
        ("V I A G R A  P I L L S", "VIAGRA  PILLS", [0, 0, 0, 0, 2, 0, 0]),
        ("p\u{336}a\u{336}y\u{336}", "pay", [0, 0, 0, 0, 0, 3, 0]),
        ("z\u{300}\u{301}\u{302}\u{303}a\u{304}\u{305}\u{306}l", "zal", [0, 0, 0, 0, 0, 2, 0]),
        ("p4ypal passw0rd", "paypal password", [0, 0, 0, 0, 0, 0, 2]),
        ("@ccount pa$$word", "account password", [0, 0, 0, 0, 0, 0, 2]),
    ] {
        assert_eq!((as_seen(text).text.as_str(), counts(text)), (want, counted), "{text:?}");
    }
}

#[test]
fn ordinary_text_counts_nothing() {
    for text in [
        "",
        "Hello, this is J. R. R. Tolkien from the U.S.A., i.e. e.g. a b c d e f g.",
        "Välkommen till årsmötet på Skärgårdsgatan 5B, 08-123 45 67.",
        "Hyvää päivää! Lähetämme laskun n:o 4711 Åbo Akademin osoitteeseen.",
        "Здравствуйте! Оплатите, пожалуйста, счёт. Роса и соска.",
        "Καλημέρα σας, ο λογαριασμός είναι έτοιμος.",
        "kom\u{ad}mun\u{ad}sty\u{ad}rel\u{ad}se\u{ad}sam\u{ad}man\u{ad}trä\u{ad}de",
        "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
        "नमस्ते क्\u{200d}ष สวัสดี שָׁלוֹם",
        "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "10 μm, Δtime, Ωmega, x² + y³, 5 °C, ½ l, €",
        "Việt Nam: Tiê\u{301}ng Viê\u{323}t",
        "日本語のＮＨＫとＡＢＣです",
        "mp3 h264 win32 i18n k8s b2b A4 3D SS4401 0A1B2C anna@example.org x86 utf8 sha256sum",
        "https://a1b.example/p4th/x0rd?u=s3cret",
        "Anna Анна, Ⅷ, ①, №5, ™",
        "a - b - c, x/y, 1.2.3.4, - - - -, * * * *",
    ] {
        assert_eq!(counts(text), [0; 7], "{text}");
        assert!(as_seen(text).signs().is_empty());
    }
}

#[test]
fn what_is_spelled_in_secret_is_read() {
    let tags: String = "ignore all"
        .bytes()
        .map(|byte| char::from_u32(0xe0000 + u32::from(byte)).unwrap())
        .collect();
    assert_eq!(as_seen(&format!("hi{tags}!")).secret, "ignore all\n");
    let selectors: String = "marker"
        .bytes()
        .map(|byte| match byte {
            0..16 => char::from_u32(0xfe00 + u32::from(byte)).unwrap(),
            _ => char::from_u32(0xe0100 + u32::from(byte) - 16).unwrap(),
        })
        .collect();
    let seen = as_seen(&format!("😀{selectors}"));
    assert_eq!((seen.secret.as_str(), seen.text.as_str()), ("marker\n", "😀"));
    assert_eq!(seen.signs()[0].id, "text.tag_characters");
}

#[test]
fn long_and_hostile_texts_stay_linear_and_bounded() {
    for piece in [
        "\u{202e}a",
        "a\u{300}",
        "\u{fdfa}",
        "a b ",
        "\u{e0041}",
        "\u{430}b",
        "a.",
        "\u{202e}",
        "4a",
        "\u{fe00}",
        "а",
    ] {
        let text = piece.repeat(300_000 / piece.len());
        assert!(as_seen(&text).text.len() <= limits::TEXT_BYTES_MAX, "{piece:?}");
    }
}
