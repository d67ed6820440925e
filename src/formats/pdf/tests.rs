//! Whole files, built by hand: a body of objects is enough, since no table is believed.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};
use flate2::{Compression, write::ZlibEncoder};
use std::{io::Write, time::Duration};

fn opened(bytes: &[u8]) -> Opened {
    open(bytes, &[], &mut Budget::new(Bounds::default(), &Clock::system()))
}

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn hex(plain: &[u8]) -> Vec<u8> {
    let mut text = data_encoding::HEXLOWER.encode(plain).into_bytes();
    text.push(b'>');
    text
}

/// An object with a stream.
fn stream(number: u32, dict: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("{number} 0 obj<<{dict}/Length {}>>stream\n", content.len());
    [head.as_bytes(), content, b"\nendstream endobj\n"].concat()
}

fn pdf(body: &[&[u8]]) -> Vec<u8> {
    [b"%PDF-1.7\n", &body.concat()[..], b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n"].concat()
}

fn of(opened: &Opened, role: Role) -> Vec<String> {
    let members = opened.members.iter().filter(|member| member.role == role);
    members.map(|member| String::from_utf8_lossy(&member.bytes).into_owned()).collect()
}

fn signs(opened: &Opened) -> Vec<&'static str> {
    opened.signs.iter().map(|sign| sign.id).collect()
}

fn has(opened: &Opened, marker: &str) -> bool {
    opened.members.iter().any(|member| memmem::find(&member.bytes, marker.as_bytes()).is_some())
}

/// A page with this content and these fonts.
fn page(resources: &str, content: &[u8], more: &[u8]) -> Vec<u8> {
    let catalog = b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj ";
    let page = format!(
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R/Resources<<{resources}>>/Annots[20 0 R]>>endobj "
    );
    pdf(&[catalog, page.as_bytes(), &stream(4, "", content), more])
}

#[test]
fn scripts_wherever_they_stand() {
    let code = b"app.alert('MARKER')";
    let utf16: Vec<u8> =
        [0xfe, 0xff].into_iter().chain(code.iter().flat_map(|byte| [0, *byte])).collect();
    let octal: String = code.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let object = |written: &[u8]| [b"5 0 obj<</S/JavaScript/JS ", written, b">>endobj "].concat();
    let in_stream = object(b"6 0 R");
    let packed_object = packed(b"7 0 8 40 <</S/JavaScript/JS(app.alert('MARKER'))>>     (x)");
    for (what, body) in [
        ("plain", object(b"(app.alert\\('MARKER'\\))")),
        ("nested parentheses", object(b"(app.alert('MARKER'))")),
        ("line continued", object(b"(app.al\\\r\nert('MARKER'))")),
        ("octal", object(format!("({octal})").as_bytes())),
        ("hex", object(&[b"<", &hex(code)[..]].concat())),
        ("hex UTF-16", object(&[b"<", &hex(&utf16)[..]].concat())),
        ("reference", [object(b"9 0 R"), b"9 0 obj(app.alert('MARKER'))endobj".to_vec()].concat()),
        ("escaped name", b"5 0 obj<</S/Java#53cript/J#53(app.alert('MARKER'))>>".to_vec()),
        ("comment", b"5 0 obj<</JS%>>endobj\n(app.alert('MARKER'))>>".to_vec()),
        ("no end", b"5 0 obj[<</JS(app.alert('MARKER'))".to_vec()),
        ("no number", b"obj <</JS(app.alert('MARKER'))".to_vec()),
        ("import", b"5 0 obj<</FDF<</JavaScript<</After(app.alert('MARKER'))>>>>>>".to_vec()),
        ("nested", b"5 0 obj[[<</AA<</O<</S/JavaScript/JS(app.alert('MARKER'))>>>>>>]]".to_vec()),
        ("stream", [in_stream.clone(), stream(6, "", code)].concat()),
        ("packed", [in_stream.clone(), stream(6, "/Filter/FlateDecode", &packed(code))].concat()),
        ("chain", [in_stream.clone(), stream(6, "/Filter[/AHx/Fl]", &hex(&packed(code)))].concat()),
        (
            "filters elsewhere",
            [
                in_stream.clone(),
                stream(6, "/Filter 10 0 R", &packed(code)),
                b"10 0 obj[11 0 R]endobj 11 0 obj/FlateDecode endobj".to_vec(),
            ]
            .concat(),
        ),
        ("object stream", stream(6, "/Type/ObjStm/N 2/First 9/Filter/FlateDecode", &packed_object)),
        (
            "form in XML",
            [
                b"5 0 obj<</XFA[(a)6 0 R(b)10 0 R]>>endobj ".to_vec(),
                stream(6, "", b"<x><script>app.alert("),
                stream(10, "", b"&apos;MARKER')</script></x>"),
            ]
            .concat(),
        ),
    ] {
        let opened = opened(&pdf(&[&body]));
        assert_eq!(of(&opened, Role::Code), ["app.alert('MARKER')"], "{what}");
        assert!(signs(&opened).contains(&"pdf.javascript"), "{what}");
        assert_eq!(signs(&opened).contains(&"pdf.hex_names"), what == "escaped name", "{what}");
    }
}

