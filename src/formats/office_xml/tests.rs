//! Documents in XML by hand.

use super::*;
use crate::{
    base::clock::Clock,
    formats::{
        archive::zip::testing::{file, zip},
        budget::Bounds,
    },
};
use data_encoding::BASE64;

fn budget() -> Budget {
    Budget::new(Bounds::default(), &Clock::system())
}

fn ids(opened: &Opened) -> Vec<&'static str> {
    let mut ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
    ids.dedup();
    ids
}

fn member<'o>(opened: &'o Opened, name: &str) -> &'o str {
    let found = opened.members.iter().find(|member| member.name.as_deref() == Some(name));
    found.map(|member| str::from_utf8(&member.bytes).unwrap()).unwrap_or_default()
}

fn read(parts: &[(&str, &str)]) -> Opened {
    let types = ("[Content_Types].xml", "<Types/>");
    let files: Vec<_> =
        [&[types], parts].concat().iter().map(|(name, text)| file(name, text.as_bytes())).collect();
    open(&zip(&files), "a.docx", &mut budget())
}

#[test]
fn text_of_every_program() {
    for (part, xml, want) in [
        (
            "word/document.xml",
            "<w:document><w:p><w:r><w:t>mar</w:t></w:r>\n <w:r><w:rPr><w:b/></w:rPr><w:t>ker</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:document>",
            "marker\nb\n",
        ),
        ("odd/name", "<x:document><x:p><x:t>a</x:t></x:p></x:document>", "a\n"),
        (
            "word/comments.xml",
            "<w:comments><w:p><w:t>a &amp; b</w:t></w:p></w:comments>",
            "a & b\n",
        ),
        (
            "xl/sharedStrings.xml",
            "<sst><si><r><t>mar</t></r> <r><t>ker</t></r></si><si><t>b</t></si></sst>",
            "marker\nb\n",
        ),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet><row><c t='inlineStr'><is><t>in</t></is></c><c t='str'><v>line</v></c><c><v>12</v></c></row></worksheet>",
            "\tin\n\tline\t\n",
        ),
        (
            "ppt/slides/slide1.xml",
            "<p:sld><p:cNvPr descr='seen'/><a:p><a:r><a:t>mar</a:t></a:r><a:r><a:t>ker</a:t></a:r></a:p></p:sld>",
            "seen\nmarker\n",
        ),
        (
            "docProps/core.xml",
            "<cp:coreProperties><dc:title>t</dc:title><dc:creator>c</dc:creator></cp:coreProperties>",
            "t\nc\n",
        ),
        (
            "Documents/1/Pages/1.fpage",
            "<FixedPage><Glyphs UnicodeString='seen'/></FixedPage>",
            "seen\n",
        ),
        (
            "word/document.xml",
            "<!DOCTYPE a [<!ENTITY e 'ker'>]><w:document><w:t>mar&e;</w:t></w:document>",
            "marker",
        ),
    ] {
        assert_eq!(member(&read(&[(part, xml)]), "document.txt"), want, "{part}");
    }
    let utf16: Vec<u8> = "<w:document><w:t>wide</w:t></w:document>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let archive =
        zip(&[file("[Content_Types].xml", b"<Types/>"), file("word/document.xml", &utf16)]);
    assert_eq!(member(&open(&archive, "", &mut budget()), "document.txt"), "wide");
    let hidden = "<w:document><w:r><w:rPr><w:vanish/></w:rPr><w:t>h</w:t></w:r><w:r><w:t>s</w:t></w:r></w:document>";
    let opened = read(&[("word/document.xml", hidden)]);
    assert_eq!((member(&opened, "hidden.txt"), member(&opened, "document.txt")), ("h", "s"));
}

fn relation(kind: &str, target: &str, mode: &str) -> String {
    format!(
        "<Relationships><Relationship Id='r1' Type='http://x/relationships/{kind}' Target='{target}' TargetMode='{mode}'/></Relationships>"
    )
}

