"""Hiding in PDF: filters, object streams, strings in every spelling, embedded files, revisions, encryption."""

import base64
import hashlib
import struct
import zlib

from . import crypt, kit, packing
from .kit import FOUND_OR_HELD, MARKER, MARKER_BYTES, case, mail_with

HALF = len(MARKER) // 2


class Pdf:
    """A PDF written object by object."""

    def __init__(self, head=b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", before=b""):
        """Begins with the header behind `before`."""
        self.out = bytearray(before + head)
        self.base = len(before)
        self.places = {}

    def add(self, number, body):
        """One object."""
        self.places[number] = len(self.out) - self.base
        self.out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"

    def stream(self, number, data, entries=b"", length=None):
        """One object that is a stream."""
        size = len(data) if length is None else length
        self.add(number, b"<< /Length %d %s >>\nstream\n" % (size, entries) + data + b"\nendstream")

    def done(self, root=1, extra=b"", table=True, start=None):
        """The cross-reference table and the trailer."""
        at = len(self.out) - self.base
        top = max(self.places) + 1
        if table:
            rows = [b"0000000000 65535 f \n"]
            rows += [b"%010d 00000 n \n" % self.places[number] if number in self.places else b"0000000000 00000 f \n" for number in range(1, top)]
            self.out += b"xref\n0 %d\n" % top + b"".join(rows)
        self.out += b"trailer\n<< /Size %d /Root %d 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (top, root, extra, at if start is None else start)
        return bytes(self.out)


def page(content=b"BT /F1 12 Tf 72 700 Td (A calm page) Tj ET", catalog=b"", annotations=b"", **how):
    """A PDF of one page, not yet ended; objects 1 to 5 are taken."""
    made = Pdf(**how)
    made.add(1, b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog)
    made.add(2, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
    made.add(3, b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> %s >>" % annotations)
    made.stream(4, content)
    made.add(5, b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    return made


def hex_filter(data):
    """ASCIIHexDecode with blanks."""
    digits = data.hex().encode()
    return b" ".join(digits[at : at + 2] for at in range(0, len(digits), 2)) + b">"


def ascii85(data):
    """ASCII85Decode."""
    return base64.a85encode(data) + b"~>"


def lzw(data):
    """LZWDecode with literals only; the table is cleared before codes grow to ten bits."""
    bits = packing.Bits()
    for at in range(0, len(data), 200):
        bits.put(256, 9)
        for byte in data[at : at + 200]:
            bits.put(byte, 9)
    bits.put(257, 9)
    return bits.done()


def run_length(data):
    """RunLengthDecode in runs of seven literal bytes."""
    return b"".join(bytes([len(data[at : at + 7]) - 1]) + data[at : at + 7] for at in range(0, len(data), 7)) + b"\x80"


def predicted(data, columns=8):
    """Data after the PNG predictor Up."""
    last, out = bytes(columns), b""
    for at in range(0, len(data), columns):
        row = data[at : at + columns].ljust(columns, b" ")
        out += b"\x02" + bytes((new - old) & 0xFF for new, old in zip(row, last))
        last = row
    return out


def script_stream():
    """A script of a document."""
    return f'app.alert("{MARKER}");'.encode()


def with_script(stream, entries, length=None):
    """A document that runs the script in a stream."""
    made = page(catalog=b"/OpenAction << /S /JavaScript /JS 6 0 R >>")
    made.stream(6, stream, entries, length)
    return made.done()


def with_string(literal):
    """A document whose script is a string."""
    made = page(catalog=b"/OpenAction << /S /JavaScript /JS " + literal + b" >>")
    return made.done()


def filters():
    """A script under each filter: (name, about, bytes)."""
    script = script_stream()
    flate = zlib.compress(script)
    wrapped = zlib.compress(predicted(script))
    rows = [
        ("flate", "Flate", flate, b"/Filter /FlateDecode"),
        ("flate-short-name", "Flate, abbreviated", flate, b"/Filter /Fl"),
        ("flate-array", "Flate in an array", flate, b"/Filter [/FlateDecode]"),
        ("hex", "hex digits", hex_filter(script), b"/Filter /ASCIIHexDecode"),
        ("ascii85", "ASCII85", ascii85(script), b"/Filter /ASCII85Decode"),
        ("lzw", "LZW", lzw(script), b"/Filter /LZWDecode"),
        ("run-length", "run length", run_length(script), b"/Filter /RunLengthDecode"),
        ("chain-two", "hex over Flate", hex_filter(flate), b"/Filter [/ASCIIHexDecode /FlateDecode]"),
        (
            "chain-five",
            "five filters",
            hex_filter(ascii85(zlib.compress(run_length(zlib.compress(script))))),
            b"/Filter [/AHx /A85 /Fl /RL /FlateDecode]",
        ),
        ("chain-ten", "Flate ten times", ten_flates(script), b"/Filter [" + b"/FlateDecode " * 10 + b"]"),
        ("predictor", "Flate with a predictor", wrapped, b"/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 8 >>"),
        ("escaped-name", "a filter's name with escapes", flate, b"/Filter /F#6cate#44ecode"),
        ("escaped-key", "the key Filter with escapes", flate, b"/Fil#74er /FlateDecode"),
        ("indirect", "the filter in another object", flate, b"/Filter 7 0 R"),
        ("crypt-identity", "the filter that does nothing first", flate, b"/Filter [/Crypt /FlateDecode]"),
        ("flate-junk", "junk behind the Flate data", flate + b"junk" * 20, b"/Filter /FlateDecode"),
        ("flate-cut", "Flate data without its checksum", flate[:-4], b"/Filter /FlateDecode"),
        ("flate-checksum", "Flate data with a wrong checksum", flate[:-4] + bytes(4), b"/Filter /FlateDecode"),
    ]
    for name, about, stream, entries in rows:
        if name == "indirect":
            made = page(catalog=b"/OpenAction << /S /JavaScript /JS 6 0 R >>")
            made.stream(6, stream, entries)
            made.add(7, b"/FlateDecode")
            yield name, about, made.done()
        else:
            yield name, about, with_script(stream, entries)
    yield "length-short", "a Length that is too small", with_script(flate, b"/Filter /FlateDecode", 5)
    yield "length-long", "a Length beyond the file", with_script(flate, b"/Filter /FlateDecode", 999_999)
    yield "length-zero", "a Length of nought", with_script(flate, b"/Filter /FlateDecode", 0)
    text = with_script(flate, b"/Filter /FlateDecode")
    yield "no-endstream", "no endstream", text.replace(b"\nendstream\nendobj\nxref", b"\nendobj\nxref")
    yield "stream-cr", "CR behind the word stream", text.replace(b"stream\nx", b"stream\r\nx")
    yield "text-filter", "a page's text under Flate", page_text(zlib.compress(b"BT /F1 12 Tf (" + MARKER_BYTES + b") Tj ET"), b"/Filter /FlateDecode")


def ten_flates(data):
    """Flate ten times over."""
    for _ in range(10):
        data = zlib.compress(data)
    return data


def page_text(content, entries=b""):
    """A page with some content."""
    made = page()
    made.stream(4, content, entries)
    return made.done()


def strings():
    """A script or a text as a string in odd spellings: (name, about, bytes)."""
    script = script_stream().decode()
    octal = "".join(f"\\{ord(letter):03o}" for letter in script)
    wide = b"\xfe\xff" + script.encode("utf-16-be")
    escaped = script.replace(MARKER, MARKER[:HALF] + "\\\n" + MARKER[HALF:])
    spaced = " ".join(f"{byte:02x}" for byte in script.encode())
    kerned = b" ".join(b"(" + bytes([byte]) + b") -20" for byte in MARKER_BYTES)
    small = "".join(
        f"\\{ord(letter):o}" if not following.isdigit() else f"\\{ord(letter):03o}" for letter, following in zip(script, script[1:] + " ")
    )
    rows = [
        ("octal", "octal escapes", with_string(f"({octal})".encode())),
        ("octal-short", "short octal escapes", with_string(f"({small})".encode())),
        ("hex", "a string of hex digits", with_string(b"<" + script.encode().hex().encode() + b">")),
        ("hex-blanks", "hex digits and blanks", with_string(f"<{spaced}>".encode())),
        ("utf16", "UTF-16 in parentheses", with_string(b"(" + wide.replace(b"(", b"\\(").replace(b")", b"\\)") + b")")),
        ("utf16-hex", "UTF-16 in hex digits", with_string(b"<" + wide.hex().encode() + b">")),
        ("utf16le", "UTF-16, little end first", with_string(b"<fffe" + script.encode("utf-16-le").hex().encode() + b">")),
        ("continued", "a line continued within", with_string(b"(" + escaped.encode().replace(b"\\\n", b"\\\r\n") + b")")),
        (
            "odd-escapes",
            "escapes without a meaning",
            with_string(b"(" + script.replace("D", "\\D").replace("H", "\\H").replace("(", "\\(").replace(")", "\\)").encode() + b")"),
        ),
        (
            "name",
            "escaped names around the script",
            with_string(b"(" + script.encode() + b")")
            .replace(b"/JavaScript /JS", b"/J#61vaScript /#4aS")
            .replace(MARKER_BYTES, "".join(f"\\{ord(letter):03o}" for letter in MARKER).encode()),
        ),
        ("joined", "a script that joins two strings", with_string(f"(app.alert\\('{MARKER[:HALF]}' + '{MARKER[HALF:]}'\\);)".encode())),
        ("text-kerned", "each letter moved alone", page_text(b"BT /F1 12 Tf [" + kerned + b"] TJ ET")),
        ("text-two", "two strings of one line", page_text(b"BT /F1 12 Tf (" + MARKER_BYTES[:HALF] + b") Tj (" + MARKER_BYTES[HALF:] + b") Tj ET")),
        ("text-hex", "a text in hex digits", page_text(b"BT /F1 12 Tf <" + MARKER_BYTES.hex().encode() + b"> Tj ET")),
        (
            "text-octal",
            "a text in octal escapes",
            page_text(b"BT /F1 12 Tf (" + "".join(f"\\{byte:03o}" for byte in MARKER_BYTES).encode() + b") Tj ET"),
        ),
        ("uri", "a link in octal escapes", uri(b"(http://t.example/" + "".join(f"\\{byte:03o}" for byte in MARKER_BYTES).encode() + b")")),
        ("uri-hex", "a link in hex digits", uri(b"<" + (b"http://t.example/" + MARKER_BYTES).hex().encode() + b">")),
        ("title", "the title in UTF-16 hex", title(b"<feff" + MARKER.encode("utf-16-be").hex().encode() + b">")),
    ]
    yield from rows


def uri(literal):
    """A page with a link."""
    made = page(annotations=b"/Annots [6 0 R]")
    made.add(6, b"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI " + literal + b" >> >>")
    return made.done()


def title(literal):
    """A document with a title."""
    made = page()
    made.add(6, b"<< /Title " + literal + b" >>")
    return made.done(extra=b"/Info 6 0 R")


def embedded(data, name=b"invoice.js", annotation=False, stream=None, entries=b"/Filter /FlateDecode"):
    """A document with a file in it."""
    link = b"/Annots [8 0 R]" if annotation else b""
    names = b"" if annotation else b"/Names << /EmbeddedFiles << /Names [(" + name + b") 7 0 R] >> >>"
    made = page(catalog=names, annotations=link)
    made.stream(6, zlib.compress(data) if stream is None else stream, b"/Type /EmbeddedFile " + entries)
    made.add(7, b"<< /Type /Filespec /F (" + name + b") /UF (" + name + b") /EF << /F 6 0 R >> >>")
    if annotation:
        made.add(8, b"<< /Type /Annot /Subtype /FileAttachment /Rect [0 0 9 9] /FS 7 0 R >>")
    return made.done()


def object_stream(xref=True):
    """A document whose script stands in an object stream; with a cross-reference stream or none at all."""
    made = page(catalog=b"/OpenAction 7 0 R")
    inner = b"<< /S /JavaScript /JS (" + script_stream().replace(b"(", b"\\(").replace(b")", b"\\)") + b") >>"
    body = zlib.compress(b"7 0 " + inner)
    made.stream(6, body, b"/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode")
    if not xref:
        return made.done(table=False, start=0)
    at = len(made.out)
    rows = [(0, 0, 65535)] + [(1, made.places[number], 0) for number in range(1, 7)] + [(2, 6, 0), (1, at, 0)]
    table = b"".join(struct.pack(">BIH", *row) for row in rows)
    made.stream(8, zlib.compress(table), b"/Type /XRef /Size 9 /W [1 4 2] /Root 1 0 R /Filter /FlateDecode")
    return bytes(made.out) + b"startxref\n%d\n%%%%EOF\n" % at


def revisions(last_bad=True):
    """A document saved twice: object 6 is the script and then calm, or the other way."""
    bad, calm = zlib.compress(script_stream()), zlib.compress(b"app.alert('calm');")
    made = page(catalog=b"/OpenAction << /S /JavaScript /JS 6 0 R >>")
    made.stream(6, calm if last_bad else bad, b"/Filter /FlateDecode")
    first = made.done()
    at = first.rindex(b"xref\n0")
    second = bytearray(first)
    place = len(second)
    data = bad if last_bad else calm
    second += b"6 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(data) + data + b"\nendstream\nendobj\n"
    table = len(second)
    second += b"xref\n6 1\n%010d 00000 n \ntrailer\n<< /Size 7 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (place, at, table)
    return bytes(second)


PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def encrypted(user=b"", revision=2, broken=False):
    """A document under RC4 of 40 or 128 bits with a user password, ISO 32000 section 7.6."""
    size = 5 if revision == 2 else 16
    identity = bytes(range(16))
    owner_key = hashlib.md5(PAD).digest()
    if revision > 2:
        for _ in range(50):
            owner_key = hashlib.md5(owner_key[:size]).digest()
    owner = crypt.rc4(owner_key[:size], (user + PAD)[:32])
    if revision > 2:
        for turn in range(1, 20):
            owner = crypt.rc4(bytes(byte ^ turn for byte in owner_key[:size]), owner)
    permissions = struct.pack("<i", -4)
    key = hashlib.md5((user + PAD)[:32] + owner + permissions + identity).digest()
    if revision > 2:
        for _ in range(50):
            key = hashlib.md5(key[:size]).digest()
    key = key[:size]
    if revision == 2:
        proof = crypt.rc4(key, PAD)
    else:
        proof = crypt.rc4(key, hashlib.md5(PAD + identity).digest())
        for turn in range(1, 20):
            proof = crypt.rc4(bytes(byte ^ turn for byte in key), proof)
        proof = proof.ljust(32, b"\0")

    def seal(number, data):
        return crypt.rc4(hashlib.md5(key + struct.pack("<I", number)[:3] + b"\0\0").digest()[: min(size + 5, 16)], data)

    made = page(catalog=b"/OpenAction << /S /JavaScript /JS 6 0 R >>")
    made.stream(4, seal(4, b"BT /F1 12 Tf (A calm page) Tj ET"))
    made.stream(6, seal(6, zlib.compress(script_stream())), b"/Filter /FlateDecode")
    version = 1 if revision == 2 else 2
    made.add(
        7,
        b"<< /Filter /Standard /V %d /R %d /Length %d /P -4 /O <%s> /U <%s> >>"
        % (version, revision, size * 8, owner.hex().encode(), (bytes(32) if broken else proof).hex().encode()),
    )
    digits = identity.hex().encode()
    return made.done(extra=b"/Encrypt 7 0 R /ID [<" + digits + b"> <" + digits + b">]")


def whole_files():
    """Files whose frame is odd: (name, about, bytes, expect)."""
    script = packing.zipped(kit.payload_js())
    plain = with_script(zlib.compress(script_stream()), b"/Filter /FlateDecode")
    calm = page().done()
    xfa = page(catalog=b"/AcroForm << /XFA 6 0 R >>")
    xfa.stream(6, zlib.compress(f"<xdp><script>{kit.entities(MARKER)}</script></xdp>".encode()), b"/Filter /FlateDecode")
    launch = page(catalog=b"/OpenAction << /S /Launch /Win << /F (cmd.exe) /P <" + MARKER_BYTES.hex().encode() + b"> >> >>")
    form = page()
    form.stream(6, zlib.compress(b"BT (" + MARKER_BYTES + b") Tj ET"), b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Filter /FlateDecode")
    rows = [
        ("header-1000", "the header at byte 1,000", with_prefix(b"x" * 1000)),
        ("header-version", "an odd version", plain.replace(b"%PDF-1.7", b"%PDF-9.x")),
        ("header-short", "a header of five bytes", plain.replace(b"%PDF-1.7", b"%PDF-\n  ")),
        ("header-gif", "behind the first bytes of a GIF", with_prefix(b"GIF89a" + bytes(60))),
        ("appended-zip", "a zip behind it", calm + script),
        ("appended-exe", "a gzip file behind it", calm + packing.gz(kit.payload_exe())),
        ("no-xref", "no cross-reference table", without_table(plain)),
        ("xref-wrong", "a wrong place of the table", plain.replace(b"startxref\n", b"startxref\n9")),
        ("object-stream", "the script in an object stream", object_stream()),
        ("object-stream-table", "an object stream and no table", object_stream(False)),
        ("revision-last", "the last revision is bad", revisions()),
        ("revision-first", "the first revision is bad", revisions(False)),
        ("embedded", "an embedded file", embedded(kit.payload_js())),
        ("embedded-annotation", "a file in an annotation", embedded(kit.payload_js(), annotation=True)),
        ("embedded-zip", "a zip embedded", embedded(script, b"invoice.zip")),
        ("embedded-plain", "a gzip file embedded without filter", embedded(b"", b"a.gz", stream=packing.gz(kit.payload_js()), entries=b"")),
        ("embedded-pdf", "a PDF in a PDF", embedded(plain, b"inner.pdf")),
        ("embedded-pdf-five", "a PDF five deep", five_deep(plain)),
        ("embedded-docx-name", "a page of entities, named by a hex name", embedded(kit.payload_entities(), b"invoice.html")),
        ("xfa", "a form of XML", xfa.done()),
        ("launch", "a command to be started", launch.done()),
        ("form", "a form object", form.done()),
        ("comment", "an unused object", unused()),
        ("encrypted-40", "RC4 of 40 bits, no password", encrypted()),
        ("encrypted-128", "RC4 of 128 bits, no password", encrypted(revision=3)),
    ]
    for name, about, made in rows:
        yield name, about, made, None, kit.FOUND
    yield "encrypted-told", "the mail tells the password", encrypted(b"Host2026", 3), "Lösenord: Host2026\r\n", kit.FOUND
    yield "encrypted-untold", "nobody tells the password", encrypted(b"zkq83hfu", 3), None, FOUND_OR_HELD
    yield "encrypted-unknown", "an unknown kind of encryption", encrypted().replace(b"/Filter /Standard", b"/Filter /OddLocks"), None, FOUND_OR_HELD


def with_prefix(before):
    """A document with a script behind some bytes."""
    made = page(catalog=b"/OpenAction << /S /JavaScript /JS 6 0 R >>", before=before)
    made.stream(6, zlib.compress(script_stream()), b"/Filter /FlateDecode")
    return made.done()


def without_table(made):
    """A document whose table is taken out; the trailer stays."""
    return made[: made.rindex(b"xref\n0")] + made[made.rindex(b"trailer") :]


def five_deep(inner):
    """A document in a document, five times."""
    for _ in range(5):
        inner = embedded(inner, b"inner.pdf")
    return inner


def unused():
    """A document with a stream that nothing refers to."""
    made = page()
    made.stream(6, zlib.compress(script_stream()), b"/Filter /FlateDecode")
    return made.done()


def cases():
    """All cases of this field."""
    for name, about, made in filters():
        yield case("pdf-filter", name, about, mail_with(made, "invoice.pdf", "application/pdf"))
    for name, about, made in strings():
        yield case("pdf-string", name, about, mail_with(made, "invoice.pdf", "application/pdf"))
    for name, about, made, text, expect in whole_files():
        yield case("pdf-file", name, about, mail_with(made, "invoice.pdf", "application/pdf", text), expect)
