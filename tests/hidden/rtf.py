"""Hiding in RTF: objects in hex with all that Word forgives, packages, and text broken by groups."""

import random

from . import compound, kit, packing
from .kit import MARKER, MARKER_BYTES, case, mail_with

HALF = len(MARKER) // 2


def sealed():
    """The script in a gzip file."""
    return packing.gz(kit.payload_js(), "invoice.js")


def document(body, head=b"{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Calm;}}"):
    """An RTF around some body."""
    return head + b"\\pard A calm text.\\par\r\n" + body + b"}"


def embedded(digits, word=b"\\objemb", class_name=b"Package"):
    """An object whose data is `digits`."""
    return b"{\\object" + word + b"{\\*\\objclass " + class_name + b"}{\\*\\objdata " + digits + b"}{\\result calm}}"


def strewn(digits, pieces, step):
    """Digits with a piece behind every `step`."""
    chosen = random.Random(3)
    return b"".join(digits[at : at + step] + chosen.choice(pieces) for at in range(0, len(digits), step))


def cases():
    """All cases of this field."""
    data = compound.ole1("invoice.js.gz", sealed())
    digits = data.hex().encode()
    word97 = {"WordDocument": b"\xec\xa5\xc1\0" + bytes(5000), "Macros": compound.vba_storage(f"Sub A()\r\n' {MARKER}\r\nEnd Sub\r\n".encode())}
    storage = compound.ole1_storage(compound.cfb(word97)).hex().encode()
    good = document(embedded(digits))
    rows = [
        ("object", "digits in one line", good),
        ("object-capitals", "digits in capitals", document(embedded(digits.upper()))),
        ("object-lines", "two digits a line", document(embedded(strewn(digits, [b"\r\n"], 2)))),
        ("object-blanks", "blanks strewn between the digits", document(embedded(strewn(digits, [b" ", b"\t", b"\n", b"   "], 3)))),
        ("object-split", "line ends between the two digits of a byte", document(embedded(strewn(digits, [b"\r\n"], 1)))),
        ("object-groups", "empty groups strewn in", document(embedded(strewn(digits, [b"{}", b"{\\*\\calm}", b"{\\b0 }"], 20)))),
        ("object-group-text", "ignored groups with text strewn in", document(embedded(strewn(digits, [b"{\\*\\calm ab12}", b"{\\*\\odd 77}"], 40)))),
        ("object-words", "control words strewn in", document(embedded(strewn(digits, [b"\\par ", b"\\b ", b"\\calm1 "], 30)))),
        ("object-junk", "characters that are no digits strewn in", document(embedded(strewn(digits, [b"!", b"~", b"z", b"-", b"?"], 9)))),
        ("object-binary", "the data by \\bin", document(b"{\\object\\objemb{\\*\\objdata \\bin" + str(len(data)).encode() + b" " + data + b"}}")),
        (
            "object-binary-zeros",
            "\\bin with leading zeros",
            document(b"{\\object\\objemb{\\*\\objdata \\bin0000" + str(len(data)).encode() + b" " + data + b"}}"),
        ),
        (
            "object-binary-mixed",
            "digits, then \\bin, then digits",
            document(b"{\\object\\objemb{\\*\\objdata " + digits[:80] + b"\\bin20 " + data[40:60] + digits[120:] + b"}}"),
        ),
        ("object-binary-zero", "\\bin0 strewn in", document(embedded(strewn(digits, [b"\\bin0 "], 22)))),
        ("object-hex-escape", "escaped bytes strewn in, which are passed over", document(embedded(strewn(digits, [b"\\'41", b"\\'7a"], 24)))),
        ("object-no-star", "no star before objdata", document(b"{\\object\\objemb{\\objdata " + digits + b"}}")),
        ("object-no-object", "objdata without an object", document(b"{\\*\\objdata " + digits + b"}")),
        ("object-update", "an object that updates itself", document(embedded(digits, b"\\objautlink\\objupdate"))),
        ("object-open", "braces never closed", good.rstrip(b"}")),
        ("object-class", "a class that does not fit", document(embedded(compound.ole1("invoice.js.gz", sealed(), b"OLE2Link").hex().encode()))),
        ("object-format", "an odd format number", document(embedded((b"\x01\x02\x03\x04" + data[4:]).hex().encode()))),
        ("object-storage", "a document with a macro", document(embedded(storage, class_name=b"Word.Document.8"))),
        ("object-storage-blanks", "the same with blanks", document(embedded(strewn(storage, [b"\r\n", b" "], 7)))),
        ("object-storage-bare", "a compound file without its OLE 1 head", document(embedded(compound.package("a.js.gz", sealed()).hex().encode()))),
        ("object-second", "the second object", document(embedded(compound.ole1("calm.txt", b"calm").hex().encode()) + embedded(digits))),
        ("object-nested", "an object within the result of another", document(b"{\\object{\\*\\objdata 00}{\\result " + embedded(digits) + b"}}")),
        ("object-odd-digit", "one digit too many at the end", document(embedded(digits + b"4"))),
        ("object-word-parameter", "a control word with a long number strewn in", document(embedded(strewn(digits, [b"\\sp-999999999 "], 50)))),
        ("object-datastore", "data in \\datastore", document(b"{\\*\\datastore " + compound.package("a.js.gz", sealed()).hex().encode() + b"}")),
        ("object-picture", "data as a picture", document(b"{\\pict\\pngblip " + sealed().hex().encode() + b"}")),
        ("object-oleclsid", "data behind oleclsid", document(b"{\\object\\objocx{\\*\\oleclsid \\'7b00\\'7d}{\\*\\objdata " + digits + b"}}")),
        ("header-short", "begins with {\\rt only", document(embedded(digits), b"{\\rt")),
        ("header-odd", "begins with {\\rtxa", document(embedded(digits), b"{\\rtxa ")),
        ("header-blanks", "empty lines first", b"\r\n \r\n" + good),
        ("header-bom", "a byte order mark first", b"\xef\xbb\xbf" + good),
        (
            "text-groups",
            "text broken by groups",
            document(b"{\\b " + MARKER_BYTES[:9] + b"}{\\i " + MARKER_BYTES[9:21] + b"}{" + MARKER_BYTES[21:] + b"}"),
        ),
        ("text-escapes", "text in hex escapes", document(b"".join(b"\\'%02x" % byte for byte in MARKER_BYTES))),
        ("text-unicode", "text in \\u", document(b"\\uc0 " + b"".join(b"\\u%d " % byte for byte in MARKER_BYTES))),
        ("text-unicode-fallback", "text in \\u with stand-ins", document(b"\\uc1 " + b"".join(b"\\u%d?" % byte for byte in MARKER_BYTES))),
        ("text-ignored", "ignored groups in the text", document(MARKER_BYTES[:HALF] + b"{\\*\\calm odd}" + MARKER_BYTES[HALF:])),
        ("text-lines", "line ends in the text, which do not count", document(MARKER_BYTES[:HALF] + b"\r\n" + MARKER_BYTES[HALF:])),
        (
            "field",
            "a field over two groups",
            document(b'{\\field{\\*\\fldinst DDEAUTO "{' + MARKER_BYTES[:HALF] + b"}{" + MARKER_BYTES[HALF:] + b'}"}{\\fldrslt calm}}'),
        ),
        (
            "field-link",
            "a link in hex escapes",
            document(
                b'{\\field{\\*\\fldinst HYPERLINK "http://t.example/' + b"".join(b"\\'%02x" % byte for byte in MARKER_BYTES) + b'"}{\\fldrslt calm}}'
            ),
        ),
        (
            "template",
            "a template's address in hex escapes",
            document(b"{\\*\\template " + b"".join(b"\\'%02x" % byte for byte in MARKER_BYTES) + b"}"),
        ),
        (
            "template-unicode",
            "a template's address in \\u",
            document(b"{\\*\\template " + b"".join(b"\\u%d ?" % byte for byte in MARKER_BYTES) + b"}"),
        ),
        ("properties", "a title in hex escapes", document(b"{\\info{\\title " + b"".join(b"\\'%02x" % byte for byte in MARKER_BYTES) + b"}}")),
        ("appended", "a gzip file behind the last brace", good.replace(digits, b"00") + sealed()),
        (
            "html",
            "a page wrapped in RTF",
            b"{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}" + MARKER_BYTES[:HALF] + b"{\\*\\htmltag84 <b>}" + MARKER_BYTES[HALF:] + b"}",
        ),
    ]
    for name, about, made in rows:
        ending = "doc" if "header" in name else "rtf"
        yield case("rtf", name, about, mail_with(made, f"invoice.{ending}", "application/msword"))
