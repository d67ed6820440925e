//! Pages that carry and hide things.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};
use data_encoding::BASE64;

fn read(page: &[u8]) -> Opened {
    open(page, &mut Budget::new(Bounds::default(), &Clock::system()))
}

fn holds(opened: &Opened, marker: &str) -> bool {
    opened
        .members
        .iter()
        .any(|member| memchr::memmem::find(&member.bytes, marker.as_bytes()).is_some())
}

fn ids(opened: &Opened) -> Vec<&'static str> {
    let mut ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
    ids.dedup();
    ids
}

const MARKER: &str = "MARKER-of-the-test";

#[test]
fn everything_that_is_carried() {
    let b64 = BASE64.encode(MARKER.as_bytes());
    let long = BASE64.encode(
        format!("{MARKER} and more words after it, so many that they fill a line").as_bytes(),
    );
    let (first, second) = long.split_at(40);
    let percent: String = MARKER.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let entities: String = MARKER.bytes().map(|byte| format!("&#{byte};")).collect();
    let mut missed = Vec::new();
    for page in [
        format!("<a href='data:text/plain;base64,{b64}' download='x.txt'>x</a>"),
        format!("<a href=\"data:text/html,{percent}\">x</a>"),
        format!("<img src=x style='background: url(data:a/b;base64,{b64})'>"),
        format!("<style>a {{ background: url(\"data:a/b;base64,{b64}\") }}</style>"),
        format!("<iframe src='DATA:text/html;base64,{b64}'></iframe>"),
        format!("<object data='data:text/html;base64,{b64}'></object>"),
        format!("<embed src='data:a/b;charset=x;base64,{b64}'>"),
        format!("<iframe srcdoc='&lt;p&gt;{MARKER}'></iframe>"),
        format!("<iframe><p>{MARKER}</iframe>"),
        format!("<script>x = 'data:a/b;base64,{b64}'</script>"),
        format!("<script src='data:text/javascript;base64,{b64}'></script>"),
        format!("<script>document.write(atob('{b64}'))</script>"),
        format!("<script>var a = '{b64}'</script><p><script>eval(atob(a))</script>"),
        format!("<script>document.write(atob('{b64}'))"),
        format!("<p onclick=\"f(atob('{b64}'))\">"),
        format!("<a href=\"javascript:f(atob('{b64}'))\">"),
        format!("<a href=\" java&#10;script:f(atob('{b64}'))\">"),
        format!("<div hidden id=x>{long}</div>"),
        format!("<div>{first}</div><div>{second}</div>"),
        format!("<!-- {long} -->"),
        format!("<textarea>{long}</textarea>"),
        format!("<p data-x='{b64}'>"),
        format!("<!--[if mso]><p>{MARKER}</p><![endif]-->"),
        format!("<meta http-equiv=refresh content='0;url=data:text/html;base64,{b64}'>"),
        format!("<?xml version='1.0'?><svg><script>eval('{entities}')</script></svg>"),
        format!("<svg><script><![CDATA[ f(atob('{b64}')) ]]></script></svg>"),
        format!("<svg><image xlink:href='data:a/b;base64,{b64}'/></svg>"),
        format!("<svg><foreignObject><iframe srcdoc='{MARKER}'></iframe></foreignObject></svg>"),
        "<!DOCTYPE svg [<!ENTITY a 'MARKER-of'><!ENTITY b '-the-test'>]><svg><text>&a;&b;</text></svg>".to_string(),
        "<script language=vbscript>document.write \"MARKER-\" & \"of-the\" & \"-test\"</script>".to_string(),
        format!("<script type='text/template'><p>{MARKER}</p></script>"),
    ] {
        if !holds(&read(page.as_bytes()), MARKER) {
            missed.push(page);
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    let utf16: Vec<u8> = "\u{feff}<script>f('MARKER-'+'of-the-test')</script>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(holds(&read(&utf16), MARKER));
}

#[test]
fn what_pages_do() {
    for (page, want) in [
        ("<p>hello</p><a href='https://a.example'>x</a>", &[][..]),
        ("<a href='search-ms:query=x&crumb=location:\\\\host'>", &["page.opens_program"]),
        ("<a href='file://host/share/x.lnk'>", &["page.opens_share"]),
        ("<iframe src='\\\\host\\x'></iframe>", &["page.opens_share"]),
        ("<a href='ms-word:ofe|u|http://a.example/x'>", &["page.opens_program"]),
        ("<form action='https://a.example/x'>", &["page.form_sends"]),
        ("<hta:application id=x>", &["page.application"]),
        ("<meta http-equiv=refresh content='0; url=https://a.example'>", &["page.refresh"]),
        ("<object classid='clsid:x'>", &["page.active_x"]),
        ("<img src='data:image/png;base64,iVBORw0KGgo='>", &[]),
        ("<a href='data:text/html,hello there'>", &["page.data_url"]),
        ("<!DOCTYPE html PUBLIC '-//W3C//DTD' 'http://x'><p>", &[]),
    ] {
        assert_eq!(ids(&read(page.as_bytes())), want, "{page}");
    }
    let opened = read(b"<a href='data:a/b;base64,TVqQAAMAAAAEAAAA' download='invoice.exe'>");
    assert_eq!(opened.members[0].name.as_deref(), Some("invoice.exe"));
    assert!(ids(&opened).contains(&"page.smuggles_file"));
}

#[test]
fn nothing_panics_and_nothing_explodes() {
    let whole = "<!DOCTYPE a [<!ENTITY b 'c'>]><a href='data:a/b;base64,QUJD' onclick='f(1)'><script>atob('QUJD')</script><!--[if x]><p><![endif]--><style>url(data:,x)</style>&b;";
    for end in 0..whole.len() {
        read(&whole.as_bytes()[..end]);
    }
    for page in [
        "<a href='data:".repeat(100_000),
        "<script>".repeat(100_000),
        "data:,".repeat(200_000),
        format!("<style>{}</style>", "data:".repeat(200_000)),
        format!("<p {}>", "a='data:,x' ".repeat(50_000)),
        "<p srcdoc='x'>".repeat(100_000),
    ] {
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        open(page.as_bytes(), &mut budget);
        assert!(budget.check_time().is_ok(), "{}", &page[..20]);
    }
}