#[test]
fn what_documents_do() {
    let document = |inner: &str| format!("<w:document xmlns:w='x'>{inner}</w:document>");
    for (part, xml, want) in [
        ("word/_rels/settings.xml.rels", relation("attachedTemplate", "https://a.example/x.dotm", "External"), &["office.remote_template"][..]),
        ("word/_rels/settings.xml.rels", relation("attachedTemplate", "\\\\host\\x.dotm", "External"), &["office.remote_template"]),
        ("word/_rels/settings.xml.rels", relation("attachedTemplate", "file:///C:\\x\\Normal.dotm", "External"), &[]),
        ("word/_rels/document.xml.rels", relation("oleObject", "mhtml:http://a.example!x-usc:http://a.example", "External"), &["office.remote_object"]),
        ("word/_rels/document.xml.rels", relation("frame", "http://a.example", "External"), &["office.remote_content"]),
        ("word/_rels/document.xml.rels", relation("hyperlink", "http://a.example", "External"), &[]),
        ("word/_rels/document.xml.rels", relation("hyperlink", "ms-msdt:/id", "External"), &["office.opens_program"]),
        ("word/_rels/document.xml.rels", relation("aFChunk", "x.rtf", ""), &["office.alt_chunk"]),
        ("word/_rels/document.xml.rels", relation("vbaProject", "picture.jpg", ""), &["office.macro", "office.content_type_lies", ]),
        ("word/document.xml", document("<w:fldSimple w:instr='DDEAUTO cmd'/>"), &["office.dde"]),
        ("word/document.xml", document("<w:fldChar w:fldCharType='begin'/><w:instrText>DDE</w:instrText><w:b/><w:instrText>AUTO cmd /c</w:instrText><w:fldChar w:fldCharType='end'/>"), &["office.dde"]),
        ("xl/externalLinks/externalLink1.xml", "<externalLink><ddeLink ddeService='cmd' ddeTopic='/c x'/></externalLink>".to_string(), &["office.dde"]),
        ("xl/worksheets/sheet1.xml", "<worksheet><f>cmd|'/c x'!A0</f></worksheet>".to_string(), &["office.dde"]),
        ("xl/worksheets/sheet1.xml", "<worksheet><f>SUM(A1:A2)</f></worksheet>".to_string(), &[]),
        ("xl/macrosheets/sheet1.xml", "<xm:macrosheet><f>EXEC(\"x\")</f></xm:macrosheet>".to_string(), &["office.macro_formula", "office.macro"]),
        ("xl/workbook.xml", "<workbook><sheet name='a' state='veryHidden'/><definedName name='_xlnm.Auto_Open'>x!A1</definedName></workbook>".to_string(), &["office.very_hidden_sheet", "office.auto_run"]),
        ("customUI/customUI.xml", "<customUI onLoad='x'/>".to_string(), &["office.auto_run"]),
        ("word/vbaProject.bin", "x".to_string(), &["office.macro"]),
        ("word/activeX/activeX1.xml", "<ax/>".to_string(), &["office.active_x"]),
        ("ppt/slides/slide1.xml", "<sld><hlinkClick action='ppaction://program'/></sld>".to_string(), &["office.action_runs"]),
        ("word/document.xml", "<!DOCTYPE x>".to_string(), &["xml.entities"]),
    ] {
        assert_eq!(ids(&read(&[(part, &xml)])), want, "{part} {xml}");
    }
    let types = "<Types><Override PartName='/word/document.xml' ContentType='application/vnd.ms-word.document.macroEnabled.main+xml'/></Types>";
    let opened =
        open(&zip(&[file("[Content_Types].xml", types.as_bytes())]), "a.docx", &mut budget());
    assert_eq!(ids(&opened), ["office.macro_type", "office.content_type_lies"]);
}

fn open_document(content: &str) -> Opened {
    let content = format!("<office:document-content>{content}</office:document-content>");
    open(
        &zip(&[file("mimetype", b"x"), file("content.xml", content.as_bytes())]),
        "a.odt",
        &mut budget(),
    )
}