#[test]
fn encrypted_scripts_come_out_in_clear() {
    let code = b"app.alert('MARKER')";
    let plain = b"6 0 obj<</JS(app.alert\\('plain'\\))>>endobj trailer<</Root 1 0 R>>";
    for (password, given, doubtful, want) in [
        ("", "", false, &["app.alert('MARKER')"][..]),
        ("secret", "secret", false, &["app.alert('MARKER')"]),
        ("secret", "", false, &[]),
        // A trailer without encryption: what it shows is read as well.
        ("", "", true, &["app.alert('MARKER')", "app.alert('plain')"]),
        ("secret", "", true, &["app.alert('plain')"]),
    ] {
        let (dict, _) = crypt::tests::locked(2, password.as_bytes());
        let lock =
            crypt::Crypt::open(&dict, b"id", &[password.to_owned()], &crypt::tests::budget());
        let script = crypt::tests::encrypted(&lock.unwrap(), code);
        let text = |key: &[u8]| {
            data_encoding::HEXLOWER.encode(dict.get(key).and_then(Object::as_text).unwrap())
        };
        let bytes = [
            &b"%PDF-1.4\n5 0 obj<</JS<"[..],
            &hex(&script),
            b">>endobj ",
            if doubtful { plain } else { b"" },
            b"trailer<</Root 1 0 R/ID[<6964>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<",
            text(b"O").as_bytes(),
            b">/U<",
            text(b"U").as_bytes(),
            b">>>>>",
        ]
        .concat();
        let passwords = [given.to_owned()];
        let budget = &mut Budget::new(Bounds::default(), &Clock::system());
        let opened = open(&bytes, &passwords, budget);
        let codes = of(&opened, Role::Code);
        for want in want {
            assert!(
                codes.iter().any(|code| code == want),
                "{password} {given} {doubtful}: {codes:?}"
            );
        }
        let opens = password == given;
        assert_eq!(opened.stopped == Some(Stopped::Encrypted), !opens);
        assert_eq!(signs(&opened).contains(&"pdf.password_protected"), !opens && !doubtful);
        assert_eq!(signs(&opened).contains(&"pdf.encrypted_open"), opens && password.is_empty());
        assert!(signs(&opened).contains(&"pdf.javascript"));
    }
}

