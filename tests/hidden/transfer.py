"""Hiding in the transfer encoding: base64, quoted-printable and uuencode written the way lax decoders still read them."""

import base64
import binascii
import random

from . import kit
from .kit import LINE, MARKER_BYTES, TEXT_PART, b64, case, entity
from .mime import uuencode, yencode


def coded(data):
    """Base64 without line ends."""
    return base64.b64encode(data)


def lines(text, width, end=LINE):
    """Text cut into lines."""
    return end.join(text[at : at + width] for at in range(0, len(text), width)) + end


def strewn(text, junk, step, seed=1):
    """Text with a piece of junk behind every `step` characters."""
    chosen = random.Random(seed)
    return b"".join(text[at : at + step] + chosen.choice(junk) for at in range(0, len(text), step))


def pieces(data, size):
    """Each piece of `size` bytes encoded alone, so that padding stands inside."""
    return [coded(data[at : at + size]) for at in range(0, len(data), size)]


def base64_bodies(data):
    """Odd base64 of some bytes: (name, about, body)."""
    text = coded(data)
    half = len(text) // 2
    return [
        ("one-line", "all in one line", text + LINE),
        ("one-a-line", "one character a line", lines(text, 1)),
        ("three-a-line", "three characters a line", lines(text, 3)),
        ("odd-width", "61 characters a line", lines(text, 61)),
        ("lf", "lines end in LF", lines(text, 76, b"\n")),
        ("cr", "lines end in CR", lines(text, 76, b"\r")),
        ("crcrlf", "lines end in CR CR LF", lines(text, 76, b"\r\r\n")),
        ("blank-lines", "empty lines between", lines(text, 20, b"\r\n\r\n")),
        ("indented", "lines begin with blanks", b"".join(b"   " + text[at : at + 60] + LINE for at in range(0, len(text), 60))),
        ("quoted", "lines begin with a quote mark", b"".join(b"> " + text[at : at + 60] + LINE for at in range(0, len(text), 60))),
        ("blanks", "blanks strewn in", lines(strewn(text, [b" ", b"\t"], 5), 76)),
        ("junk", "characters outside the alphabet strewn in", lines(strewn(text, [b"!", b"*", b"#", b"%", b"."], 7), 76)),
        ("eight-bit", "bytes above 127 strewn in", lines(strewn(text, [b"\xe5", b"\xff", b"\xa0"], 9), 76)),
        ("nul", "NULs strewn in", lines(strewn(text, [b"\0"], 11), 76)),
        ("dashes", "single dashes at line ends", lines(text, 60, b"!\r\n")),
        ("no-padding", "padding left out", lines(text.rstrip(b"="), 76)),
        ("more-padding", "more padding than needed", lines(text.rstrip(b"="), 76) + b"====" + LINE),
        ("padding-inside", "each 25 bytes encoded alone, padding inside", LINE.join(pieces(data, 25)) + LINE),
        ("padding-inside-joined", "padding inside, in one line", b"".join(pieces(data, 26)) + LINE),
        ("padding-line", "a line with only = in the middle", lines(text[:half], 76) + b"=" + LINE + lines(text[half:], 76)),
        ("padding-lines", "four lines with = in the middle", lines(text[:40], 76) + b"=\r\n=\r\n=\r\n=\r\n" + lines(text[40:], 76)),
        ("padding-first", "begins with padding", b"====" + LINE + lines(text, 76)),
        ("leading-text", "a sentence before it", b"<<< see below >>>\r\n\r\n" + lines(text, 76)),
        ("leading-comment", "begins with four odd characters", b"!!!!" + lines(text, 76)),
        ("trailing-text", "an unencoded footer behind it", lines(text, 76) + b"\r\n-- \r\nThis list is run by example.\r\n"),
        ("two-streams", "two files behind each other, the second is bad", lines(coded(b"A calm first file. " * 9 + b"\n"), 76) + lines(text, 76)),
        ("url-safe", "the alphabet for addresses", lines(base64.urlsafe_b64encode(data), 76)),
        ("no-last-line-end", "no line end at the end", text),
        ("cut", "the last character is missing", text.rstrip(b"=")[:-1]),
        ("bom", "a byte order mark first", b"\xef\xbb\xbf" + lines(text, 76)),
        ("tab-lines", "tabs for line ends", lines(text, 76, b"\t")),
        ("comment-lines", "header-like line inside", lines(text[:40], 76) + b": -:- :\r\n" + lines(text[40:], 76)),
    ]


def quoted(data, every=False, width=60, lower=False, end=b"=\r\n"):
    """Quoted-printable with soft breaks; `every` encodes each byte."""
    form = "={:02x}" if lower else "={:02X}"
    marks = [form.format(byte).encode() if every or byte in b"=\r\n" or byte > 126 or byte < 32 else bytes([byte]) for byte in data]
    out, room = [], 0
    for mark in marks:
        if room + len(mark) > width:
            out.append(end)
            room = 0
        out.append(mark)
        room += len(mark)
    return b"".join(out) + LINE


