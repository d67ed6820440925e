"""Hiding in what mail programs and Macs wrap around files: TNEF, Outlook's messages, AppleDouble, S/MIME, OpenPGP, files that are two things."""

import base64
import binascii
import bz2
import struct
import zlib

from . import compound, kit, packing
from .kit import FOUND_OR_HELD, LINE, MARKER, MARKER_BYTES, TEXT_PART, b64, case, entity, mail_with
from .mime import binhex, crc_xmodem

HALF = len(MARKER) // 2


def sealed():
    """The script in a gzip file."""
    return packing.gz(kit.payload_js(), "invoice.js")


# ---------------------------------------------------------------- TNEF and Outlook


def attribute(level, identity, data, length=None, checksum=None):
    """One attribute of TNEF, MS-OXTNEF section 2.1.3."""
    total = sum(data) & 0xFFFF if checksum is None else checksum
    return struct.pack("<BII", level, identity, len(data) if length is None else length) + data + struct.pack("<H", total)


def properties(rows):
    """MAPI properties: (type, id, bytes); lengths and padding as TNEF wants them."""
    out = struct.pack("<I", len(rows))
    for kind, identity, data in rows:
        out += struct.pack("<HH", kind, identity)
        out += struct.pack("<I", 1) + struct.pack("<I", len(data)) + data + bytes(-len(data) % 4) if kind in (0x102, 0x1F, 0x1E, 0x0D) else data
    return out


TNEF_HEAD = b"\x78\x9f\x3e\x22\x01\0"
VERSION = attribute(1, 0x00089006, b"\0\0\1\0")


def tnef(data, name=b"invoice.js.gz", long_name=None, length=None, checksum=None, embedded=None, body=None):
    """A winmail.dat with one attachment, or an embedded message, or a body."""
    out = TNEF_HEAD + VERSION + attribute(1, 0x00078008, b"IPM.Microsoft Mail.Note\0")
    if body is not None:
        out += attribute(1, 0x00069003, properties([body]))
    if data is not None:
        out += attribute(2, 0x00069002, b"\1\0\xff\xff\xff\xff" + bytes(8)) + attribute(2, 0x00018010, name + b"\0")
        out += attribute(2, 0x0006800F, data, length, checksum)
        if long_name:
            out += attribute(2, 0x00069005, properties([(0x1F, 0x3707, long_name.encode("utf-16-le") + b"\0\0")]))
    if embedded is not None:
        message = bytes.fromhex("0703020000000000c000000000000046") + embedded
        out += attribute(2, 0x00069002, b"\1\0\xff\xff\xff\xff" + bytes(8)) + attribute(2, 0x00069005, properties([(0x0D, 0x3701, message)]))
    return out


def packed_rtf(text):
    """Compressed RTF, MS-OXRTFCP: literals and the end mark."""
    out, position = b"", 207
    pieces = [text[at : at + 8] for at in range(0, len(text), 8)]
    if len(pieces[-1]) == 8:
        pieces.append(b"")
    for piece in pieces[:-1]:
        out += b"\0" + piece
        position += 8
    position = (position + len(pieces[-1])) % 4096
    out += bytes([1 << len(pieces[-1])]) + pieces[-1] + struct.pack(">H", position << 4)
    value = 0
    for byte in out:
        value = _rtf_crc(value, byte)
    return struct.pack("<IIII", len(out) + 12, len(text), 0x75465A4C, value) + out


def _rtf_crc(value, byte):
    """One step of the checksum of compressed RTF: CRC-32 without inversions."""
    return (zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF)) ^ 0xFFFFFFFF


def plain_rtf(text):
    """RTF in the same frame, uncompressed."""
    return struct.pack("<IIII", len(text) + 12, len(text), 0x414C454D, 0) + text


def outlook(attachments=(), body=None, html=None, rtf=None):
    """A message as Outlook saves it, MS-OXMSG; attachments are (name, bytes) or (name, dict) for an embedded message."""

    def text(value):
        return value.encode("utf-16-le")

    tree = {"__properties_version1.0": bytes(32), "__nameid_version1.0": {"__substg1.0_00020102": b""}, "__substg1.0_0037001F": text("Calm")}
    if body:
        tree["__substg1.0_1000001F"] = text(body)
    if html:
        tree["__substg1.0_10130102"] = html
    if rtf:
        tree["__substg1.0_10090102"] = rtf
    for number, (name, data) in enumerate(attachments):
        place = f"__attach_version1.0_#{number:08X}"
        tree[place] = {
            "__properties_version1.0": bytes(8),
            "__substg1.0_3707001F": text(name),
            "__substg1.0_3701000D" if isinstance(data, dict) else "__substg1.0_37010102": data,
        }
    return tree