#[test]
fn a_page_that_is_said_to_be_encrypted_and_can_be_read_is_read() {
    let line = "(Anna Berg, 850709-9805, is ill.) Tj 0 -14 Td ";
    let page = format!("BT /F1 12 Tf 72 720 Td {} ET", line.repeat(6));
    let (dict, _) = crypt::tests::locked(2, b"secret");
    let text = |key: &[u8]| {
        data_encoding::HEXLOWER.encode(dict.get(key).and_then(Object::as_text).unwrap())
    };
    let bytes = format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj \
         3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj \
         4 0 obj<</Length {}>>stream\n{page}\nendstream endobj 5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj \
         trailer<</Root 1 0 R/ID[<6964>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{}>/U<{}>>>>>",
        page.len(),
        text(b"O"),
        text(b"U"),
    );
    let text = of(&opened(bytes.as_bytes()), Role::Text).concat();
    assert!(text.contains("850709-9805"), "{text}");
}

#[test]
fn actions_and_links() {
    for (body, sign, because, link) in [
        ("<</OpenAction<</S/JavaScript/JS(x)>>>>", "pdf.open_action", "on opening: JavaScript", ""),
        (
            "<</OpenAction[3 0 R/Fit]/A<</S/URI/URI(http://a.example/)>>>>",
            "",
            "",
            "http://a.example/",
        ),
        (
            "<</AA<</O<</S/Launch/F(b.exe)>>>>>>",
            "pdf.open_action",
            "on showing a page: Launch",
            "b.exe",
        ),
        ("<</S/Launch/F(a.exe)>>", "pdf.launch", "a.exe", "a.exe"),
        ("<</S/Launch/Win<</F(cmd.exe)/P(/c calc)>>>>", "pdf.launch", "cmd.exe /c calc", ""),
        ("<</S/Launch/F<</UF(\\376\\377\\000a)>>>>", "pdf.launch", "a", "a"),
        (
            "<</S/SubmitForm/F<</FS/URL/F(https://s.example)>>>>",
            "pdf.submits_form",
            "https://s.example",
            "https://s.example",
        ),
        (
            "<</S/GoToR/F(\\\\\\\\h\\\\s\\\\a.pdf)/D[0]>>",
            "pdf.remote_go_to",
            "GoToR: \\\\h\\s\\a.pdf",
            "\\\\h\\s\\a.pdf",
        ),
        ("<</S/ImportData/F(a.fdf)>>", "pdf.remote_go_to", "ImportData: a.fdf", "a.fdf"),
        ("<</Type/Annot/Subtype/RichMedia>>", "pdf.rich_media", "RichMedia", ""),
    ] {
        let opened = opened(&pdf(&[b"1 0 obj", body.as_bytes(), b"endobj "]));
        let found = opened.signs.iter().any(|found| found.id == sign && found.because == because);
        assert!(found || sign.is_empty(), "{body}: {:?}", opened.signs);
        assert!(
            link.is_empty() || opened.links.iter().any(|found| found == link),
            "{body}: {:?}",
            opened.links
        );
    }
}

#[test]
fn embedded_files() {
    let spec = b"5 0 obj<</Type/Filespec/F(a.txt)/UF(invoice.js)/EF<</F 6 0 R/UF 6 0 R>>>>endobj ";
    let file =
        stream(6, "/Type/EmbeddedFile/Filter/FlateDecode", &packed(b"WScript.Echo('MARKER')"));
    let lonely = stream(7, "/Type/EmbeddedFile", b"MZ nobody names me");
    let opened = opened(&pdf(&[spec, &file, &lonely]));
    let files: Vec<_> = opened.members.iter().filter(|member| member.role == Role::File).collect();
    assert_eq!(files.len(), 2);
    assert_eq!(files[0].name.as_deref(), Some("invoice.js"));
    assert_eq!(files[0].bytes, b"WScript.Echo('MARKER')");
    assert_eq!(files[1].name, None);
    assert!(signs(&opened).contains(&"pdf.embedded_file"));
    assert!(signs(&opened).contains(&"pdf.embedded_file_runs"));
}

