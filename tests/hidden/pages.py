"""Hiding in pages and scripts: what a browser, a script host or a calendar puts together before it shows or runs it."""

import base64

from . import kit, packing
from .kit import MARKER, MARKER_BYTES, b64, case, entities, entity, mail_with

HALF = len(MARKER) // 2
FIRST, SECOND = MARKER[:HALF], MARKER[HALF:]
CODED = base64.b64encode(MARKER_BYTES).decode()


def html(body, head=""):
    """A page around some body."""
    return f"<!DOCTYPE html><html><head>{head}</head><body><p>Dear customer</p>{body}</body></html>\r\n"


def script(code):
    """A page with a script."""
    return html(f"<script>{code}</script>")


def percent(text):
    """Every byte behind a percent sign."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


# The three alphabets of Microsoft's script encoder, for a tab and the characters from blank to tilde, and which of them comes when.
ALPHABETS = [
    bytes.fromhex(digits)
    for digits in (
        "6450224a615e5d5b426023655f7e4f527a21462026632a7647252c29693f273f673f62415a6632734d4371397c534831"
        "726e70493f4b6a2e7f28357d242d54377b3d6c346d4e2b306f746b4c33563a7857773b442f59455c6836587909753855",
        "377e5a453a7959277663624d515352202654712b662a587f7b30316c493f783f5f3f29242f39336f21752842464a5c48"
        "364b7d5d6a506923097065742c77443f6d7c43385e5b6e574c347225567368554732352e644f3b2d41617a22606b4e3d",
        "692c65725b66754c45762a43334220634a5a387932576c2b46524f3d703f7b3f513f7a7e3b474177565f26786e647467"
        "7d683522553a606a716f495c5d2759257c236d2831397f365434624e305e73094b61244d6b4421375358482e502d293f",
    )
]
TURNS = "1201202002021020102011200210200211020201011201021020112001120102"


def script_encoded(code):
    """A script in the form that cscript(1) reads under the endings .jse and .vbe."""
    special = {"\r": "@#", "\n": "@&", "<": "@!", ">": "@*", "@": "@$"}
    out = ""
    for at, letter in enumerate(code):
        place = 0 if letter == "\t" else ord(letter) - 31
        out += special.get(letter) or chr(ALPHABETS[int(TURNS[at % 64])][place])

    def number(value):
        return base64.b64encode(value.to_bytes(4, "little")).decode()

    return f"#@~^{number(len(code))}{out}{number(sum(code.encode()))}^#~@\0"


def page_rows():
    """Pages: (name, about, page)."""
    payload = base64.b64encode(kit.payload_js()).decode()
    zipped = base64.b64encode(packing.zipped(kit.payload_js())).decode()
    codes = ",".join(str(byte) for byte in MARKER_BYTES)
    digits = ",".join(f"0x{byte:02x}" for byte in MARKER_BYTES)
    plain_hex = MARKER_BYTES.hex()
    xored = ",".join(str(byte ^ 7) for byte in MARKER_BYTES)
    nested = html(f"<p>{entities(MARKER)}</p>").replace('"', "&quot;")
    return [
        ("entities", "decimal entities", html(f"<p>{entities(MARKER)}</p>")),
        ("entities-hex", "hexadecimal entities", html("<p>" + "".join(f"&#x{ord(letter):X};" for letter in MARKER) + "</p>")),
        ("entities-zeros", "entities with leading zeros", html("<p>" + "".join(f"&#{ord(letter):07d};" for letter in MARKER) + "</p>")),
        (
            "entities-bare",
            "entities without semicolons",
            html("<p>" + " ".join([""] + [f"&#{ord(letter)}" for letter in MARKER]).replace(" ", "") + "</p>"),
        ),
        ("entities-named", "a named entity", html(f"<p>{MARKER.replace('-', '&#45;')}</p>")),
        ("tags-within", "tags within the words", html(f"<p>{FIRST}<b></b>{SECOND}</p>")),
        ("tags-spans", "a tag around each letter", html("<p>" + "".join(f"<span>{letter}</span>" for letter in MARKER) + "</p>")),
        ("comment-within", "a comment within the word", html(f"<p>{FIRST}<!-- calm -->{SECOND}</p>")),
        ("nul-within", "NULs within the word, which old browsers drop", html(f"<p>{FIRST}\0{SECOND}</p>")),
        ("link-data", "a file behind a data link", html(f'<a download="invoice.js" href="data:application/octet-stream;base64,{payload}">open</a>')),
        ("link-data-zip", "a zip behind a data link", html(f'<a download="invoice.zip" href="data:application/zip;base64,{zipped}">open</a>')),
        ("link-data-percent", "a data link in percent signs", html(f'<a href="data:text/html,{percent(MARKER)}">open</a>')),
        ("link-data-entities", "a data link in entities", html(f'<a href="{entities("data:text/plain;base64," + CODED)}">open</a>')),
        (
            "link-data-blanks",
            "a data link with line ends inside",
            html('<a href="data:text/plain;base64,\n' + "\n".join(CODED[at : at + 8] for at in range(0, len(CODED), 8)) + '">open</a>'),
        ),
        ("link-data-escaped", "base64 with percent signs", html(f'<a href="data:text/plain;base64,{percent(CODED)}">open</a>')),
        ("link-script", "a link that is a script", html(f'<a href="javascript:alert(unescape(%27{percent(MARKER)}%27))">open</a>')),
        ("link-percent", "an address in percent signs", html(f'<a href="http://t.example/{percent(MARKER)}">open</a>')),
        (
            "refresh",
            "a page that leads on to a data link",
            html("calm", f'<meta http-equiv="refresh" content="0;url=data:text/html;base64,{CODED}">'),
        ),
        (
            "image-svg",
            "a picture in SVG as a data link",
            html('<img src="data:image/svg+xml;base64,' + base64.b64encode(f"<svg><text>{entities(MARKER)}</text></svg>".encode()).decode() + '">'),
        ),
        ("object-data", "an object with a data link", html(f'<object data="data:text/html;base64,{CODED}"></object>')),
        ("embed-data", "an embed with a data link", html(f'<embed src="data:text/html;base64,{CODED}">')),
        ("srcdoc", "a page within a page", html(f'<iframe srcdoc="{nested}"></iframe>')),
        ("srcdoc-coded", "a page within a page, in entities twice", html(f'<iframe srcdoc="{entities(html(entities(MARKER)))}"></iframe>')),
        (
            "style-content",
            "text from a style sheet",
            html('<p class="a"></p>', "<style>.a:after{content:'" + "".join(f"\\{ord(letter):06x}" for letter in MARKER) + "'}</style>"),
        ),
        ("style-url", "a data link in a style sheet", html("calm", f"<style>p{{background:url(data:text/plain;base64,{CODED})}}</style>")),
        ("conditional", "a conditional comment", html(f"<!--[if mso]><p>{entities(MARKER)}</p><![endif]-->")),
        (
            "conditional-script",
            "a script in a conditional comment",
            html(f"<!--[if IE]><script>document.write(unescape('{percent(MARKER)}'))</script><![endif]-->"),
        ),
        ("noscript", "text for browsers without scripts", html(f"<noscript>{entities(MARKER)}</noscript>")),
        ("textarea", "text in a field", html(f"<textarea>{entities(MARKER)}</textarea>")),
        ("title", "the title", html("calm", f"<title>{entities(MARKER)}</title>")),
        ("template", "a template", html(f"<template><p>{entities(MARKER)}</p></template>")),
        ("svg", "a drawing with a page in it", html(f"<svg><foreignObject><p>{FIRST}<b/>{SECOND}</p></foreignObject></svg>")),
        ("svg-script", "a drawing with a script", html(f"<svg><script>alert('{''.join(f'&#{ord(letter)};' for letter in MARKER)}')</script></svg>")),
        ("input-value", "a value in entities", html(f'<input type="hidden" value="{entities(MARKER)}">')),
        ("event", "a script in an attribute, in entities", html(f'<img src="x" onerror="{entities("alert(" + chr(39) + MARKER + chr(39) + ")")}">')),
        ("atob", "a script that decodes base64", script(f"document.write(atob('{CODED}'))")),
        ("atob-joined", "base64 in two strings", script(f"var a='{CODED[:20]}'+'{CODED[20:]}';document.write(atob(a))")),
        ("atob-twice", "base64 twice", script(f"document.write(atob(atob('{base64.b64encode(CODED.encode()).decode()}')))")),
        (
            "atob-page",
            "a page in base64 that holds a zip in base64",
            script(
                "document.write(atob('" + base64.b64encode(html(f'<a href="data:application/zip;base64,{zipped}">x</a>').encode()).decode() + "'))"
            ),
        ),
        ("blob", "a file made by a script", script(f"var b=atob('{zipped}');new Blob([b]);")),
        (
            "blob-bytes",
            "a file made from numbers",
            script("new Blob([new Uint8Array([" + ",".join(str(byte) for byte in packing.zipped(kit.payload_js())) + "])]);"),
        ),
        (
            "blob-bytes-hex",
            "a file made from hex numbers",
            script("new Uint8Array([" + ",".join(f"0x{byte:02X}" for byte in packing.zipped(kit.payload_js())) + "]);"),
        ),
        ("char-codes", "a script with character codes", script(f"document.write(String.fromCharCode({codes}))")),
        ("char-codes-hex", "hexadecimal character codes", script(f"document.write(String.fromCharCode({digits}))")),
        ("char-codes-list", "character codes in a list", script(f"var a=[{codes}];document.write(String.fromCharCode.apply(null,a))")),
        ("unescape", "unescape", script(f"document.write(unescape('{percent(MARKER)}'))")),
        ("unescape-u", "unescape with u", script("document.write(unescape('" + "".join(f"%u{ord(letter):04x}" for letter in MARKER) + "'))")),
        ("escapes-x", "escapes with x", script("document.write('" + "".join(f"\\x{ord(letter):02x}" for letter in MARKER) + "')")),
        ("escapes-u", "escapes with u", script("document.write('" + "".join(f"\\u{ord(letter):04x}" for letter in MARKER) + "')")),
        ("escapes-braces", "escapes with u and braces", script("document.write('" + "".join(f"\\u{{{ord(letter):x}}}" for letter in MARKER) + "')")),
        ("escapes-octal", "octal escapes", script("document.write('" + "".join(f"\\{ord(letter):03o}" for letter in MARKER) + "')")),
        ("joined", "two strings joined", script(f"document.write('{FIRST}' + \"{SECOND}\")")),
        ("joined-letters", "each letter a string", script("document.write(" + "+".join(f"'{letter}'" for letter in MARKER) + ")")),
        (
            "joined-list",
            "a list of strings joined",
            script("document.write([" + ",".join(f"'{MARKER[at : at + 5]}'" for at in range(0, len(MARKER), 5)) + "].join(''))"),
        ),
        ("joined-continued", "a string continued on the next line", script(f"document.write('{FIRST}\\\n{SECOND}')")),
        ("joined-comment", "strings with a comment between", script(f"document.write('{FIRST}'/* calm */+'{SECOND}')")),
        ("reversed", "a string turned round", script(f"document.write('{MARKER[::-1]}'.split('').reverse().join(''))")),
        (
            "hex-string",
            "a string of hex digits",
            script(f"var h='{plain_hex}';for(var i=0;i<h.length;i+=2)document.write(String.fromCharCode(parseInt(h.substr(i,2),16)))"),
        ),
        ("replaced", "junk that is replaced", script(f"document.write('{'#@'.join(MARKER)}'.replace(/#@/g,''))")),
        ("xored", "each code combined with 7", script(f"var a=[{xored}];for(var i in a)document.write(String.fromCharCode(a[i]^7))")),
        ("attribute-base64", "base64 in an attribute", html(f'<div data-a="{base64.b64encode(kit.payload_js()).decode()}"></div>')),
        ("open-script", "a script that is never closed", f"<html><body><script>document.write(unescape('{percent(MARKER)}'))"),
        ("odd-tags", "tags in odd spelling", f"<HTML><BODY/x=1><A/HREF=data:text/plain;base64,{CODED} >open"),
        (
            "xml-data",
            "CDATA in XHTML",
            f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p><![CDATA[{FIRST}]]><![CDATA[{SECOND}]]></p></body></html>',
        ),
    ]


def file_rows():
    """Scripts and other texts: (name, file name, about, bytes, expect)."""
    powershell = base64.b64encode(f"Write-Host '{MARKER}'".encode("utf-16-le")).decode()
    payload = b64(kit.payload_js(), 72)
    folded = payload.strip().replace(b"\r\n", b"\r\n ")
    calendar = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:Calm\r\n%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    card = b"BEGIN:VCARD\r\nVERSION:%s\r\nFN:Anna Ek\r\n%s\r\nEND:VCARD\r\n"
    registry = 'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\calm]\r\n"a"=hex:' + ",".join(f"{byte:02x}" for byte in MARKER_BYTES)
    wsf = f'<job><script language="JScript"><![CDATA[var a="{FIRST}"+"{SECOND}";WScript.Echo(a);]]></script></job>'
    chars = "&".join(f"Chr({byte})" for byte in MARKER_BYTES)
    rows = [
        ("js-joined", "invoice.js", "a script that joins", f'WScript.Echo("{FIRST}"+"{SECOND}");'),
        ("js-codes", "invoice.js", "a script with codes", "WScript.Echo(String.fromCharCode(" + ",".join(map(str, MARKER_BYTES)) + "));"),
        (
            "js-utf16",
            "invoice.js",
            "a script in UTF-16 with escapes",
            ("WScript.Echo('" + "".join(f"\\x{byte:02x}" for byte in MARKER_BYTES) + "');").encode("utf-16"),
        ),
        ("jse-joined", "invoice.jse", "a script called .jse", f"WScript.Echo('{FIRST}'+'{SECOND}');"),
        ("vbs-chr", "invoice.vbs", "a script with Chr", f"MsgBox {chars}"),
        ("vbs-joined", "invoice.vbs", "a script that joins", f'MsgBox "{FIRST}" & "{SECOND}"'),
        ("vbs-continued", "invoice.vbs", "joined over lines", f'MsgBox "{FIRST}" & _\r\n  "{SECOND}"'),
        ("vbs-reversed", "invoice.vbs", "turned round", f'MsgBox StrReverse("{MARKER[::-1]}")'),
        ("vbs-replace", "invoice.vbs", "junk that is replaced", f'MsgBox Replace("{"#@".join(MARKER)}", "#@", "")'),
        ("wsf", "invoice.wsf", "CDATA in a script file", wsf),
        (
            "wsf-entities",
            "invoice.wsf",
            "entities in a script file",
            f'<job><script language="JScript">WScript.Echo("{entities(MARKER)}");</script></job>',
        ),
        ("sct", "invoice.sct", "a scriptlet", f"<scriptlet>{wsf}</scriptlet>"),
        ("hta", "invoice.hta", "an HTML application", script(f"document.write(unescape('{percent(MARKER)}'))")),
        ("hta-vbs", "invoice.hta", "a script of VB in a page", html(f'<script language="VBScript">MsgBox {chars}</script>')),
        ("ps1-encoded", "invoice.ps1", "a command in base64", f"powershell -enc {powershell}"),
        ("bat-encoded", "invoice.bat", "a command in base64", f"@powershell -e {powershell}\r\n"),
        ("cmd-carets", "invoice.cmd", "carets within the word", "@echo " + "^".join(MARKER) + "\r\n"),
        ("bat-variables", "invoice.bat", "two variables", f"@set a={FIRST}\r\n@set b={SECOND}\r\n@echo %a%%b%\r\n"),
        ("ps1-joined", "invoice.ps1", "strings joined", f"Write-Host ('{FIRST}'+'{SECOND}')"),
        ("ps1-format", "invoice.ps1", "strings put in order", f"Write-Host (\"{{1}}{{0}}\" -f '{SECOND}','{FIRST}')"),
        ("ps1-ticks", "invoice.ps1", "back-ticks within", 'Write-Host "' + MARKER.replace("D", "`D") + '"'),
        ("ps1-base64", "invoice.ps1", "a string in base64", f"[Convert]::FromBase64String('{payload.decode().replace(chr(13) + chr(10), '')}')"),
        (
            "ps1-gzip",
            "invoice.ps1",
            "gzip in base64",
            "[Convert]::FromBase64String('" + base64.b64encode(packing.gz(kit.payload_js())).decode() + "')",
        ),
        ("py-base64", "invoice.py", "a script in base64", f"exec(__import__('base64').b64decode('{CODED}'))"),
        ("sh-base64", "invoice.sh", "a shell script", f"echo {CODED} | base64 -d\n"),
        (
            "certutil",
            "invoice.bat",
            "a file to be decoded",
            b"@certutil -decode %0 a.js\r\n-----BEGIN CERTIFICATE-----\r\n" + payload + b"-----END CERTIFICATE-----\r\n",
        ),
        ("reg", "invoice.reg", "bytes for the registry", registry),
        ("reg-utf16", "invoice.reg", "the same in UTF-16", registry.encode("utf-16")),
        ("ics-attach", "invite.ics", "a file in an invitation", calendar % (b"ATTACH;FMTTYPE=application/js;ENCODING=BASE64;VALUE=BINARY:" + folded)),
        ("ics-folded", "invite.ics", "a folded description", calendar % f"DESCRIPTION:{FIRST}\r\n {SECOND}".encode()),
        ("ics-folded-tab", "invite.ics", "folded with a tab", calendar % f"DESCRIPTION:{FIRST}\r\n\t{SECOND}".encode()),
        (
            "ics-html",
            "invite.ics",
            "a page as description",
            calendar % f"X-ALT-DESC;FMTTYPE=text/html:<p>{entities(MARKER)}</p>".replace(";&", "\\;&").encode(),
        ),
        ("ics-data", "invite.ics", "a data link", calendar % f"ATTACH:data:text/plain;base64,{CODED}".encode()),
        ("vcf-photo", "anna.vcf", "a file as photo", card % (b"3.0", b"PHOTO;ENCODING=b;TYPE=JPEG:" + folded)),
        ("vcf-photo-21", "anna.vcf", "a file as photo, version 2.1", card % (b"2.1", b"PHOTO;JPEG;ENCODING=BASE64:\r\n " + folded + b"\r\n")),
        ("vcf-data", "anna.vcf", "a data link", card % (b"4.0", f"PHOTO:data:image/jpeg;base64,{CODED}".encode())),
        (
            "vcf-quoted",
            "anna.vcf",
            "quoted-printable over two lines",
            card % (b"2.1", f"NOTE;ENCODING=QUOTED-PRINTABLE:{FIRST}=\r\n{SECOND}".encode()),
        ),
        ("vcf-folded", "anna.vcf", "a folded note", card % (b"3.0", f"NOTE:{FIRST}\r\n {SECOND}".encode())),
        ("csv-formula", "invoice.csv", "a formula that joins", f'a,b\r\n1,"=cmd|\'/c \'&""{FIRST}""&""{SECOND}""!A0"\r\n'),
        ("csv-utf16", "invoice.csv", "the same in UTF-16", f'a\tb\r\n=CONCATENATE("{FIRST}","{SECOND}")\r\n'.encode("utf-16")),
        (
            "xml-entity",
            "invoice.xml",
            "an entity of its own",
            f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{FIRST}"><!ENTITY c "{SECOND}">]><a>&b;&c;</a>',
        ),
        (
            "xml-entity-attribute",
            "invoice.xml",
            "an entity in an attribute",
            f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{FIRST}">]><a x="&b;{SECOND}"/>',
        ),
        ("xml-numbers", "invoice.xml", "numbered entities", f'<?xml version="1.0"?><a>{entities(MARKER)}</a>'),
        (
            "xml-utf16",
            "invoice.xml",
            "numbered entities in UTF-16",
            f'<?xml version="1.0" encoding="utf-16"?><a>{entities(MARKER)}</a>'.encode("utf-16"),
        ),
        ("xml-ebcdic", "invoice.xml", "in EBCDIC", f'<?xml version="1.0" encoding="ebcdic-cp-us"?><a>{MARKER}</a>'.encode("cp037")),
        (
            "svg",
            "invoice.svg",
            "a drawing with a script in CDATA",
            f"<svg xmlns='http://www.w3.org/2000/svg'><script><![CDATA[document.write(atob('{CODED}'))]]></script></svg>",
        ),
        (
            "svg-link",
            "invoice.svg",
            "a drawing with a data link",
            f"<svg xmlns='http://www.w3.org/2000/svg'><a href='data:text/plain;base64,{CODED}'><text>x</text></a></svg>",
        ),
        ("svgz", "invoice.svgz", "a packed drawing", packing.gz(f"<svg><text>{entities(MARKER)}</text></svg>".encode())),
        (
            "xsl",
            "invoice.xsl",
            "a script in a style sheet",
            f'<stylesheet xmlns="http://www.w3.org/1999/XSL/Transform"><script language="JScript"><![CDATA["{FIRST}"+"{SECOND}"]]></script></stylesheet>',
        ),
        ("json", "invoice.json", "escapes", '{"a":"' + "".join(f"\\u{byte:04x}" for byte in MARKER_BYTES) + '"}'),
        ("url", "invoice.url", "a shortcut in percent signs", f"[InternetShortcut]\r\nURL=http://t.example/{percent(MARKER)}\r\n"),
        ("html-utf16", "invoice.html", "a page in UTF-16 without a mark", html(f"<p>{entities(MARKER)}</p>").encode("utf-16-le")),
        ("html-utf16-mark", "invoice.html", "a page in UTF-16", html(f"<p>{entities(MARKER)}</p>").encode("utf-16")),
        (
            "html-utf7-mark",
            "invoice.html",
            "a page with the mark of UTF-7",
            b"+/v8-" + b"<p>+" + base64.b64encode(MARKER.encode("utf-16-be")).rstrip(b"=") + b"-</p>",
        ),
        (
            "html-utf7-meta",
            "invoice.html",
            "a page in UTF-7 by its meta tag",
            b'<meta charset="utf-7"><p>+' + base64.b64encode(MARKER.encode("utf-16-be")).rstrip(b"=") + b"-</p>",
        ),
        (
            "mht",
            "invoice.mht",
            "a web archive",
            kit.mail_of(b64(html(f"<p>{entities(MARKER)}</p>").encode()), "Content-Type: text/html", "Content-Transfer-Encoding: base64"),
        ),
        (
            "webloc",
            "invoice.webloc",
            "a link of a Mac",
            f'<?xml version="1.0"?><plist><dict><key>URL</key><string>{entities("http://t.example/" + MARKER)}</string></dict></plist>',
        ),
    ]
    for name, file_name, about, made in rows:
        yield name, file_name, about, kit.to_bytes(made), kit.FOUND
    encoded = script_encoded(f'WScript.Echo("{MARKER}");')
    for key in ("jse", "vbe"):
        yield f"{key}-encoded", f"invoice.{key}", "a script in Microsoft's encoding", encoded.encode(), kit.FOUND
    yield (
        "html-encoded",
        "invoice.html",
        "a page with a script in Microsoft's encoding",
        html(f'<script language="JScript.Encode">{encoded[:-1]}</script>').encode(),
        kit.FOUND,
    )


def cases():
    """All cases of this field."""
    for name, about, made in page_rows():
        yield case(
            "page",
            f"{name}-body",
            about,
            kit.mail_of(b64(made.encode()), "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64"),
        )
        if name.startswith(("entities", "link-data", "srcdoc", "atob", "joined", "blob")):
            yield case("page", f"{name}-file", about, mail_with(made.encode(), "invoice.html", "text/html"))
    yield case(
        "page",
        "utf-16-body",
        "a body in UTF-16 by its mark only",
        kit.mail_of(b64(html(f"<p>{MARKER}</p>").encode("utf-16")), "Content-Type: text/html", "Content-Transfer-Encoding: base64"),
    )
    yield case(
        "page",
        "alternative",
        "the second of two alternatives",
        kit.mail(
            kit.TEXT_PART, entity(["Content-Type: text/html", "Content-Transfer-Encoding: base64"], b64(kit.payload_html())), kind="alternative"
        ),
    )
    yield case(
        "page",
        "enriched",
        "text/enriched with commands within the word",
        kit.mail_of(f"{FIRST}<bold></bold>{SECOND}\r\n", "Content-Type: text/enriched"),
    )
    yield case(
        "page",
        "flowed",
        "a word wrapped by format=flowed; delsp=yes",
        kit.mail_of(f"{FIRST} \r\n{SECOND}\r\n", "Content-Type: text/plain; format=flowed; delsp=yes"),
    )
    for name, file_name, about, made, expect in file_rows():
        yield case("file", name, about, mail_with(made, file_name), expect)
