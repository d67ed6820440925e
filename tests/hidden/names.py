"""Hiding behind the name of an attachment.

The attachment is a page without a single tag, in which entities spell the marker: only its name says that a browser will open it.
In a second row the attachment is a script, so that name and content can both be looked at.
"""

import base64

from . import kit
from .kit import TEXT_PART, b64, case, entity

BASE = "Content-Transfer-Encoding: base64"


def word(text, charset="utf-8", kind="B"):
    """An encoded word, RFC 2047."""
    raw = text.encode(charset)
    coded = base64.b64encode(raw).decode() if kind == "B" else "".join(f"={byte:02X}" for byte in raw)
    return f"=?{charset}?{kind}?{coded}?="


def percent(text, charset="utf-8"):
    """Every byte as RFC 2231 writes it."""
    return "".join(f"%{byte:02X}" for byte in text.encode(charset))


def spellings(stem, ending):
    """Ways to spell `stem.ending`: (name, about, fields)."""
    whole = f"{stem}.{ending}"
    octets = "Content-Type: application/octet-stream"
    keep = "Content-Disposition: attachment"
    half = len(whole) - 2
    return [
        ("plain", "as usual", [octets, f'{keep}; filename="{whole}"']),
        ("type-only", "name in Content-Type only", [f'{octets}; name="{whole}"', keep]),
        ("unquoted", "no quotes", [octets, f"{keep}; filename={whole}"]),
        ("disagree", "two names, Content-Disposition is the true one", [f'{octets}; name="calm.txt"', f'{keep}; filename="{whole}"']),
        ("disagree-type", "two names, Content-Type is the bad one", [f'{octets}; name="{whole}"', f'{keep}; filename="calm.txt"']),
        ("twice-first", "filename twice, first is bad", [octets, f'{keep}; filename="{whole}"; filename="calm.txt"']),
        ("twice-last", "filename twice, last is bad", [octets, f'{keep}; filename="calm.txt"; filename="{whole}"']),
        ("field-twice", "Content-Disposition twice", [octets, f'{keep}; filename="calm.txt"', f'{keep}; filename="{whole}"']),
        ("extended", "RFC 2231 with a character set", [octets, f"{keep}; filename*=utf-8''{percent(whole)}"]),
        ("extended-language", "RFC 2231 with a language", [octets, f"{keep}; filename*=iso-8859-1'sv'{percent(whole, 'latin-1')}"]),
        ("extended-no-charset", "RFC 2231 without a character set", [octets, f"{keep}; filename*=''{percent(whole)}"]),
        ("extended-quoted", "RFC 2231 within quotes", [octets, f"{keep}; filename*=\"utf-8''{percent(whole)}\""]),
        ("extended-and-plain", "plain and RFC 2231, RFC 2231 is bad", [octets, f"{keep}; filename=\"calm.txt\"; filename*=utf-8''{percent(whole)}"]),
        ("continued", "RFC 2231 in pieces", [octets, f'{keep};\r\n filename*0="{whole[:half]}";\r\n filename*1="{whole[half:]}"']),
        ("continued-swapped", "pieces out of order", [octets, f'{keep};\r\n filename*1="{whole[half:]}";\r\n filename*0="{whole[:half]}"']),
        (
            "continued-mixed",
            "pieces, one of them encoded",
            [octets, f"{keep}; filename*0*=utf-8''{percent(whole[:half])}; filename*1=\"{whole[half:]}\""],
        ),
        (
            "continued-one-by-one",
            "a piece for each letter",
            [octets, keep + "".join(f';\r\n filename*{at}="{letter}"' for at, letter in enumerate(whole))],
        ),
        ("continued-gap", "pieces with a number left out", [octets, f'{keep}; filename*0="{whole[:half]}"; filename*2="{whole[half:]}"']),
        ("word-b", "an encoded word, B", [octets, f'{keep}; filename="{word(whole)}"']),
        ("word-q", "an encoded word, Q", [octets, f'{keep}; filename="{word(whole, kind="Q")}"']),
        ("word-two", "two encoded words", [octets, f'{keep}; filename="{word(whole[:half])}\r\n {word(whole[half:])}"']),
        ("word-glued", "two encoded words without a blank", [octets, f'{keep}; filename="{word(whole[:half])}{word(whole[half:])}"']),
        ("word-utf16", "an encoded word in UTF-16", [octets, f'{keep}; filename="{word(whole, "utf-16-be").replace("utf-16-be", "utf-16be")}"']),
        ("word-unquoted", "an encoded word without quotes", [f"{octets}; name={word(whole)}", keep]),
        ("word-no-padding", "an encoded word without padding", [octets, f'{keep}; filename="{word(whole).replace("=?=", "?=")}"']),
        ("word-bad-charset", "an encoded word in an unknown character set", [octets, f'{keep}; filename="{word(whole).replace("utf-8", "x-odd")}"']),
        ("eight-bit", "UTF-8 as it is", [octets, f'{keep}; filename="räkning{whole}"']),
        ("latin-1", "Latin-1 as it is", [octets.encode(), f'{keep}; filename="räkning{whole}"'.encode("latin-1")]),
        ("trailing-dot", "a dot behind the ending, which Windows drops", [octets, f'{keep}; filename="{whole}."']),
        ("trailing-blank", "blanks behind the ending, which Windows drops", [octets, f'{keep}; filename="{whole}   "']),
        ("many-blanks", "many blanks before the ending", [octets, f'{keep}; filename="{stem}.pdf{" " * 120}.{ending}"']),
        ("double-ending", "two endings", [octets, f'{keep}; filename="{stem}.pdf.{ending}"']),
        ("right-to-left", "the reading direction turned", [octets, f'{keep}; filename="{stem}\u202efdp.{ending}"']),
        ("zero-width", "a character without width in the ending's place", [octets, f'{keep}; filename="{stem}.pdf\u200b.{ending}"']),
        ("path", "with a path", [octets, f'{keep}; filename="../../start/{whole}"']),
        ("path-windows", "with a path of Windows", [octets, f'{keep}; filename="C:\\\\temp\\\\{whole}"']),
        ("stream", "with the name of an NTFS stream", [octets, f'{keep}; filename="{whole}::$DATA"']),
        ("nul", "a NUL behind the name", [octets, f'{keep}; filename="{whole}\0.txt"']),
        ("newline", "a fold within the name", [octets, f'{keep}; filename="{stem}\r\n .{ending}"']),
        ("upper", "ending in capitals", [octets, f'{keep}; filename="{whole.upper()}"']),
        ("quoted-pair", "backslashes within", [octets, f'{keep}; filename="{"".join(chr(92) + letter for letter in whole)}"']),
        ("single-quotes", "single quotes", [octets, f"{keep}; filename='{whole}'"]),
        ("unclosed", "quotes never closed", [octets, f'{keep}; filename="{whole}']),
        ("blanks-around", "blanks around the equals sign", [octets, f'{keep} ; filename = "{whole}"']),
        ("comment", "a comment before the name", [octets, f'{keep}; filename=(odd)"{whole}"']),
        ("no-semicolon", "no semicolon", [octets, f'{keep} filename="{whole}"']),
        ("other-parameter", "the name in a parameter 'file-name'", [octets, f'{keep}; file-name="{whole}"; name="{whole}"']),
        ("html-entity", "an entity in the name", [octets, f'{keep}; filename="{stem}&#46;{ending}"']),
        ("long", "a name of 2,000 letters", [octets, f'{keep}; filename="{"a" * 2000}.{ending}"']),
        ("lying-type", "said to be a picture", [f'Content-Type: image/jpeg; name="{whole}"', f'{keep}; filename="{whole}"']),
    ]