#[test]
fn pages_are_read() {
    let simple = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[1/H/e/l/o]>>>>>>";
    let composite = "/Font<</F<</Type/Font/Subtype/Type0/Encoding/Identity-H/ToUnicode 9 0 R>>>>";
    let cmap = stream(
        9,
        "",
        b"1 begincodespacerange<0000><ffff>endcodespacerange 1 beginbfrange<0001><0009><0061>endbfrange",
    );
    for (resources, content, seen, hidden) in [
        (simple, &b"BT/F 12 Tf(plain)Tj ET"[..], "plain", ""),
        (simple, b"BT/F 12 Tf(\\001\\002\\003\\003\\004)Tj ET", "Hello", ""),
        (simple, b"BT/F 12 Tf[(SE45)-50( 5000)-600(next)]TJ ET", "SE45 5000 next", ""),
        (simple, b"BT/F 12 Tf(one)' (two)' 1 1(three)\" ET", "one two three", ""),
        (simple, b"BT/F 12 Tf(one)Tj 0 -14 Td(two)Tj ET", "one\ntwo", ""),
        (simple, b"BT/F 12 Tf 3 Tr(ocr)Tj ET", "", "ocr"),
        (simple, b"BT/F 12 Tf 1 g(white)Tj 0 g(black)Tj ET", "black", "white"),
        (simple, b"0 g 0 0 9 9 re f BT/F 12 Tf 1 1 1 rg(on black)Tj ET", "on black", ""),
        (simple, b"BT/F 0 Tf(tiny)Tj ET", "", "tiny"),
        (simple, b"BT/F 12 Tf 0.01 0 0 0.01 5 5 Tm(tiny)Tj ET", "", "tiny"),
        (simple, b"q 1 g Q BT/F 12 Tf(black)Tj ET", "black", ""),
        (composite, b"BT/F 12 Tf<000100020003>Tj ET", "abc", ""),
        ("", b"BT/None 12 Tf(no font)Tj ET", "no font", ""),
        ("/XObject<</X 10 0 R>>", b"/X Do", "in a form", ""),
        ("", b"BI/W 1/H 1 ID \x00(Tj EI x)\nEI BT 1 0 0 1 0 0 Tm/F 9 Tf(after)Tj ET", "after", ""),
    ] {
        // A form that draws itself.
        let form = stream(
            10,
            "/Subtype/Form/Resources<</XObject<</X 10 0 R>>>>",
            b"/X Do BT/F 9 Tf(in a form)Tj ET /X Do",
        );
        let form = if resources.contains("XObject") { form } else { Vec::new() };
        let opened = opened(&page(resources, content, &[&cmap[..], &form].concat()));
        let text = |name: Option<&str>| {
            let member = opened
                .members
                .iter()
                .find(|member| member.role == Role::Text && member.name.as_deref() == name);
            member.map(|member| String::from_utf8_lossy(&member.bytes).trim().to_owned())
        };
        let content = String::from_utf8_lossy(content);
        assert_eq!(text(None).unwrap_or_default(), seen, "{content}");
        assert_eq!(text(Some("hidden")).unwrap_or_default(), hidden, "{content}");
    }
}

#[test]
fn forms_annotations_and_titles_are_text() {
    let opened = opened(&pdf(&[
        b"5 0 obj<</FT/Tx/T(a)/V(FIELD)>>endobj 6 0 obj<</Subtype/Text/Contents<feff004e006f00740065>>>endobj ",
        b"7 0 obj<</Title(TITLE)>>endobj ",
        &stream(8, "/Subtype/Form", b"BT/F 9 Tf(APPEARANCE)Tj ET"),
    ]));
    for word in ["FIELD", "Note", "TITLE", "APPEARANCE"] {
        assert!(of(&opened, Role::Text).iter().any(|text| text.contains(word)), "{word}");
    }
}