def quoted_bodies(data):
    """Odd quoted-printable of a page: (name, about, body)."""
    half = len(MARKER_BYTES) // 2
    first, second = MARKER_BYTES[:half], MARKER_BYTES[half:]

    def split(between):
        return data.replace(b"=", b"=3D").replace(MARKER_BYTES, first + between + second)

    return [
        ("every-byte", "every byte encoded", quoted(data, every=True)),
        ("lower-case", "lower-case hex digits", quoted(data, every=True, lower=True)),
        ("soft-break", "a soft break within the marker", split(b"=\r\n")),
        ("soft-break-lf", "a soft break with LF", split(b"=\n")),
        ("soft-break-blanks", "a soft break with blanks behind the equals sign", split(b"=  \t\r\n")),
        ("soft-break-cr", "a soft break with CR", split(b"=\r")),
        ("soft-break-crcrlf", "a soft break with CR CR LF", split(b"=\r\r\n")),
        ("narrow", "three characters a line", quoted(data, every=True, width=3)),
        ("long-line", "no break at all", quoted(data, every=True, width=10**9)),
        ("soft-breaks-many", "twenty soft breaks in a row", split(b"=\r\n" * 20)),
        ("mixed", "only the marker's letters encoded", data.replace(MARKER_BYTES, quoted(MARKER_BYTES, every=True, width=999).rstrip())),
        ("bad-before", "a wrong escape before", b"=ZZ =\xe5 = " + split(b"=\r\n")),
        ("cut", "ends in an equals sign", split(b"=\r\n").rstrip() + b"="),
    ]


def uu_bodies(data):
    """Odd uuencoded bodies: (name, about, body)."""
    good = uuencode(data, "invoice.js")
    blank = b"".join(binascii.b2a_uu(data[at : at + 45]).rstrip(b"\n") + LINE for at in range(0, len(data), 45))
    trimmed = LINE.join(line.rstrip(b" ") for line in blank.split(LINE))
    short = b"".join(binascii.b2a_uu(data[at : at + 7], backtick=True).rstrip(b"\n") + LINE for at in range(0, len(data), 7))
    return [
        ("plain", "as it is written", good),
        ("blanks", "blanks for zero bytes", b"begin 644 invoice.js\r\n" + blank + b" \r\nend\r\n"),
        ("trimmed", "trailing blanks lost", b"begin 644 invoice.js\r\n" + trimmed + b"\r\nend\r\n"),
        ("short-lines", "seven bytes a line", b"begin 644 invoice.js\r\n" + short + b"`\r\nend\r\n"),
        ("no-begin", "no begin line", good.split(LINE, 1)[1]),
        ("junk-first", "text before the begin line", b"see below\r\n\r\n" + good),
        ("no-mode", "no mode in the begin line", good.replace(b"begin 644 ", b"begin  ")),
        ("lf", "LF only", good.replace(b"\r\n", b"\n")),
        ("blank-lines", "empty lines between", good.replace(b"\r\n", b"\r\n\r\n")),
    ]


def cases():
    """All cases of this field."""
    page, script = kit.payload_html(), kit.payload_js()
    html = "Content-Type: text/html; charset=utf-8"
    base = "Content-Transfer-Encoding: base64"
    octets = ['Content-Type: application/octet-stream; name="invoice.js"', 'Content-Disposition: attachment; filename="invoice.js"']
    for name, about, body in base64_bodies(page):
        yield case("transfer-base64", f"{name}-inline", about, kit.mail_of(body, html, base))
    for name, about, body in base64_bodies(script):
        yield case("transfer-base64", f"{name}-attached", about, kit.mail(TEXT_PART, entity([*octets, base], body)))
    printable = "Content-Transfer-Encoding: quoted-printable"
    for name, about, body in quoted_bodies(page):
        yield case("transfer-quoted", f"{name}-inline", about, kit.mail_of(body, html, printable))
    for name, about, body in quoted_bodies(script):
        yield case("transfer-quoted", f"{name}-attached", about, kit.mail(TEXT_PART, entity([*octets, printable], body)))
    for name, about, body in uu_bodies(script):
        for word in ("x-uuencode", "uuencode"):
            yield case(
                "transfer-uu",
                f"{name}-{word}",
                f"{about}, {word}",
                kit.mail(TEXT_PART, entity([*octets, f"Content-Transfer-Encoding: {word}"], body)),
            )
    for word in ("x-uue", "x-uu"):
        yield case(
            "transfer-uu",
            f"plain-{word}",
            f"named {word}",
            kit.mail(TEXT_PART, entity([*octets, f"Content-Transfer-Encoding: {word}"], uuencode(script, "invoice.js"))),
        )
    yield case(
        "transfer-uu",
        "yenc",
        "the encoding is named x-yencode",
        kit.mail(TEXT_PART, entity([*octets, "Content-Transfer-Encoding: x-yencode"], yencode(script, "invoice.js"))),
    )
    yield case(
        "transfer-base64",
        "twice",
        "base64 of base64 in a file to be decoded by certutil",
        kit.mail_with(b"-----BEGIN CERTIFICATE-----\r\n" + b64(script, 64) + b"-----END CERTIFICATE-----\r\n", "invoice.crt"),
    )
    yield case("transfer-base64", "twice-b64", "a .b64 file, in base64", kit.mail_with(b64(script), "invoice.b64"))
    yield case("transfer-base64", "thrice", "base64 three times", kit.mail_with(b64(b64(script)), "invoice.b64"))