def outlook_cases():
    """winmail.dat and .msg: (group, name, file name, about, bytes)."""
    rtf = b"{\\rtf1 " + b"".join(b"\\'%02x" % byte for byte in MARKER_BYTES) + b"}"
    plain = b"{\\rtf1 calm text " + MARKER_BYTES + b" more calm text}"
    wrapped = b"{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}" + MARKER_BYTES[:HALF] + b"{\\*\\htmltag84 <b>}" + MARKER_BYTES[HALF:] + b"}"
    page = kit.payload_entities()
    long = kit.noise(21, 5000) + kit.payload_js()
    good = tnef(sealed())
    tree = outlook([("invoice.js.gz", sealed())])
    rows = [
        ("tnef", "attachment", good),
        ("tnef", "long-name", tnef(sealed(), b"INVOIC~1.GZ", "invoice.js.gz")),
        ("tnef", "checksum", tnef(sealed(), checksum=1)),
        ("tnef", "length", tnef(sealed(), length=1 << 30)),
        ("tnef", "embedded", tnef(None, embedded=good)),
        ("tnef", "embedded-three", tnef(None, embedded=tnef(None, embedded=tnef(None, embedded=good)))),
        ("tnef", "rtf", tnef(None, body=(0x102, 0x1009, packed_rtf(rtf)))),
        ("tnef", "rtf-literal", tnef(None, body=(0x102, 0x1009, packed_rtf(plain)))),
        ("tnef", "rtf-plain", tnef(None, body=(0x102, 0x1009, plain_rtf(rtf)))),
        ("tnef", "html", tnef(None, body=(0x102, 0x1013, b"<html>" + page))),
        ("tnef", "second", tnef(b"calm" * 9) + good[len(TNEF_HEAD) + len(VERSION) :]),
        ("tnef", "junk-behind", good + b"junk" * 40),
        ("tnef", "cut", good[:-10]),
        ("tnef", "key", good[:4] + b"\xff\xff" + good[6:]),
        ("msg", "attachment", compound.cfb(tree)),
        ("msg", "attachment-scattered", compound.cfb(outlook([("invoice.js.gz", packing.gz(long))]), scatter=True)),
        ("msg", "embedded", compound.cfb(outlook([("inner", tree)]))),
        ("msg", "html", compound.cfb(outlook(html=b"<html>" + page))),
        ("msg", "rtf", compound.cfb(outlook(rtf=packed_rtf(rtf)))),
        ("msg", "rtf-html", compound.cfb(outlook(rtf=packed_rtf(wrapped)))),
        ("msg", "zip", compound.cfb(outlook([("a.zip", packing.zipped(kit.payload_js()))]))),
    ]
    for group, name, made in rows:
        file_name = "winmail.dat" if group == "tnef" else "forwarded.msg"
        yield case(
            group,
            name,
            f"{group}: {name.replace('-', ' ')}",
            mail_with(made, file_name, "application/ms-tnef" if group == "tnef" else "application/octet-stream"),
        )
    yield case("tnef", "named-txt", "a winmail.dat that is called otherwise", mail_with(good, "calm.txt", "text/plain"))
    yield case("tnef", "uuencoded", "no name and no type", kit.mail(TEXT_PART, entity(["Content-Transfer-Encoding: base64"], b64(good))))


# ---------------------------------------------------------------- Macintosh


def apple(data, magic=0x00051600, fork=1):
    """AppleSingle or AppleDouble with the data as one of its forks."""
    head = struct.pack(">II16xH", magic, 0x20000, 2)
    start = 26 + 24
    return head + struct.pack(">III", 9, start, 32) + struct.pack(">III", fork, start + 32, len(data)) + bytes(32) + data


def macbinary(data, name=b"invoice.js.gz"):
    """MacBinary II with the data as data fork."""
    head = bytearray(128)
    head[1 : 2 + len(name)] = bytes([len(name)]) + name
    head[65:73] = b"TEXTttxt"
    head[83:87] = struct.pack(">I", len(data))
    head[122:124] = b"\x81\x81"
    head[124:126] = struct.pack(">H", crc_xmodem(bytes(head[:124])))
    return bytes(head) + data + bytes(-len(data) % 128)