#[test]
fn everything_is_read_wherever_it_stands() {
    let marked = stream(5, "/Filter/FlateDecode", &packed(b"MARKER"));
    let after = pdf(&[b"1 0 obj 1 endobj "]);
    let length_lies = stream(9, "", &[&b"x "[..], &marked].concat());
    for (what, bytes) in [
        ("plain", pdf(&[&marked])),
        ("two revisions", pdf(&[&marked, b"%%EOF\n", &stream(5, "", b"other")])),
        ("two files", [pdf(&[&marked]), after.clone()].concat()),
        ("no header", marked.clone()),
        ("header late", [&b"x".repeat(900)[..], &pdf(&[&marked])].concat()),
        ("no endobj", pdf(&[b"4 0 obj<</A 1>>", &marked])),
        ("in a stream", pdf(&[&length_lies])),
        ("broken object", pdf(&[b"x<<)stream\n", &packed(b"MARKER"), b"endstream"])),
        ("no endstream", [b"5 0 obj<</Filter/Fl>>stream\n", &packed(b"MARKER")[..]].concat()),
        (
            "wrong length",
            pdf(&[b"5 0 obj<</Length 2/Filter/Fl>>stream\r\n", &packed(b"MARKER"), b"\nendstream"]),
        ),
        ("behind", [&after[..], b"\nMARKER and so on and on"].concat()),
        ("in front", [b"#!/bin/sh\necho MARKER\n", &after[..]].concat()),
        ("a hex string", pdf(&[b"5 0 obj <4d41 524b4552> endobj"])),
    ] {
        assert!(has(&opened(&bytes), "MARKER"), "{what}");
    }
    let revised = opened(&[pdf(&[&marked]), pdf(&[&marked])].concat());
    assert!(signs(&revised).contains(&"pdf.several_revisions"));
}

#[test]
fn old_revisions_of_a_page_are_text_too() {
    let first = page("", b"BT/F 9 Tf(PAY ME)Tj ET", b"");
    let bytes = [&first[..], &stream(4, "", b"BT/F 9 Tf(harmless)Tj ET")].concat();
    let text = of(&opened(&bytes), Role::Text).concat();
    assert!(text.contains("PAY ME") && text.contains("harmless"), "{text}");
}

#[test]
fn a_picture_with_a_link_over_it_is_a_lure() {
    let picture = stream(8, "/Subtype/Image/Filter/DCTDecode", b"\xff\xd8\xff\xe0 jpeg");
    let link =
        b"20 0 obj<</Subtype/Link/Rect[5 5 95 95]/A<</S/URI/URI(https://x.example/)>>>>endobj ";
    let more = [&picture[..], link].concat();
    let opened = opened(&page("/XObject<</X 8 0 R>>", b"/X Do", &more));
    assert!(signs(&opened).contains(&"pdf.link_only"));
    let name = |member: &Member| member.name.as_deref() == Some("object 8.jpg");
    assert!(opened.members.iter().any(|member| name(member) && member.role == Role::Inside));
    assert_eq!(opened.links, ["https://x.example/"]);
}

#[test]
fn raw_pictures_become_png() {
    let dict = "/Subtype/Image/Width 16/Height 16/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/FlateDecode";
    let opened = opened(&pdf(&[&stream(5, dict, &packed(&[0x55; 32]))]));
    let png = opened.members.iter().find(|member| member.bytes.starts_with(b"\x89PNG")).unwrap();
    assert_eq!(png.bytes.get(16..24), Some(&[0, 0, 0, 16, 0, 0, 0, 16][..]));
}

#[test]
fn odd_filters_are_named() {
    let many = opened(&pdf(&[&stream(5, "/Filter[/AHx/AHx/AHx/AHx]", b"41>")]));
    assert!(signs(&many).contains(&"pdf.filters_many"));
    let unknown = opened(&pdf(&[&stream(5, "/Filter/Own", b"bytes")]));
    assert!(
        unknown.members.iter().any(|member| member.stopped.is_some() && member.bytes == b"bytes")
    );
}

#[test]
fn nothing_is_no_pdf() {
    for bytes in [&b""[..], b"%PDF-1.4", b"hello"] {
        assert!(matches!(opened(bytes).stopped, Some(Stopped::Damaged(_))));
    }
}

