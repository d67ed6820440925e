//! Scripts that hide their words.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};
use data_encoding::{BASE64, HEXLOWER};

fn read(script: &str, name: &str) -> Opened {
    open(script.as_bytes(), name, &mut Budget::new(Bounds::default(), &Clock::system()))
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

fn codes(text: &str) -> String {
    text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",")
}

fn escaped(text: &str, before: &str) -> String {
    text.bytes().map(|byte| format!("{before}{byte:02x}")).collect()
}

#[test]
fn javascript_puts_it_together() {
    let b64 = BASE64.encode(MARKER.as_bytes());
    let twice = BASE64.encode(b64.as_bytes());
    let hex = HEXLOWER.encode(MARKER.as_bytes());
    let reversed: String = MARKER.chars().rev().collect();
    let b64_reversed: String = b64.chars().rev().collect();
    let filled: String = MARKER.chars().flat_map(|letter| [letter, '$', '#']).collect();
    let (first, second) = b64.split_at(9);
    let xored: Vec<u8> = MARKER.bytes().map(|byte| byte ^ 42).collect();
    let keyed: Vec<u8> = MARKER.bytes().zip("secret".bytes().cycle()).map(|(a, b)| a ^ b).collect();
    let shifted = MARKER.bytes().map(|byte| (byte + 3).to_string()).collect::<Vec<_>>().join(",");
    let mut missed = Vec::new();
    let list = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    for script in [
        "var a = 'MARKER-'+\"of-\" + `the-test`;".to_string(),
        "var a = 'MARKER-of';\nvar b = a + '-the-' + 'test'; eval(b)".to_string(),
        "let a = ''; a += 'MARKER-of'; a += '-the-test'; document.write(a)".to_string(),
        "a = ''; a = a + 'MARKER-of'; a = a + '-the-test'; f(a)".to_string(),
        format!("document.write(atob('{b64}'))"),
        format!("window['at'+'ob']('{first}' + '{second}')"),
        format!("eval(atob(atob('{twice}')))"),
        format!("var x = '{b64}'; var y = atob(x); var blob = new Blob([y], {{type: 'a/b'}})"),
        format!("x('{b64}')"),
        format!("f('{b64_reversed}'.split('').reverse().join(''))"),
        format!("f('{b64_reversed}')"),
        format!("f('{hex}')"),
        format!("f('{reversed}'.split(\"\").reverse().join(\"\"))"),
        format!("f('{filled}'.replace(/\\$#/g, ''))"),
        format!("f('{filled}'.replace(/[$#]/g, ''))"),
        format!("f('{filled}'.split('$#').join(''))"),
        format!("f('{filled}'.replaceAll('$#', ''))"),
        format!("document.write(unescape('{}'))", escaped(MARKER, "%")),
        format!("document.write(unescape('{}'))", escaped(MARKER, "%u00")),
        format!("eval('{}')", escaped(MARKER, "\\x")),
        format!("eval(\"{}\")", escaped(MARKER, "\\u00")),
        format!("eval(String.fromCharCode({}))", codes(MARKER)),
        format!("eval(String.fromCharCode.apply(null, [{}]))", codes(MARKER)),
        format!("eval(String.fromCharCode(...[{}]))", codes(MARKER)),
        format!("var d = new Uint8Array([{}]);", codes(MARKER)),
        format!("new Blob([new Uint8Array([{}])]);", codes(MARKER)),
        format!("var d = [{}].map(c => String.fromCharCode(c)).join('')", codes(MARKER)),
        format!("'{}'.split(',').map(function(c) {{ return String.fromCharCode(c); }})", codes(MARKER)),
        format!("var a=[{}];for(i in a){{b[i]=a[i]^42}}", list(&xored)),
        format!("var a=[{}];for(i in a){{b+=String.fromCharCode(a[i] ^ k.charCodeAt(i % k.length))}};var k='secret'", list(&keyed)),
        format!("var a=[{shifted}];for(i in a){{b+=String.fromCharCode(a[i]-3)}}"),
        format!("Buffer.from('{b64}', 'base64')"),
        format!("f(decodeURIComponent('{}'))", escaped(MARKER, "%")),
        "var p = ['MARKER', '-of-', 'the', '-test']; f(p.join(''))".to_string(),
        "var p = ['-test', 'MARKER', '-of-the']; f(p[1] + p[2] + p[0])".to_string(),
        "f('MARKER'.concat('-of-', 'the-test'))".to_string(),
        "var t = 'the'; f(`MARKER-of-${t}-test`)".to_string(),
        "eval(function(p,a,c,k,e,d){return p}('0-1-2-3',10,4,'MARKER|of|the|test'.split('|'),0,{}))".to_string(),
        "f(x, 'MARKER-' + 'of-the-' + 'test', y)".to_string(),
        "if (a) { b = c ? 'MARKER-' + 'of-the-test' : 'x' }".to_string(),
        "a = unknown + 'MARKER-' + 'of-the-test'".to_string(),
        "a = 'MARKER-' + // comment\n 'of-the-' /* c */ +\n 'test'".to_string(),
        format!("a = '{}'", BASE64.encode(&MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())),
    ] {
        if !holds(&read(&script, "a.js"), MARKER) {
            missed.push(script);
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn vbscript_and_powershell_put_it_together() {
    let mut missed = Vec::new();
    let b64 = BASE64.encode(MARKER.as_bytes());
    let reversed: String = MARKER.chars().rev().collect();
    let chr = MARKER.bytes().map(|byte| format!("Chr({byte})")).collect::<Vec<_>>().join(" & ");
    let hex = MARKER.bytes().map(|byte| format!("ChrW(&H{byte:x})")).collect::<Vec<_>>().join("&");
    let chars = MARKER.bytes().map(|byte| format!("[char]{byte}")).collect::<Vec<_>>().join("+");
    let wide =
        BASE64.encode(&MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    for (name, script) in [
        ("a.vbs", "Dim a\na = \"MARKER-\" & \"of-the\" & \"-test\" ' comment".to_string()),
        ("a.vbs", format!("Execute({chr})")),
        ("a.vbs", format!("x = {hex}")),
        ("a.vbs", format!("x = StrReverse(\"{reversed}\")")),
        ("a.vbs", "x = Replace(\"MARKERQQ-of-QQthe-test\", \"QQ\", \"\")".to_string()),
        ("a.vbs", format!("x = Join(Array({}), \"\")", MARKER.chars().map(|c| format!("\"{c}\"")).collect::<Vec<_>>().join(","))),
        ("a.ps1", "$a = 'MARKER-'\n$b = $a + 'of-the-test'\niex $b".to_string()),
        ("a.ps1", format!("iex ({chars})")),
        ("a.ps1", format!("[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{b64}'))")),
        ("a.ps1", "iex (\"{1}{0}\" -f 'the-test','MARKER-of-')".to_string()),
        ("a.ps1", "('MARKER','-of-','the-test') -join ''".to_string()),
        ("a.ps1", "'MARKERzz-ofzz-the-test' -replace 'zz',''".to_string()),
        ("a.ps1", "\"MAR`KER-o`f-the-test\"".to_string()),
        ("a.bat", format!("powershell -nop -eNc {wide}")),
        ("a.bat", format!("powershell -e^nc {wide}")),
        ("a.cmd", "@echo off\nset a=KER-of\nset b=MAR\necho %b%%a%-the-test %a:~0,1%%a:~1,1%%a:~2,1%%b:~0,1%".to_string()),
        ("a.cmd", "@echo off\ne^c^h^o M^A^R^K^E^R^-^o^f-t^he-te^st".to_string()),
        ("a.cmd", format!("@echo off\nrem -----BEGIN CERTIFICATE-----\n{b64}\n-----END CERTIFICATE-----")),
        ("a.wsf", "<job><script language='JScript'><![CDATA[ f('MARKER-' + 'of-the-test') ]]></script></job>".to_string()),
    ] {
        if !holds(&read(&script, name), MARKER) {
            missed.push(script);
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn files_are_members_with_their_names() {
    let program = [&b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"[..], &[0; 100]].concat();
    let b64 = BASE64.encode(&program);
    let script = format!(
        "var b = atob('{b64}'); var blob = new Blob([b]); var a = document.createElement('a');\
         a.href = URL.createObjectURL(blob); a.download = 'invoice.exe'; a.click()"
    );
    let opened = read(&script, "a.js");
    let file = opened.members.iter().find(|member| member.role == Role::File).unwrap();
    assert_eq!((file.name.as_deref(), &file.bytes), (Some("invoice.exe"), &program));
    assert_eq!(ids(&opened), ["page.smuggles_file", "script.carries_file"]);
    use flate2::{Compression, write::DeflateEncoder};
    use std::io::Write;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(format!("{MARKER} in some more words").as_bytes()).unwrap();
    let packed = BASE64.encode(&encoder.finish().unwrap());
    let padded = format!("$x = '{packed}'; $y = [Convert]::FromBase64String($x)");
    assert!(holds(&read(&padded, "a.ps1"), MARKER), "{padded}");
}

#[test]
fn a_page_written_by_a_script_is_a_page() {
    let opened = read(
        "document.write(unescape('%3Cform%20action%3D%22http://a.example%22%3E%3C/form%3E'))",
        "a.js",
    );
    let page = opened.members.iter().find(|member| member.role == Role::Inside).unwrap();
    assert_eq!(page.bytes, b"<form action=\"http://a.example\"></form>");
    assert_eq!(ids(&opened), ["page.decodes_script"]);
}

#[test]
fn honest_scripts_say_nothing() {
    let script = "(function () {\n  var items = ['one', 'two'];\n  for (var i = 0; i < items.length; i++) {\n    console.log('item ' + items[i]);\n  }\n  return a / b / c;\n})();";
    let opened = read(script, "a.js");
    assert!(ids(&opened).is_empty());
    assert!(opened.members.iter().all(|member| member.role == Role::Code));
}

#[test]
fn nothing_panics_and_nothing_explodes() {
    let whole = "var a = ['x', \"y\" + `z${q}`].join('') + atob('QUJDRA==').replace(/[a-c]/g, '') ^ 0x41; f(function() { return \"\\x41\\u0042\\103\" })(1)[2]; $a = '{0}' -f 'b' -join [char]65; #@~^AAAAAA==xAAAAAA==^#~@ -----BEGIN X-----QUJD-----END";
    for end in 0..whole.len() {
        for name in ["a.js", "a.vbs", "a.ps1"] {
            read(&whole[..end], name);
        }
    }
    for script in [
        format!("a='x';{}", "a=a+a;".repeat(200)),
        "(".repeat(300_000),
        "[{(".repeat(100_000),
        "a['b'](".repeat(100_000),
        "f(".repeat(100_000) + &")".repeat(100_000),
        "'a'+".repeat(300_000),
        "/".repeat(100_000),
        "/* ".repeat(100_000),
        "`${a}".repeat(100_000),
        format!("var a=[{}]", "[1,".repeat(100_000)),
        "-----BEGIN a-----".repeat(10_000),
        "#@~^".repeat(100_000),
        "%a".repeat(100_000) + "@echo off",
    ] {
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        open(script.as_bytes(), "a.js", &mut budget);
        assert!(budget.check_time().is_ok(), "{}", &script[..20]);
    }
}
