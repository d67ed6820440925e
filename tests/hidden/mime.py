"""Hiding in the structure of MIME: fields, boundaries, line ends, nested messages, character sets.

Each trick is made twice where that means something: around an attachment, and around an inline page.
"""

import base64
import binascii
import gzip
import quopri
import zlib

from . import kit
from .kit import FOUND_OR_HELD, LINE, MARKER, TEXT_PART, b64, case, entity, head, multipart

SHAPES = {
    "attached": ("application/octet-stream", "attachment", "invoice.js", kit.payload_js),
    "inline": ("text/html; charset=utf-8", "inline", None, kit.payload_html),
}


def type_field(shape):
    """The Content-Type of a shape."""
    kind, _, name, _ = SHAPES[shape]
    return f"Content-Type: {kind}" + (f'; name="{name}"' if name else "")


def disposition_field(shape):
    """The Content-Disposition of a shape."""
    _, disposition, name, _ = SHAPES[shape]
    return f"Content-Disposition: {disposition}" + (f'; filename="{name}"' if name else "")


def part(shape, encoding=("Content-Transfer-Encoding: base64",)):
    """The part with the payload, in base64; `encoding` are the fields that say so."""
    return entity([type_field(shape), *encoding, disposition_field(shape)], b64(SHAPES[shape][3]()))


def both(group, name, about, build, expect=kit.FOUND):
    """The same trick around an attachment and around an inline page."""
    for shape in SHAPES:
        yield case(group, f"{name}-{shape}", about, build(shape), expect)


# ---------------------------------------------------------------- Content-Transfer-Encoding

ENCODING_FIELDS = [
    ("twice-first", "two encodings, the first is true", ["Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: 7bit"]),
    ("twice-last", "two encodings, the last is true", ["Content-Transfer-Encoding: 7bit", "Content-Transfer-Encoding: base64"]),
    ("twice-qp-first", "base64, then quoted-printable", ["Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable"]),
    ("twice-qp-last", "quoted-printable, then base64", ["Content-Transfer-Encoding: quoted-printable", "Content-Transfer-Encoding: base64"]),
    ("comment-after", "a comment behind the value", ["Content-Transfer-Encoding: base64 (as usual)"]),
    ("comment-before", "a comment before the value", ["Content-Transfer-Encoding: (as usual) base64"]),
    ("comment-nested", "a comment in a comment", ["Content-Transfer-Encoding: (a (7bit) b) base64"]),
    ("quoted", "the value in quotes", ['Content-Transfer-Encoding: "base64"']),
    ("mixed-case", "odd case", ["cOnTeNt-tRaNsFeR-eNcOdInG: BaSe64"]),
    ("semicolon", "a semicolon behind the value", ["Content-Transfer-Encoding: base64;"]),
    ("parameter", "a parameter behind the value", ["Content-Transfer-Encoding: base64; charset=utf-8"]),
    ("tab", "a tab before the value", ["Content-Transfer-Encoding:\tbase64"]),
    ("no-blank", "no blank behind the colon", ["Content-Transfer-Encoding:base64"]),
    ("folded", "the value on the next line", ["Content-Transfer-Encoding:\r\n base64"]),
    ("folded-blank", "a line of blanks within the fold", ["Content-Transfer-Encoding: \r\n \t\r\n base64"]),
    ("folded-word", "trailing fold", ["Content-Transfer-Encoding: base64\r\n "]),
    ("nul-after", "a NUL behind the value", ["Content-Transfer-Encoding: base64\0"]),
    ("nul-before", "a NUL before the value", ["Content-Transfer-Encoding: \0base64"]),
    ("vertical-tab", "a vertical tab before the value", ["Content-Transfer-Encoding: \x0bbase64"]),
    ("form-feed", "a form feed behind the value", ["Content-Transfer-Encoding: base64\x0c"]),
    ("encoded-word", "the value as an encoded word", ["Content-Transfer-Encoding: =?us-ascii?Q?base64?="]),
    ("space-colon", "a blank before the colon", ["Content-Transfer-Encoding : base64"]),
    ("tab-colon", "a tab before the colon", ["Content-Transfer-Encoding\t: base64"]),
    ("list", "two values in one field", ["Content-Transfer-Encoding: 7bit, base64"]),
    ("list-first", "two values in one field, the first is true", ["Content-Transfer-Encoding: base64, 7bit"]),
    ("hyphen", "base-64", ["Content-Transfer-Encoding: base-64"]),
    ("x-prefix", "x-base64", ["Content-Transfer-Encoding: x-base64"]),
    ("trailing-dot", "a dot behind the value", ["Content-Transfer-Encoding: base64."]),
]