def apple_cases():
    """Files of the Macintosh."""
    double = kit.multipart(
        "ad",
        entity(["Content-Type: application/applefile", "Content-Transfer-Encoding: base64"], b64(apple(b"calm", 0x00051607, 2))),
        kit.attachment(kit.payload_js(), "invoice.js"),
    )
    resource = kit.multipart(
        "ad",
        entity(["Content-Type: application/applefile", "Content-Transfer-Encoding: base64"], b64(apple(sealed(), 0x00051607, 2))),
        kit.attachment(b"calm", "calm.txt"),
    )
    yield case(
        "apple",
        "double",
        "the data part of an AppleDouble",
        kit.mail(TEXT_PART, entity(['Content-Type: multipart/appledouble; boundary="ad"'], double)),
    )
    yield case(
        "apple",
        "double-resource",
        "the resource fork of an AppleDouble",
        kit.mail(TEXT_PART, entity(['Content-Type: multipart/appledouble; boundary="ad"'], resource)),
    )
    yield case("apple", "single", "an AppleSingle", mail_with(apple(sealed()), "invoice.js.gz", "application/applefile"))
    yield case("apple", "single-octets", "an AppleSingle as octets", mail_with(apple(sealed()), "invoice.bin"))
    yield case("apple", "binary", "MacBinary", mail_with(macbinary(sealed()), "invoice.bin", "application/macbinary"))
    yield case("apple", "binary-octets", "MacBinary as octets", mail_with(macbinary(sealed()), "invoice.js.gz"))
    yield case(
        "apple",
        "binhex-zip",
        "a zip in BinHex",
        mail_with(binhex(packing.zipped(kit.payload_js()), "invoice.zip"), "invoice.hqx", "application/mac-binhex40"),
    )


# ---------------------------------------------------------------- S/MIME