#[test]
fn cut_anywhere_nothing_breaks() {
    let file = page(
        "/Font<</F<</Subtype/Type0/Encoding/Identity-H/ToUnicode 9 0 R/DescendantFonts[<</W[1[2 3]4 5 6]>>]>>>>/XObject<</X 8 0 R>>",
        b"q BT/F 12 Tf[(ab)-300<0102>]TJ ET Q BI/W 9/H 9 ID xxx EI /X Do",
        &[
            stream(9, "", b"1 beginbfrange<0001><0009><0061>endbfrange 1 beginbfchar<01><02>endbfchar"),
            stream(8, "/Subtype/Image/Width 16/Height 16/Filter[/AHx/Fl]/DecodeParms[null<</Predictor 12/Columns 2>>]", &hex(&packed(&[2; 90]))),
            stream(6, "/Type/ObjStm/N 1/First 4", b"7 0 <</JS(x)/XFA(<x><script>y</script>)/EF<</F 6 0 R>>>>"),
            b"<</Encrypt<</Filter/Standard/V 1/R 2/O(x)/U(y)>>>>".to_vec(),
        ]
        .concat(),
    );
    for end in 0..=file.len() {
        let _ = opened(&file[..end]);
        let mut broken = file.clone();
        if let Some(byte) = broken.get_mut(end) {
            *byte = byte.wrapping_add(13);
        }
        let _ = opened(&broken);
    }
}

#[test]
fn bombs_end_in_time() {
    let zeros = packed(&vec![0; 8 << 20]);
    let layers = packed(&packed(&zeros.repeat(4)));
    let tree = |kids: &str| {
        format!("1 0 obj<</Pages 2 0 R>>endobj 2 0 obj<</Kids[{kids}]/Parent 2 0 R>>endobj ")
    };
    let many: String =
        (0..100_000).map(|number| format!("{number} 0 obj<</A {number} 0 R>>endobj\n")).collect();
    let form = |number: u32| {
        let next = number + 1;
        let draws = "/X Do ".repeat(10);
        stream(
            number,
            &format!("/Subtype/Form/Resources<</XObject<</X {next} 0 R>>>>"),
            draws.as_bytes(),
        )
    };
    let forms: Vec<u8> = (10..40).flat_map(form).collect();
    let same = b"9 0 obj(long text)endobj ".to_vec();
    let copies: String = (10..50_000)
        .map(|number| format!("{number} 0 obj<</JS 9 0 R/V 9 0 R/XFA 9 0 R>>endobj "))
        .collect();
    for (what, body) in [
        ("layers", stream(5, "/Filter[/Fl/Fl/Fl/Fl]", &layers)),
        ("zeros", stream(5, "/Filter/Fl", &zeros).repeat(100)),
        ("circle of pages", tree("2 0 R 2 0 R 1 0 R").into_bytes()),
        ("objects", many.into_bytes()),
        ("forms", forms),
        ("copies", [same, copies.into_bytes()].concat()),
        (
            "columns",
            stream(
                5,
                "/Filter/Fl/DecodeParms<</Predictor 15/Columns 2000000000/Colors 99999>>",
                &zeros,
            ),
        ),
        ("nesting", b"5 0 obj".iter().copied().chain(b"[<</A".repeat(300_000)).collect()),
        ("open strings", b"5 0 obj(".repeat(200_000)),
        ("streams", b"5 0 obj<</Filter/Fl>>stream\n".repeat(50_000)),
        (
            "references",
            b"5 0 obj 6 0 R endobj 6 0 obj 5 0 R endobj 7 0 obj<</JS 5 0 R/Length 6 0 R>>stream\n"
                .to_vec(),
        ),
    ] {
        let clock = Clock::system();
        let _ = opened(&pdf(&[&body]));
        let took = clock.tick().0;
        assert!(took < Duration::from_secs(9), "{what}: {took:?}");
    }
}