def encodings():
    """Ways to write Content-Transfer-Encoding that some programs read as base64."""
    for name, about, fields in ENCODING_FIELDS:
        yield from both("mime-encoding", name, about, lambda shape, fields=fields: kit.mail(TEXT_PART, part(shape, fields)))
    for name in ("quoted-printable", "7bit", "binary"):
        # The whole multipart is in base64, whatever RFC 2045 section 6.4 says of that; the parts name no harm.
        inner = multipart("inner", TEXT_PART, part("attached"))
        coded = b64(inner)
        fields = ["Content-Transfer-Encoding: base64"] + ([f"Content-Transfer-Encoding: {name}"] if name != "7bit" else [])
        yield case(
            "mime-encoding",
            f"multipart-base64-{name}",
            "a multipart in base64",
            kit.mail_of(coded, 'Content-Type: multipart/mixed; boundary="inner"', *fields),
        )
    quoted = quopri.encodestring(multipart("inner", TEXT_PART, part("attached")).replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    quoted = quoted.replace(b"--inner", b"=2D=2Dinner")
    yield case(
        "mime-encoding",
        "multipart-quoted-printable",
        "a multipart in quoted-printable",
        kit.mail_of(quoted, 'Content-Type: multipart/mixed; boundary="inner"', "Content-Transfer-Encoding: quoted-printable"),
    )


# ---------------------------------------------------------------- Content-Type and Content-Disposition


def types():
    """Content-Type of the whole mail written oddly, doubled, or lying."""
    plain = 'Content-Type: text/plain; charset="utf-8"'
    mixed = 'Content-Type: multipart/mixed; boundary="=_part"'
    rows = [
        ("twice-first", "multipart, then text", [mixed, plain]),
        ("twice-last", "text, then multipart", [plain, mixed]),
        ("twice-boundary-first", "two multiparts, the first is true", [mixed, 'Content-Type: multipart/mixed; boundary="other"']),
        ("twice-boundary-last", "two multiparts, the last is true", ['Content-Type: multipart/mixed; boundary="other"', mixed]),
        ("comment", "comments around the type", ['Content-Type: (one) multipart (two) / (three) mixed (four); boundary="=_part"']),
        ("mixed-case", "odd case", ['CONTENT-TYPE: MuLtIpArT/MiXeD; BoUnDaRy="=_part"']),
        ("space-colon", "a blank before the colon", ['Content-Type : multipart/mixed; boundary="=_part"']),
        ("no-subtype", "no subtype", ['Content-Type: multipart; boundary="=_part"']),
        ("empty-subtype", "an empty subtype", ['Content-Type: multipart/; boundary="=_part"']),
        ("odd-subtype", "an unknown subtype", ['Content-Type: multipart/x-odd; boundary="=_part"']),
        ("two-slashes", "a third word", ['Content-Type: multipart/mixed/odd; boundary="=_part"']),
        ("leading-semicolon", "semicolons before the type's parameters", ['Content-Type: multipart/mixed;;; ; boundary="=_part"']),
        ("no-semicolon", "no semicolon before the boundary", ['Content-Type: multipart/mixed boundary="=_part"']),
        ("comma", "a comma for the semicolon", ['Content-Type: multipart/mixed, boundary="=_part"']),
        ("fold-tab", "folded with tabs", ['Content-Type:\r\n\tmultipart/mixed;\r\n\tboundary="=_part"']),
        ("fold-blank", "a blank line within the fold", ['Content-Type: multipart/mixed;\r\n \r\n boundary="=_part"']),
        ("quoted-type", "the type in quotes", ['Content-Type: "multipart/mixed"; boundary="=_part"']),
        ("nul", "a NUL in the field", ['Content-Type: multipart/mixed;\0 boundary="=_part"']),
        ("vertical-tab", "a vertical tab in the field", ['Content-Type: multipart/mixed;\x0bboundary="=_part"']),
        ("encoded-word", "the type as an encoded word", ['Content-Type: =?us-ascii?Q?multipart/mixed?=; boundary="=_part"']),
        ("quoted-semicolon", "a quoted parameter with a fake boundary", ['Content-Type: multipart/mixed; x="; boundary=fake"; boundary="=_part"']),
        ("escaped-quote", "an escaped quote in a parameter", ['Content-Type: multipart/mixed; x="a\\"; boundary=fake; y=\\"b"; boundary="=_part"']),
    ]
    for name, about, fields in rows:
        yield from both(
            "mime-type", name, about, lambda shape, fields=fields: head("Invoice", *fields) + LINE + multipart("=_part", TEXT_PART, part(shape))
        )
    for kind in (
        "alternative",
        "related",
        "parallel",
        "digest",
        "report",
        "signed",
        "encrypted",
        "form-data",
        "appledouble",
        "x-mixed-replace",
        "header-set",
        "byteranges",
        "voice-message",
    ):
        body = multipart("=_part", TEXT_PART, part("attached"))
        yield case(
            "mime-type",
            f"subtype-{kind}",
            f"a plain attachment in multipart/{kind}",
            kit.mail_of(body, f'Content-Type: multipart/{kind}; boundary="=_part"'),
        )


def part_fields():
    """Fields of the part that holds the payload, doubled or disagreeing."""
    data = b64(kit.payload_js())
    base = "Content-Transfer-Encoding: base64"
    rows = [
        (
            "disposition-twice",
            "attachment, then inline",
            ["Content-Type: text/html", 'Content-Disposition: attachment; filename="a.js"', "Content-Disposition: inline", base],
        ),
        ("image-type", "a script that says it is a picture", ['Content-Type: image/png; name="a.js"', base]),
        ("type-twice", "picture, then program", ["Content-Type: image/png", 'Content-Type: application/x-javascript; name="a.js"', base]),
        ("no-type", "no Content-Type at all", ['Content-Disposition: attachment; filename="a.js"', base]),
        ("bad-type", "a Content-Type without a slash", ["Content-Type: binary", base, 'Content-Disposition: attachment; filename="a.js"']),
        ("empty-type", "an empty Content-Type", ["Content-Type:", base, 'Content-Disposition: attachment; filename="a.js"']),
        ("empty-name", "a field without a name", [": odd", "Content-Type: application/octet-stream", base]),
        ("junk-line", "a line that is no field", ["this is not a field", "Content-Type: application/octet-stream", base]),
        ("fold-first", "the part begins with a folded line", [" folded: from nothing", "Content-Type: application/octet-stream", base]),
        ("eight-bit-field", "a field with bytes above 127", [b"X-\xc3\xa5: \xff\xfe", b"Content-Type: application/octet-stream", base]),
        ("long-field", "a field of 200 kB before the encoding", ["X-Long: " + "a" * 200_000, "Content-Type: application/octet-stream", base]),
        ("many-fields", "2,000 fields before the encoding", [*(f"X-{at}: b" for at in range(2000)), base]),
        (
            "location",
            "named by Content-Location only",
            ["Content-Type: application/x-javascript", "Content-Location: http://files.example/a.js", base],
        ),
        ("description", "named by Content-Description only", ["Content-Type: application/octet-stream", "Content-Description: a.js", base]),
    ]
    for name, about, fields in rows:
        yield case("mime-part", name, about, kit.mail(TEXT_PART, entity(fields, data)))
    packed = gzip.compress(kit.payload_html(), mtime=0)
    for coding in ("gzip", "x-gzip", "deflate"):
        body = zlib.compress(kit.payload_html()) if coding == "deflate" else packed
        yield case(
            "mime-part",
            f"content-encoding-{coding}",
            "Content-Encoding as in HTTP",
            kit.mail(entity(["Content-Type: text/html", f"Content-Encoding: {coding}", base], b64(body))),
        )


# ---------------------------------------------------------------- boundaries


def boundary_fields():
    """Ways to write the boundary parameter: (name, about, parameter, the boundary that is meant)."""
    long = "b" * 400
    return [
        ("unquoted", "no quotes", "boundary=part1", "part1"),
        ("unquoted-odd", "no quotes around odd characters", "boundary=a=b:c/d?e", "a=b:c/d?e"),
        ("blanks", "blanks around the equals sign", 'boundary = "part1"', "part1"),
        ("upper", "name in capitals", 'BOUNDARY="part1"', "part1"),
        ("extended", "RFC 2231 with a character set", "boundary*=us-ascii''part%31", "part1"),
        ("continued", "RFC 2231 in two pieces", 'boundary*0="pa"; boundary*1="rt1"', "part1"),
        ("continued-swapped", "RFC 2231, second piece first", 'boundary*1="rt1"; boundary*0="pa"', "part1"),
        ("continued-extended", "RFC 2231, pieces with a character set", "boundary*0*=us-ascii''p%61; boundary*1*=rt%31", "part1"),
        ("plain-and-extended", "plain and RFC 2231, plain is true", "boundary=\"part1\"; boundary*=us-ascii''other", "part1"),
        ("extended-and-plain", "plain and RFC 2231, RFC 2231 is true", "boundary=\"other\"; boundary*=us-ascii''part1", "part1"),
        ("twice-first", "two boundaries, the first is true", 'boundary="part1"; boundary="other"', "part1"),
        ("twice-last", "two boundaries, the last is true", 'boundary="other"; boundary="part1"', "part1"),
        ("quoted-pair", "backslashes in the quotes", 'boundary="p\\a\\r\\t1"', "part1"),
        ("quoted-quote", "an escaped quote", 'boundary="pa\\"rt1"', 'pa"rt1'),
        ("trailing-blank", "ends in a blank within quotes", 'boundary="part1 "', "part1"),
        ("leading-blank", "begins with a blank within quotes", 'boundary=" part1"', " part1"),
        ("inner-blank", "a blank within", 'boundary="pa rt1"', "pa rt1"),
        ("comment-before", "a comment before the value", 'boundary=(odd)"part1"', "part1"),
        ("comment-after", "a comment behind the value", 'boundary="part1" (odd)', "part1"),
        ("unclosed", "quotes never closed", 'boundary="part1', "part1"),
        ("single-quotes", "single quotes belong to it", "boundary='part1'", "'part1'"),
        ("junk-after", "junk behind the closing quote", 'boundary="part1"odd', "part1"),
        ("folded-inside", "folded within the quotes", 'boundary="part1\r\n "', "part1"),
        ("long", "longer than RFC 2046 allows", f'boundary="{long}"', long),
        ("eight-bit", "bytes above 127", 'boundary="pårt1"', "pårt1"),
        ("encoded-word", "an encoded word", 'boundary="=?us-ascii?Q?part1?="', "=?us-ascii?Q?part1?="),
        ("encoded-word-read", "an encoded word that is meant decoded", 'boundary="=?us-ascii?Q?part1?="', "part1"),
        ("empty", "an empty boundary", 'boundary=""', ""),
        ("none", "no boundary parameter", "charset=utf-8", "part1"),
        ("other-case", "declared in capitals", 'boundary="PART1"', "part1"),
        ("semicolon-end", "a semicolon at the end", 'boundary="part1";', "part1"),
        ("dashes", "begins with dashes", 'boundary="--part1"', "--part1"),
        ("comma-end", "unquoted with a comma", "boundary=part1,x", "part1,x"),
    ]


def boundaries():
    """The boundary parameter and the delimiter lines."""
    for name, about, parameter, meant in boundary_fields():
        yield from both(
            "mime-boundary",
            name,
            about,
            lambda shape, parameter=parameter, meant=meant: kit.mail_of(
                multipart(meant, TEXT_PART, part(shape)), f"Content-Type: multipart/mixed; {parameter}"
            ),
        )
    for name, about, body in delimiter_bodies():
        yield case("mime-delimiter", name, about, kit.mail_of(body, 'Content-Type: multipart/mixed; boundary="b"'))


def delimiter_bodies():
    """Bodies whose delimiter lines are odd: (name, about, body)."""
    good = part("attached")
    text = TEXT_PART
    mark, end = b"--b\r\n", b"--b--\r\n"
    nested = entity(['Content-Type: multipart/mixed; boundary="b"'], mark + good + end)
    longer = entity(['Content-Type: multipart/mixed; boundary="b1"'], multipart("b1", good))
    return [
        ("no-close", "no closing delimiter", mark + text + mark + good),
        ("after-close", "a part behind the closing delimiter", mark + text + end + mark + good + end),
        ("closed-first", "the closing delimiter comes first", end + mark + text + mark + good + end),
        ("trailing-blanks", "blanks behind the delimiter", b"--b  \t\r\n" + text + b"--b \r\n" + good + b"--b-- \r\n"),
        ("trailing-junk", "junk behind the delimiter", mark + text + b"--b junk\r\n" + good + end),
        ("prefix-only", "a delimiter that only begins with the boundary", mark + text + b"--bxyz\r\n" + good + b"--bxyz--\r\n"),
        ("one-dash-end", "one dash at the end", mark + text + b"--b-\r\n" + good + end),
        ("same-inside", "an inner multipart with the same boundary", mark + text + mark + nested + end),
        ("longer-inside", "an inner boundary that begins with the outer", mark + text + mark + longer + end),
        ("bare-lf", "delimiters end in LF, the rest in CRLF", b"--b\n" + text + b"--b\n" + good + b"--b--\n"),
        ("only-attachment", "the first part is the payload", mark + good + end),
        ("no-first", "the first delimiter is missing", good + mark + text + end),
        ("preamble-junk", "100 kB before the first delimiter", b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 1200 + mark + good + end),
        ("preamble-false", "delimiters in the middle of a preamble line", b"see --b here\r\n" + mark + good + end),
        ("empty-parts", "500 empty parts before it", mark * 500 + good + end),
        (
            "no-blank-line",
            "no empty line in the part: its body begins at once",
            mark + text + b"--b\r\n" + good.replace(b"\r\n\r\n", b"\r\n", 1) + end,
        ),
        ("double-blank", "an empty line before the delimiter's part ends", mark + text + b"\r\n\r\n" + mark + good + b"\r\n\r\n" + end),
        (
            "close-in-inner",
            "an inner part is never closed before the outer goes on",
            mark + entity(['Content-Type: multipart/mixed; boundary="c"'], b"--c\r\n" + text) + mark + good + end,
        ),
        (
            "outer-in-inner",
            "the outer delimiter stands inside the inner part",
            mark + entity(['Content-Type: multipart/mixed; boundary="c"'], b"--c\r\n" + text + mark + good + b"--c--\r\n") + end,
        ),
        ("nul-after", "a NUL behind the delimiter", mark + text + b"--b\0\r\n" + good + end),
        ("cr-only", "a lone CR behind the delimiter", mark + text + b"\r--b\r" + good + b"\r\n" + end),
        ("truncated", "ends in the middle of the last line of base64", (mark + text + mark + good).rstrip()),
        ("epilogue-uuencode", "uuencoded behind the closing delimiter", mark + text + end + uuencode(kit.payload_js(), "a.js")),
        ("preamble-uuencode", "uuencoded before the first delimiter", uuencode(kit.payload_js(), "a.js") + mark + text + end),
    ]


# ---------------------------------------------------------------- line ends and the header's end


def line_ends():
    """The header's begin and end, and every kind of line end."""
    whole = kit.mail(TEXT_PART, part("attached"))
    page = kit.mail_of(b64(kit.payload_html()), "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64")
    fields, _, body = whole.partition(b"\r\n\r\n")
    rows = [
        ("lf", "LF only", lambda m: m.replace(b"\r\n", b"\n")),
        ("cr", "CR only", lambda m: m.replace(b"\r\n", b"\r")),
        ("crcrlf", "CR CR LF", lambda m: m.replace(b"\r\n", b"\r\r\n")),
        ("lfcr", "LF CR", lambda m: m.replace(b"\r\n", b"\n\r")),
        ("lf-head", "LF in the header, CRLF in the body", lambda m: m.replace(b"\r\n", b"\n", m[: m.index(b"\r\n\r\n") + 4].count(b"\r\n"))),
        ("bom", "a byte order mark first", lambda m: b"\xef\xbb\xbf" + m),
        ("mbox", "a line of an mbox first", lambda m: b"From anna@sender.example Mon Mar  2 10:00:00 2026\r\n" + m),
        ("quoted-mbox", "a quoted line of an mbox first", lambda m: b">From anna@sender.example Mon Mar  2 10:00:00 2026\r\n" + m),
        ("fold-first", "the first line is a folded one", lambda m: b" folded from nothing\r\n" + m),
        ("junk-first", "the first line is no field", lambda m: b"this is not a field\r\n" + m),
        ("empty-first", "an empty line first", lambda m: b"\r\n" + m),
        ("junk-inside", "a line in the header that is no field", lambda m: m.replace(b"MIME-Version", b"this is not a field\r\nMIME-Version")),
        ("blanks-end", "a line of blanks ends the header", lambda m: m.replace(b"\r\n\r\n", b"\r\n \t\r\n", 1)),
        ("no-version", "no MIME-Version", lambda m: m.replace(b"MIME-Version: 1.0\r\n", b"")),
        ("version-two", "MIME-Version 2.0", lambda m: m.replace(b"MIME-Version: 1.0", b"MIME-Version: 2.0 (odd)")),
        ("nul-inside", "a NUL in the header", lambda m: m.replace(b"Subject: ", b"Subject: \0 ")),
        ("nul-body", "NULs strewn between the lines", lambda m: m.replace(b"\r\n\r\n", b"\r\n\r\n\0\0", 1)),
        ("long-line", "a field of a megabyte", lambda m: m.replace(b"Subject: ", b"Subject: " + b"a " * 500_000)),
        ("ctrl-z", "a Ctrl-Z before the header's end", lambda m: m.replace(b"MIME-Version", b"X-End: \x1a\r\nMIME-Version")),
        ("dot-line", "a line with a single dot in the preamble", lambda m: m.replace(b"\r\n\r\n", b"\r\n\r\n.\r\n", 1)),
        ("cr-in-field", "a lone CR in a field before the type", lambda m: m.replace(b"MIME-Version", b"X-Odd: a\rb\r\nMIME-Version")),
        ("field-behind-cr", "the type stands behind a lone CR", lambda m: m.replace(b"\r\nContent-Type", b"\rContent-Type", 1)),
    ]
    for name, about, change in rows:
        yield case("mime-lines", f"{name}-attached", about, change(whole))
        yield case("mime-lines", f"{name}-inline", about, change(page))
    yield case("mime-lines", "no-empty-line", "the header runs straight into the first delimiter", fields + b"\r\n" + body)


# ---------------------------------------------------------------- messages within messages


def inner_mail(shape="attached", subject="Inner"):
    """A whole mail to be put inside another."""
    return kit.mail(TEXT_PART, part(shape), subject=subject, boundary="=_inner")


def messages():
    """Messages in messages, in all the types and encodings they come in."""
    inner = inner_mail()
    rfc822 = "Content-Type: message/rfc822"
    base = "Content-Transfer-Encoding: base64"
    quoted = quopri.encodestring(inner.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    wide = inner.decode("ascii")
    rows = [
        ("plain", "message/rfc822", entity([rfc822], inner)),
        ("base64", "message/rfc822 in base64", entity([rfc822, base], b64(inner))),
        ("quoted-printable", "message/rfc822 in quoted-printable", entity([rfc822, "Content-Transfer-Encoding: quoted-printable"], quoted)),
        ("global", "message/global in base64", entity(["Content-Type: message/global", base], b64(inner))),
        ("news", "message/news", entity(["Content-Type: message/news"], inner)),
        ("odd", "message/x-odd", entity(["Content-Type: message/x-odd"], inner)),
        ("octets", "an .eml as octets", kit.attachment(inner, "forwarded.eml")),
        ("octets-unnamed", "a message as octets without a name", entity(["Content-Type: application/octet-stream", base], b64(inner))),
        ("text", "an .eml that says it is text", kit.attachment(inner, "forwarded.eml", "text/plain")),
        ("blank-first", "an empty line before the inner header", entity([rfc822], b"\r\n" + inner)),
        ("mbox-first", "a line of an mbox before the inner header", entity([rfc822], b"From a@sender.example Mon Mar  2 10:00:00 2026\r\n" + inner)),
        ("bom", "an .eml with a byte order mark", kit.attachment(b"\xef\xbb\xbf" + inner, "forwarded.eml")),
        ("utf16le", "an .eml in UTF-16LE with a byte order mark", kit.attachment(b"\xff\xfe" + wide.encode("utf-16-le"), "forwarded.eml")),
        ("utf16be", "an .eml in UTF-16BE with a byte order mark", kit.attachment(b"\xfe\xff" + wide.encode("utf-16-be"), "forwarded.eml")),
        ("partial", "message/partial, number 1 of 1", entity(['Content-Type: message/partial; id="x@sender.example"; number=1; total=1'], inner)),
        ("headers", "text/rfc822-headers with a body", entity(["Content-Type: text/rfc822-headers"], inner)),
        ("disposition", "message/disposition-notification with a whole mail", entity(["Content-Type: message/disposition-notification"], inner)),
    ]
    for name, about, made in rows:
        yield case("mime-message", name, about, kit.mail(TEXT_PART, made))
    yield case("mime-message", "whole-base64", "the mail itself is message/rfc822 in base64", kit.mail_of(b64(inner), rfc822, base))
    yield case(
        "mime-message",
        "partial-of-two",
        "message/partial, number 1 of 2",
        kit.mail_of(inner, 'Content-Type: message/partial; id="x@sender.example"; number=1; total=2'),
        FOUND_OR_HELD,
    )
    yield case(
        "mime-message",
        "external",
        "message/external-body with a body of its own",
        kit.mail(TEXT_PART, entity(['Content-Type: message/external-body; access-type=local-file; name="a.js"'], part("attached"))),
        FOUND_OR_HELD,
    )
    digest = multipart("d", LINE + inner, LINE + inner_mail("inline"))
    yield case("mime-message", "digest", "a digest whose parts name no type", kit.mail_of(digest, 'Content-Type: multipart/digest; boundary="d"'))
    report = kit.mail(
        TEXT_PART,
        entity(["Content-Type: message/delivery-status"], "Reporting-MTA: dns; mx.sender.example\r\n\r\nAction: failed\r\n"),
        entity([rfc822], inner),
        kind='report; report-type="delivery-status"',
    )
    yield case("mime-message", "bounce", "a bounce that brings a mail back", report)
    status = entity(
        ["Content-Type: message/delivery-status", base],
        b64(b"Reporting-MTA: dns; mx.sender.example\r\n\r\nDiagnostic-Code: " + MARKER.encode() + b"\r\n"),
    )
    yield case("mime-message", "status-base64", "a delivery status in base64", kit.mail(TEXT_PART, status))
    deep, deep_multi = inner, part("attached")
    for at in range(10):
        deep = head(f"Level {at}", rfc822) + LINE + deep
        deep_multi = entity([f'Content-Type: multipart/mixed; boundary="=_l{at}"'], multipart(f"=_l{at}", TEXT_PART, deep_multi))
    yield case("mime-message", "ten-deep", "ten messages within each other", deep)
    yield case("mime-message", "ten-multiparts", "ten multiparts within each other", kit.mail(TEXT_PART, deep_multi))
    coded_deep = inner
    for at in range(5):
        coded_deep = head(f"Level {at}", rfc822, base) + LINE + b64(coded_deep)
    yield case("mime-message", "five-base64", "five messages within each other, each in base64", coded_deep)


# ---------------------------------------------------------------- files written into the text


def uuencode(data, name, mode="644"):
    """A file in the old encoding of uucp."""
    lines = b"".join(binascii.b2a_uu(data[at : at + 45], backtick=True).rstrip(b"\n") + LINE for at in range(0, len(data), 45))
    return f"begin {mode} {name}\r\n".encode() + lines + b"`\r\nend\r\n"


def yencode(data, name):
    """A file in yEnc, as newsgroups use it."""
    out = bytearray()
    for byte in data:
        code = (byte + 42) % 256
        out += bytes([0x3D, (code + 64) % 256]) if code in (0, 10, 13, 0x3D) else bytes([code])
    crc = zlib.crc32(data)
    return f"=ybegin line=4096 size={len(data)} name={name}\r\n".encode() + bytes(out) + f"\r\n=yend size={len(data)} crc32={crc:08x}\r\n".encode()


def crc_xmodem(data):
    """The checksum of BinHex and MacBinary."""
    return binascii.crc_hqx(data, 0)


def binhex(data, name):
    """A file in BinHex 4.0: a header, a data fork, an empty resource fork."""
    alphabet = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    title = name.encode()
    header = bytes([len(title)]) + title + b"\0TEXTttxt\0\0" + len(data).to_bytes(4, "big") + bytes(4)
    forks = [header, data, b""]
    raw = b"".join(fork + crc_xmodem(fork).to_bytes(2, "big") for fork in forks)
    raw = raw.replace(b"\x90", b"\x90\x00")
    bits, count, out = 0, 0, bytearray()
    for byte in raw:
        bits, count = (bits << 8) | byte, count + 8
        while count >= 6:
            count -= 6
            out.append(alphabet[(bits >> count) & 63])
    if count:
        out.append(alphabet[(bits << (6 - count)) & 63])
    text = b":" + bytes(out) + b":"
    lines = LINE.join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"(This file must be converted with BinHex 4.0)\r\n\r\n" + lines + LINE


def files_in_text():
    """Files written into a plain text, which old and new clients offer as attachments."""
    data = kit.payload_js()
    text = b"Hello Bo,\r\n\r\nhere it is.\r\n\r\n"
    plain = "Content-Type: text/plain; charset=us-ascii"
    rows = [
        ("uuencode", "uuencoded in the text", text + uuencode(data, "invoice.js")),
        ("uuencode-exe", "a program uuencoded in the text", text + uuencode(kit.payload_exe(), "invoice.exe")),
        ("uuencode-at-once", "uuencoded from the first line on", uuencode(data, "invoice.js")),
        ("uuencode-no-end", "uuencoded without an end", text + uuencode(data, "invoice.js").replace(b"`\r\nend\r\n", b"")),
        ("uuencode-two", "two uuencoded files, the second is bad", text + uuencode(b"calm " * 20, "a.txt") + uuencode(data, "invoice.js")),
        ("uuencode-odd-mode", "an odd mode and blanks in the name", text + uuencode(data, "my invoice .js", "0644")),
        ("uuencode-base64", "begin-base64 of POSIX", text + b"begin-base64 644 invoice.js\r\n" + b64(data) + b"====\r\n"),
        ("yenc", "yEnc in the text", text + yencode(data, "invoice.js")),
        ("binhex", "BinHex in the text", text + binhex(data, "invoice.js")),
        ("mime-in-text", "a bounced mail quoted whole in the text", text + b"------ This is a copy of the message ------\r\n\r\n" + inner_mail()),
        (
            "base64-block",
            "a part in base64 without its multipart",
            text + b'Content-Type: application/octet-stream; name="invoice.js"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + b64(data),
        ),
    ]
    for name, about, body in rows:
        yield case("mime-text", name, about, kit.mail_of(body, plain, "Content-Transfer-Encoding: 8bit"))
    for name, kind, body in (
        ("hqx", "application/mac-binhex40", binhex(data, "invoice.js")),
        ("uue", "application/x-uuencode", uuencode(data, "invoice.js")),
    ):
        yield case("mime-text", f"attached-{name}", f"a file of {kind} attached", kit.mail(TEXT_PART, kit.attachment(body, f"invoice.{name}", kind)))


# ---------------------------------------------------------------- character sets


def utf7(text):
    """UTF-7 in which every run of letters is shifted, so that nothing stands there plainly."""
    coded = base64.b64encode(text.encode("utf-16-be")).rstrip(b"=")
    return b"+" + coded + b"-"


def charsets():
    """Pages and texts in character sets that hide what is written."""
    page = kit.payload_html().decode()
    half = len(MARKER) // 2
    split = page.replace(MARKER, MARKER[:half] + "{}" + MARKER[half:])
    rows = [
        ("utf-7", "utf-7", b"<p>" + utf7(MARKER) + b"</p>"),
        ("utf-7-whole", "utf-7", utf7(page)),
        ("unicode-1-1-utf-7", "unicode-1-1-utf-7", utf7(page)),
        ("utf-16", "utf-16", page.encode("utf-16")),
        ("utf-16le", "utf-16le", page.encode("utf-16-le")),
        ("utf-16be", "utf-16be", page.encode("utf-16-be")),
        ("utf-32le", "utf-32le", page.encode("utf-32-le")),
        ("utf-32be", "utf-32be", page.encode("utf-32-be")),
        ("ebcdic-037", "ibm037", page.encode("cp037")),
        ("ebcdic-500", "ibm500", page.encode("cp500")),
        ("iso-2022-jp", "iso-2022-jp", split.format("\x1b(B").encode()),
        ("iso-2022-kr", "iso-2022-kr", b"\x1b$)C" + split.format("\x0e\x0f").encode()),
        ("hz", "hz-gb-2312", split.format("~\n").encode()),
        ("hz-shift", "hz-gb-2312", split.format("~{~}").encode()),
    ]
    for name, charset, body in rows:
        for kind in ("html", "plain"):
            yield case(
                "mime-charset",
                f"{name}-{kind}",
                f"text/{kind} in {charset}",
                kit.mail_of(b64(body), f"Content-Type: text/{kind}; charset={charset}", "Content-Transfer-Encoding: base64"),
            )
    yield case(
        "mime-charset",
        "twice",
        "two character sets, the second is true",
        kit.mail_of(b64(page.encode("cp037")), 'Content-Type: text/html; charset="us-ascii"; charset="ibm037"', "Content-Transfer-Encoding: base64"),
    )
    yield case(
        "mime-charset",
        "subject",
        "the marker in an encoded subject",
        kit.mail_of("Hello\r\n", "Content-Type: text/plain", subject="=?utf-8?B?" + base64.b64encode(MARKER.encode()).decode() + "?="),
    )
    yield case(
        "mime-charset",
        "subject-two-words",
        "the marker in two encoded words",
        kit.mail_of("Hello\r\n", "Content-Type: text/plain", subject="=?utf-8?Q?" + MARKER[:20] + "?=\r\n =?utf-8?Q?" + MARKER[20:] + "?="),
    )


def cases():
    """All cases of this field."""
    for makers in (encodings, types, part_fields, boundaries, line_ends, messages, files_in_text, charsets):
        yield from makers()