#[test]
fn open_documents() {
    let opened =
        open_document("<text:p>mar<text:span>ker</text:span><text:s/>x</text:p><text:h>b</text:h>");
    assert_eq!(member(&opened, "document.txt"), "marker x\nb\n");
    for (content, want) in [
        (
            "<script:event-listener script:event-name='dom:load' xlink:href='vnd.sun.star.script:x'/>",
            &["office.macro", "office.auto_run"][..],
        ),
        (
            "<draw:object xlink:href='http://a.example/x'/>",
            &["office.embedded_object", "office.remote_object"],
        ),
        ("<text:section-source xlink:href='http://a.example/x'/>", &["office.remote_content"]),
        ("<text:a xlink:href='http://a.example/x'>x</text:a>", &[]),
        ("<text:dde-connection-decl office:dde-application='cmd'/>", &["office.dde"]),
        ("<table:table-cell table:formula='of:=DDE(\"cmd\";\"/c x\";\"y\")'/>", &["office.dde"]),
        ("<draw:image xlink:href='Pictures/1.png'/>", &[]),
    ] {
        assert_eq!(ids(&open_document(content)), want, "{content}");
    }
    let manifest = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>";
    let archive =
        zip(&[file("mimetype", b"x"), file("META-INF/manifest.xml", manifest.as_bytes())]);
    assert_eq!(open(&archive, "", &mut budget()).stopped, Some(Stopped::Encrypted));
}

#[test]
fn documents_in_one_file() {
    let letters = BASE64.encode(b"the bytes of a part");
    let package = format!(
        "<?xml version='1.0'?><pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'>\
         <pkg:part pkg:name='/word/document.xml'><pkg:xmlData><w:document><w:p><w:t>mar</w:t><w:t>ker</w:t></w:p></w:document></pkg:xmlData></pkg:part>\
         <pkg:part pkg:name='/word/embeddings/x.bin'><pkg:binaryData>{letters}</pkg:binaryData></pkg:part>\
         <pkg:part pkg:name='/word/_rels/settings.xml.rels'><pkg:xmlData>{}</pkg:xmlData></pkg:part></pkg:package>",
        relation("attachedTemplate", "http://a.example", "External")
    );
    assert!(is_flat(package.as_bytes()));
    let opened = open_flat(package.as_bytes(), "", &mut budget());
    assert_eq!(member(&opened, "document.txt"), "marker\n");
    assert_eq!(member(&opened, "word/embeddings/x.bin"), "the bytes of a part");
    assert_eq!(ids(&opened), ["office.embedded_object", "office.remote_template"]);
    let word = format!(
        "<w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:docOleData><w:binData w:name='oledata.mso'>{letters}</w:binData></w:docOleData><w:p><w:t>a</w:t></w:p></w:wordDocument>"
    );
    let opened = open_flat(word.as_bytes(), "", &mut budget());
    assert_eq!(
        (member(&opened, "oledata.mso"), member(&opened, "document.txt")),
        ("the bytes of a part", "a\n")
    );
    let sheet = "<Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'><Row><Cell ss:Formula=\"=cmd|'/c x'!A0\" ss:HRef='http://a.example'><Data>seen</Data></Cell></Row></Workbook>";
    let opened = open_flat(sheet.as_bytes(), "", &mut budget());
    assert!(member(&opened, "document.txt").contains("seen"));
    assert_eq!((ids(&opened), opened.links.len()), (vec!["office.dde"], 1));
}

#[test]
fn a_macro_project_wrapped_as_active_mime() {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"the macro project").unwrap();
    let mso = [&b"ActiveMime"[..], &[0; 40], &encoder.finish().unwrap()].concat();
    let word = format!(
        "<w:wordDocument><w:binData w:name='editdata.mso'>{}</w:binData></w:wordDocument>",
        BASE64.encode(&mso)
    );
    let opened = open_flat(word.as_bytes(), "", &mut budget());
    assert_eq!(member(&opened, "editdata.mso.bin"), "the macro project");
    assert_eq!(ids(&opened), ["office.macro"]);
}

#[test]
fn nothing_panics() {
    let package = "<?xml?><pkg:package><pkg:part pkg:name='/word/document.xml'><pkg:xmlData><w:document><w:p><w:instrText>a</w:instrText><w:binData>QUJD</w:binData></w:p></w:document></pkg:xmlData></pkg:part>";
    for end in 0..package.len() {
        open_flat(&package.as_bytes()[..end], "", &mut budget());
    }
    let archive = zip(&[
        file("[Content_Types].xml", b"<Types/>"),
        file("word/document.xml", package.as_bytes()),
    ]);
    for end in 0..archive.len() {
        open(&archive[..end], "", &mut budget());
    }
}