def der(tag, *parts, indefinite=False):
    """An element of ASN.1, with a definite length or without."""
    body = b"".join(parts)
    if indefinite:
        return bytes([tag, 0x80]) + body + b"\0\0"
    size = len(body)
    length = bytes([size]) if size < 128 else (lambda raw: bytes([0x80 | len(raw)]) + raw)(size.to_bytes((size.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + body


def oid(*arcs):
    """An object identifier."""
    out = bytes([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        piece = [arc & 127]
        while arc > 127:
            arc >>= 7
            piece.append(arc & 127 | 128)
        out += bytes(reversed(piece))
    return der(6, out)


PKCS7 = (1, 2, 840, 113549, 1, 7)


def signed(content, loose=False, piece=0):
    """Signed data without signers; `loose` leaves lengths open, `piece` cuts the content into pieces."""
    if piece:
        text = der(0x24, *(der(4, content[at : at + piece]) for at in range(0, len(content), piece)), indefinite=loose)
    else:
        text = der(4, content)
    inner = der(0x30, oid(*PKCS7, 1), der(0xA0, text, indefinite=loose), indefinite=loose)
    data = der(0x30, der(2, b"\1"), der(0x31), inner, der(0x31), indefinite=loose)
    return der(0x30, oid(*PKCS7, 2), der(0xA0, data, indefinite=loose), indefinite=loose)


def compressed(content):
    """Compressed data, RFC 3274."""
    inner = der(0x30, oid(*PKCS7, 1), der(0xA0, der(4, zlib.compress(content))))
    data = der(0x30, der(2, b"\0"), der(0x30, oid(1, 2, 840, 113549, 1, 9, 16, 3, 8)), inner)
    return der(0x30, oid(1, 2, 840, 113549, 1, 9, 16, 1, 9), der(0xA0, data))


def enveloped(content):
    """Enveloped data that nobody here can open."""
    algorithm = der(0x30, oid(2, 16, 840, 1, 101, 3, 4, 1, 42), der(4, bytes(16)))
    data = der(0x30, der(2, b"\0"), der(0x31), der(0x30, oid(*PKCS7, 1), algorithm, der(0x80, content)))
    return der(0x30, oid(*PKCS7, 3), der(0xA0, data))


def smime_cases():
    """Signed, compressed and enveloped mail."""
    inner = entity(['Content-Type: application/octet-stream; name="invoice.js"', "Content-Transfer-Encoding: base64"], b64(kit.payload_js()))
    kind = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    rows = [
        ("signed", signed(inner)),
        ("signed-open", signed(inner, loose=True)),
        ("signed-pieces", signed(inner, piece=37)),
        ("signed-open-pieces", signed(inner, loose=True, piece=41)),
        ("signed-twice", signed(entity([f"Content-Type: {kind}", "Content-Transfer-Encoding: base64"], b64(signed(inner))))),
        ("compressed", compressed(inner)),
        (
            "signed-compressed",
            signed(
                entity(
                    ["Content-Type: application/pkcs7-mime; smime-type=compressed-data", "Content-Transfer-Encoding: base64"], b64(compressed(inner))
                ),
                piece=100,
            ),
        ),
        ("signed-junk", signed(inner) + b"junk" * 9),
    ]
    for name, made in rows:
        for way, wanted in (("mail", kind), ("old-type", "application/x-pkcs7-mime"), ("octets", 'application/octet-stream; name="smime.p7m"')):
            if way != "mail" and name not in ("signed", "signed-open-pieces"):
                continue
            yield case(
                "smime",
                f"{name}-{way}",
                f"{name.replace('-', ' ')}, {way}",
                kit.mail_of(b64(made), f"Content-Type: {wanted}", "Content-Transfer-Encoding: base64"),
            )
    pem = b"-----BEGIN PKCS7-----\r\n" + b64(signed(inner), 64) + b"-----END PKCS7-----\r\n"
    yield case("smime", "file-der", "a signed file attached", mail_with(signed(sealed()), "invoice.js.gz.p7m"))
    yield case("smime", "file-pem", "a signed file in PEM", mail_with(pem, "invoice.p7m"))
    yield case(
        "smime",
        "enveloped",
        "encrypted mail",
        kit.mail_of(
            b64(enveloped(kit.noise(31, 256))), "Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "Content-Transfer-Encoding: base64"
        ),
        FOUND_OR_HELD,
    )
    body = kit.multipart(
        "sg", inner, entity(["Content-Type: application/pkcs7-signature; name=smime.p7s", "Content-Transfer-Encoding: base64"], b64(signed(b"")))
    )
    yield case(
        "smime",
        "clear",
        "a mail with a signature beside it",
        kit.mail_of(body, 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="sg"'),
    )
    side = kit.multipart(
        "sg",
        TEXT_PART,
        entity(["Content-Type: application/pkcs7-signature; name=smime.p7s", "Content-Transfer-Encoding: base64"], b64(signed(sealed()))),
    )
    yield case(
        "smime",
        "signature-carries",
        "the signature itself carries a file",
        kit.mail_of(side, 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="sg"'),
    )


# ---------------------------------------------------------------- OpenPGP


def packet(tag, body, form="new", piece=0):
    """A packet of OpenPGP, RFC 9580 section 4.2."""
    if form == "old":
        return bytes([0x80 | tag << 2 | 2]) + struct.pack(">I", len(body)) + body
    if form == "old-open":
        return bytes([0x80 | tag << 2 | 3]) + body
    if piece:
        out, at = bytes([0xC0 | tag]), 0
        while len(body) - at > 1 << piece:
            out += bytes([224 + piece]) + body[at : at + (1 << piece)]
            at += 1 << piece
        return out + b"\xff" + struct.pack(">I", len(body) - at) + body[at:]
    return bytes([0xC0 | tag, 255]) + struct.pack(">I", len(body)) + body


def literal(data, name=b"invoice.js", **how):
    """A literal data packet."""
    return packet(11, b"b" + bytes([len(name)]) + name + bytes(4) + data, **how)


def crc24(data):
    """The checksum of the armour, RFC 9580 section 6.1."""
    value = 0xB704CE
    for byte in data:
        value ^= byte << 16
        for _ in range(8):
            value <<= 1
            if value & 0x1000000:
                value ^= 0x1864CFB
    return value & 0xFFFFFF


def armour(data, check=True, title=b"MESSAGE", fields=b"Version: 1\r\n"):
    """The armour around a message."""
    total = b"=" + base64.b64encode(struct.pack(">I", crc24(data))[1:]) + LINE if check else b""
    return b"-----BEGIN PGP " + title + b"-----\r\n" + fields + LINE + b64(data, 64) + total + b"-----END PGP " + title + b"-----\r\n"


def pgp_cases():
    """Messages of OpenPGP that are not encrypted, and one that is."""
    data = kit.payload_js()
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    flat = raw.compress(literal(data)) + raw.flush()
    one_pass = packet(4, bytes([3, 0, 8, 1]) + bytes(8) + b"\1")
    signature = packet(2, bytes([4, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 8, 255]))
    rows = [
        ("literal", literal(data)),
        ("literal-old", literal(sealed(), form="old")),
        ("literal-open", literal(sealed(), form="old-open")),
        ("literal-pieces", literal(kit.noise(41, 600) + data + kit.noise(42, 600), piece=5 + 4)),
        ("zip", packet(8, b"\1" + flat)),
        ("zlib", packet(8, b"\2" + zlib.compress(literal(data)))),
        ("bzip2", packet(8, b"\3" + bz2.compress(literal(data)))),
        ("zlib-old-open", packet(8, b"\2" + zlib.compress(literal(data)), form="old-open")),
        ("zlib-pieces", packet(8, b"\2" + zlib.compress(literal(kit.noise(43, 900) + data)), piece=9)),
        ("uncompressed", packet(8, b"\0" + literal(sealed()))),
        ("signed", one_pass + literal(sealed()) + signature),
        ("marker-packet", packet(10, b"PGP") + packet(8, b"\2" + zlib.compress(literal(data)))),
        ("zlib-twice", packet(8, b"\2" + zlib.compress(packet(8, b"\2" + zlib.compress(literal(data)))))),
    ]
    for name, made in rows:
        yield case("pgp", f"{name}-armoured", f"{name.replace('-', ' ')}, in the text", kit.mail_of(armour(made), "Content-Type: text/plain"))
        yield case("pgp", f"{name}-binary", f"{name.replace('-', ' ')}, as a file", mail_with(made, "invoice.js.pgp", "application/pgp-encrypted"))
    zlibbed = packet(8, b"\2" + zlib.compress(literal(data)))
    yield case("pgp", "armour-no-checksum", "an armour without its checksum", kit.mail_of(armour(zlibbed, check=False), "Content-Type: text/plain"))
    yield case(
        "pgp", "armour-no-fields", "an armour without fields", kit.mail_of(b"Hello\r\n\r\n" + armour(zlibbed, fields=b""), "Content-Type: text/plain")
    )
    yield case("pgp", "armour-file", "an armoured file", mail_with(armour(zlibbed), "invoice.js.asc"))
    clear = (
        b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nbegin 644 invoice.js\r\n"
        + b"".join(binascii.b2a_uu(data[at : at + 45]).rstrip() + LINE for at in range(0, len(data), 45))
        + b"`\r\nend\r\n"
        + armour(signature, title=b"SIGNATURE")
    )
    yield case("pgp", "clear-signed", "uuencoded within a clear signed text", kit.mail_of(clear, "Content-Type: text/plain"))
    locked = packet(1, bytes([3]) + bytes(8) + b"\1" + b"\x08\0" + kit.noise(44, 256)) + packet(18, b"\1" + kit.noise(45, 400))
    yield case(
        "pgp",
        "encrypted",
        "encrypted mail",
        kit.mail(
            entity(["Content-Type: application/pgp-encrypted"], "Version: 1\r\n"),
            entity(["Content-Type: application/octet-stream; name=encrypted.asc"], armour(locked)),
            kind='encrypted; protocol="application/pgp-encrypted"',
        ),
        FOUND_OR_HELD,
    )


# ---------------------------------------------------------------- mailboxes, archives of pages, files that are two things


def png(extra=b""):
    """A picture of one pixel; `extra` are further chunks."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
        + extra
        + chunk(b"IDAT", zlib.compress(bytes(4)))
        + chunk(b"IEND", b"")
    )


JPEG = (
    bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb004300")
    + b"\x10" * 64
    + bytes.fromhex(
        "ffc0000b080001000101011100ffc40014000100000000000000000000000000000009ffc40014100100000000000000000000000000000000ffda0008010100003f00543fffd9"
    )
)
GIF = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")
BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(4)


def inner_mail(number, data):
    """A mail for a mailbox."""
    return kit.mail_with(data, "invoice.js", text=f"Mail {number}\r\n")


def doubles():
    """Mailboxes, web archives, pictures with something behind them: (group, name, file name, about, bytes, expect)."""
    zipped, script = packing.zipped(kit.payload_js()), kit.payload_js()
    line = b"From anna@sender.example Mon Mar  2 10:00:00 2026\r\n"
    mbox = b"".join(line + inner_mail(number, data) + LINE for number, data in enumerate((b"calm", script, b"calm")))
    chunk = b"tEXt" + b"Comment\0" + b64(script)
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    comment = b"\xff\xfe" + struct.pack(">H", len(zipped) + 2) + zipped
    web = (
        b'From: <Saved by a browser>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="=_w"\r\n\r\n'
        + kit.multipart(
            "=_w",
            entity(
                ["Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable", "Content-Location: http://t.example/"], "<html>calm</html>"
            ),
            entity(
                ["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64", "Content-Location: http://t.example/a.js"],
                b64(script),
            ),
        )
    )
    swf = b"CWS\x06" + struct.pack("<I", 8 + len(script)) + zlib.compress(script)
    rows = [
        ("mailbox", "mbox", "mails.mbox", "the second mail of a mailbox", mbox),
        ("mailbox", "mbox-octets", "mails", "a mailbox without an ending", mbox),
        ("mailbox", "mbox-lf", "mails.mbox", "a mailbox with LF only", mbox.replace(b"\r\n", b"\n")),
        ("mailbox", "mbox-gz", "mails.mbox.gz", "a packed mailbox", packing.gz(mbox)),
        ("mailbox", "mhtml", "page.mhtml", "a file in a web archive", web),
        ("mailbox", "mhtml-zip", "page.zip", "a web archive in a zip", packing.zipped(web, "page.mht")),
        (
            "mailbox",
            "emlx",
            "1.emlx",
            "a message of Apple Mail",
            str(len(inner_mail(1, script))).encode() + b"\n" + inner_mail(1, script) + b"<plist></plist>",
        ),
        ("double", "png-zip", "scan.png", "a zip behind a picture", png() + zipped),
        ("double", "png-gz", "scan.png", "a gzip file behind a picture", png() + sealed()),
        ("double", "jpeg-zip", "scan.jpg", "a zip behind a picture", JPEG + zipped),
        ("double", "jpeg-rar", "scan.jpg", "a RAR behind a picture", JPEG + packing.rar5([("a.js.gz", sealed())])),
        ("double", "jpeg-7z", "scan.jpg", "a 7z behind a picture", JPEG + packing.seven([("invoice.js", script)])),
        ("double", "gif-zip", "scan.gif", "a zip behind a picture", GIF + zipped),
        ("double", "gif-zip-script", "scan.gif", "a cabinet behind a picture", GIF + packing.cab([("invoice.js", script)], "mszip")),
        ("double", "bmp-zip", "scan.bmp", "a zip behind a picture", BMP + zipped),
        ("double", "jpeg-comment", "scan.jpg", "a zip in a comment of a picture", JPEG[:2] + comment + JPEG[2:]),
        ("double", "text-zip", "readme.txt", "a zip behind a text", b"A calm text.\r\n" * 40 + zipped),
        ("double", "text-zip-named", "readme.zip", "the same, called .zip", b"A calm text.\r\n" * 40 + zipped),
        ("double", "exe-zip", "setup.exe", "a zip behind a program", b"MZ" + bytes(600) + zipped),
        ("double", "exe-7z", "setup.exe", "a 7z behind a program", b"MZ" + bytes(600) + packing.seven([("invoice.js", script)])),
        ("double", "exe-cab", "setup.exe", "a cabinet behind a program", b"MZ" + bytes(600) + packing.cab([("invoice.js", script)], "mszip")),
        ("double", "html-zip", "page.html", "a zip behind a page", b"<html>calm</html>\r\n" + zipped),
        ("double", "rtf-zip", "a.rtf", "a zip behind an RTF", b"{\\rtf1 calm}" + zipped),
        ("double", "mp3-zip", "a.mp3", "a zip behind sound", b"ID3\x03\0\0\0\0\0\x0a" + bytes(200) + zipped),
        ("double", "crx", "a.crx", "a zip behind the head of an extension", b"Cr24\x03\0\0\0\x04\0\0\0\0\0\0\0" + zipped),
        ("double", "cfb-zip", "a.doc", "a zip behind a compound file", compound.cfb({"WordDocument": b"\xec\xa5" + bytes(5000)}) + zipped),
        ("double", "zip-in-nul", "a.bin", "a zip amid a megabyte of NULs", bytes(500_000) + zipped + bytes(500_000)),
        (
            "double",
            "docx-eml",
            "a.eml",
            "a mail whose preamble is a zip",
            b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n" + zipped + b"\r\n--q--\r\n",
        ),
    ]
    for group, name, file_name, about, made in rows:
        yield case(group, name, about, mail_with(made, file_name))
    for name, file_name, about, made in (
        ("swf", "a.swf", "a packed Flash film", swf),
        ("png-text", "scan.png", "a script in base64 in a picture's text", png(chunk)),
    ):
        yield case("double", name, about, mail_with(made, file_name), FOUND_OR_HELD)


def cases():
    """All cases of this field."""
    for makers in (outlook_cases, apple_cases, smime_cases, pgp_cases, doubles):
        yield from makers()
