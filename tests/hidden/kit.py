"""What all fields share: the marker, the payloads that carry it, the case, and plain ways to build a mail.

Nothing in here is harmful: a payload is a text, a script that only writes a line, or bytes that merely begin like a program.
The marker is put together at run time so that this source file is not found by the rule that looks for it.
"""

import base64
import random
import zlib
from typing import NamedTuple

MARKER = "SLUSS-HIDDEN-" + "MARKER-7f3a9c51e2-INERT-BIT"
MARKER_BYTES = MARKER.encode("ascii")

# What a case may ask for.
FOUND = "marker"  # the marker must be found
FOUND_OR_HELD = "marker-or-held"  # found, or said that it could not be opened
CLEAN = "clean"  # ordinary mail: no finding
SURVIVE = "survive"  # a bomb: must end in time

DATE = "Mon, 02 Mar 2026 10:00:00 +0100"
LINE = b"\r\n"


class Case(NamedTuple):
    """One mail: where it belongs, what is expected of the scanner, and why."""

    group: str
    name: str
    expect: str
    about: str
    mail: bytes


def case(group, name, about, mail, expect=FOUND):
    """A case with the usual expectation first in mind."""
    return Case(group, name, expect, about, mail)


def noise(seed, size):
    """Bytes that do not compress, the same in every run."""
    return random.Random(seed).randbytes(size)


# ---------------------------------------------------------------- payloads


def payload_text():
    """About 200 bytes of plain text with the marker in the middle."""
    text = f"This file is a harmless test.\r\nIt holds one line that a scanner is to find:\r\n{MARKER}\r\n"
    return (text + "Nothing else is in it, and nothing happens when it is opened. Thank you for looking.\r\n").encode()


def payload_js():
    """A script that would only print a line."""
    return f'// A harmless test script.\r\nvar line = "{MARKER}";\r\nWScript.Echo(line);\r\n// It ends here.\r\n'.encode()


def payload_exe():
    """Bytes that begin like a program for Windows and are none: there is no code in them."""
    head = b"MZ" + bytes([0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xFF, 0xFF, 0, 0]) + bytes(44) + (64).to_bytes(4, "little")
    return head + b"PE\0\0" + bytes(20) + b"inert " + MARKER_BYTES + b" inert" + bytes(60)


def payload_html():
    """A page that shows the marker."""
    return f"<html><body><p>Dear customer,</p><p>{MARKER}</p><p>Kind regards</p></body></html>\r\n".encode()


def entities(text):
    """Text in which each character is a numbered entity, as a browser reads it."""
    return "".join(f"&#{ord(character)};" for character in text)


def payload_entities():
    """A page without a single tag: only its name or type says that entities are to be read."""
    return ("Dear customer, " + entities(MARKER) + " kind regards\r\n").encode()


PAYLOADS = {
    "invoice.txt": payload_text,
    "invoice.js": payload_js,
    "invoice.exe": payload_exe,
    "invoice.html": payload_html,
}


# ---------------------------------------------------------------- mails


def b64(data, width=76, end=b"\r\n"):
    """Base64 in lines of `width` characters."""
    text = base64.b64encode(data)
    return end.join(text[at : at + width] for at in range(0, len(text), width)) + end


def to_bytes(value):
    """Bytes as they are, text in UTF-8."""
    return value if isinstance(value, bytes) else value.encode("utf-8")


def head(subject="Invoice 1042", *extra):
    """The fields every ordinary mail has, then `extra` lines."""
    lines = [
        "From: Anna Ek <anna@sender.example>",
        "To: Bo Berg <bo@ours.example>",
        f"Subject: {subject}",
        f"Date: {DATE}",
        "Message-ID: <20260302.1042@sender.example>",
        "MIME-Version: 1.0",
    ]
    return LINE.join(to_bytes(line) for line in [*lines, *extra]) + LINE


def entity(fields, body):
    """A part: its field lines, an empty line, its body."""
    return LINE.join(to_bytes(field) for field in fields) + LINE + LINE + to_bytes(body)


TEXT_PART = entity(["Content-Type: text/plain; charset=utf-8"], "Please see the attached file.\r\n")


def multipart(boundary, *parts, close=True):
    """The body of a multipart: each part behind a delimiter."""
    mark = b"--" + to_bytes(boundary)
    body = b"".join(mark + LINE + part + (b"" if part.endswith(LINE) else LINE) for part in parts)
    return body + (mark + b"--" + LINE if close else b"")


def attachment(data, name, kind="application/octet-stream"):
    """An attachment in base64, plain as day."""
    return entity(
        [f'Content-Type: {kind}; name="{name}"', "Content-Transfer-Encoding: base64", f'Content-Disposition: attachment; filename="{name}"'],
        b64(data),
    )


def mail(*parts, subject="Invoice 1042", boundary="=_part", kind="mixed"):
    """A whole mail of the given parts."""
    return head(subject, f'Content-Type: multipart/{kind}; boundary="{boundary}"') + LINE + multipart(boundary, *parts)


def mail_with(data, name, kind="application/octet-stream", text=None):
    """A mail with a short text and one attachment."""
    words = TEXT_PART if text is None else entity(["Content-Type: text/plain; charset=utf-8"], text)
    return mail(words, attachment(data, name, kind))


def mail_of(body, *fields, subject="Invoice 1042"):
    """A mail that is one part: its fields and its body."""
    return head(subject, *fields) + LINE + to_bytes(body)


def raw_deflate(data, level=9):
    """Deflate without any frame."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()