def cases():
    """All cases of this field."""
    page, script = kit.payload_entities(), kit.payload_js()
    unread = {"nul", "other-parameter", "html-entity", "continued-gap", "no-semicolon", "word-bad-charset", "zero-width"}
    for name, about, fields in spellings("invoice", "html"):
        if name in unread:
            continue  # not every client comes to this name: the script below is what counts there
        yield case("names-page", name, about, kit.mail(TEXT_PART, entity([*fields, BASE], b64(page))))
    for name, about, fields in spellings("invoice", "js"):
        yield case("names-script", name, about, kit.mail(TEXT_PART, entity([*fields, BASE], b64(script))))
    for name, about, fields in (
        ("only-type", "a page by its type, without a name", ["Content-Type: text/html"]),
        ("xhtml", "a page by application/xhtml+xml", ["Content-Type: application/xhtml+xml"]),
        ("shtml", "a page by its ending shtml", ["Content-Type: application/octet-stream; name=a.shtml"]),
        ("htm", "a page by its ending htm", ["Content-Type: text/plain; name=a.htm"]),
        ("mht", "a page by its ending hta", ["Content-Type: application/octet-stream; name=a.hta"]),
    ):
        yield case("names-page", name, about, kit.mail(TEXT_PART, entity([*fields, BASE], b64(page))))
    part = entity([BASE], b64(script))
    yield case("names-script", "nothing", "a part with nothing but its encoding", kit.mail(TEXT_PART, part))
