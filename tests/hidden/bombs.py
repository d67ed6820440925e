"""Mails that are small and ask for much: each must end in time, whatever is found or said."""

import bz2
import gzip
import lzma
import struct
import zlib

from . import compound, disks, kit, misc, packing, pdf
from .kit import SURVIVE, TEXT_PART, b64, head, mail_with
from .packing import Entry, zip_file


def zeros(size):
    """Zeros packed by Deflate, made without holding them all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    out, block = b"", bytes(1 << 20)
    for _ in range(size >> 20):
        out += packer.compress(block)
    return out + packer.flush()


def zero_crc(size):
    """The CRC of as many zeros."""
    value, block = 0, bytes(1 << 20)
    for _ in range(size >> 20):
        value = zlib.crc32(block, value)
    return value


def zip_zeros(size, packed):
    """A zip of one file of zeros, already packed."""
    lie = {"crc": zero_crc(size), "size": size & 0xFFFFFFFF}
    return zip_file([Entry("zeros.bin", b"", 8, packed=packed, local=lie, central=lie, size=size & 0xFFFFFFFF)])


def nested_zip():
    """Sixteen zips in sixteen zips, five levels; each innermost one holds 64 MB of zeros."""
    inner = zip_zeros(64 << 20, zeros(64 << 20))
    for _ in range(5):
        packed = packing.zip_pack(8, inner)
        inner = zip_file([Entry(f"{at}.zip", inner, 8, packed=packed) for at in range(16)])
    return inner


def overlapping_zip():
    """3,000 rows of a directory that point to one entry of 20 MB of zeros."""
    packed = zeros(20 << 20)
    size, crc = 20 << 20, zero_crc(20 << 20)
    local = packing.local_header({"name": b"z", "method": 8, "flags": 0, "crc": crc, "packed": len(packed), "size": size, "extra": b"", "need": 20})
    row = {"name": b"z", "method": 8, "flags": 0, "crc": crc, "packed": len(packed), "size": size, "extra": b"", "need": 20, "comment": b"", "at": 0}
    rows = b"".join(packing.central_header(row | {"name": f"{at:05d}".encode()}) for at in range(3000))
    start = len(local) + len(packed)
    return local + packed + rows + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 3000, 3000, len(rows), start, 0)


def quilt_zip():
    """Entries that lie within each other by stored blocks of Deflate, as in the zip of 2019 that needs no nesting."""
    kernel = zeros(8 << 20)
    chain, rows = kernel, []
    size = 8 << 20
    previous, names = None, 250
    body = b""
    for at in range(names):
        title = f"{names - at:04d}".encode()
        if previous is not None:
            chain = b"\0" + struct.pack("<HH", len(previous), len(previous) ^ 0xFFFF)
            size += len(previous)
            body = chain + previous + body if at > 1 else chain + previous + kernel
        data = body or kernel
        header = packing.local_header({"name": title, "method": 8, "flags": 0, "crc": 0, "packed": len(data), "size": size, "extra": b"", "need": 20})
        rows.append((title, len(data), size))
        previous = header
    whole = previous + body
    out = b""
    for title, packed, length in rows:
        place = len(whole) - packed - 30 - len(title)
        out += packing.central_header(
            {
                "name": title,
                "method": 8,
                "flags": 0,
                "crc": 0,
                "packed": packed,
                "size": length,
                "extra": b"",
                "need": 20,
                "comment": b"",
                "at": place,
            }
        )
    return whole + out + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, names, names, len(out), len(whole), 0)


def archive_bombs():
    """Archives: (name, file name, about, bytes)."""
    many = [Entry(f"{at}.txt", b"", 0) for at in range(60_000)]
    gz_zeros = b"\x1f\x8b\x08\0\0\0\0\0\2\3" + zeros(1 << 30) + struct.pack("<II", zero_crc(64 << 20), 0)
    huge_xz = bytearray(lzma.compress(b"calm" * 50, format=lzma.FORMAT_ALONE))
    huge_xz[1:5] = struct.pack("<I", 0xFFFFFFFF)
    deep_gz = b"calm"
    for _ in range(300):
        deep_gz = gzip.compress(deep_gz, mtime=0)
    deep_zip = b"calm"
    for _ in range(300):
        deep_zip = packing.zipped(deep_zip, "a.zip", 0)
    block = lzma.compress(bytes(200 << 20))
    sparse = bytearray(packing.tar_header(b"huge", 0, b"S", b"ustar  \0"))
    for at, value in ((386, 0), (398, 0), (483, (8 << 30) - 1)):
        sparse[at : at + 12] = f"{value:011o}\0".encode()
    sparse[148:156] = b" " * 8
    sparse[148:156] = f"{sum(sparse):06o}\0 ".encode()
    big = (0x80 << 88 | 1 << 60).to_bytes(12, "big")
    return [
        ("zip-nested", "bomb.zip", "five levels of sixteen zips", nested_zip()),
        ("zip-overlapping", "bomb.zip", "3,000 entries of one place", overlapping_zip()),
        ("zip-quilt", "bomb.zip", "entries within each other", quilt_zip()),
        ("zip-many", "bomb.zip", "60,000 empty entries", zip_file(many)),
        ("zip-deep", "bomb.zip", "300 stored zips within each other", deep_zip),
        ("gz-ratio", "bomb.gz", "a gigabyte of zeros", gz_zeros),
        ("gz-deep", "bomb.gz", "gzip 300 times", deep_gz),
        ("gz-members", "bomb.gz", "20,000 empty members", packing.gz(b"") * 20_000),
        ("xz-ratio", "bomb.xz", "200 MB of zeros", block),
        ("xz-streams", "bomb.xz", "5,000 streams", lzma.compress(b"a") * 5000),
        ("lzma-dictionary", "bomb.lzma", "a dictionary of 4 GB declared", bytes(huge_xz)),
        ("7z-dictionary", "bomb.7z", "a dictionary of 4 GB declared", packing.seven([("a", b"calm" * 50)], dictionary=0xFFFFFFF0)),
        ("7z-many", "bomb.7z", "declares 2^40 files", lying_seven()),
        ("tar-sparse", "bomb.tar", "a sparse file of 8 GB", bytes(sparse) + bytes(1024)),
        ("tar-size", "bomb.tar", "a file of 2^60 bytes", packing.tar_header(b"a", big) + bytes(1024)),
        ("tar-many", "bomb.tar.gz", "200,000 empty files", gzip.compress(packing.tar_header(b"a", 0) * 200_000, mtime=0)),
        (
            "tar-names",
            "bomb.tar",
            "10,000 long names on top of each other",
            (packing.tar_header(b"././@LongLink", 5, b"L") + packing.padded(b"aaaa\0")) * 10_000,
        ),
        ("rar-size", "bomb.rar", "RAR 5 declares 2^60 bytes", packing.rar5([("a", b"calm")], 1 << 60)),
        (
            "rar-blocks",
            "bomb.rar",
            "100,000 empty blocks of RAR 5",
            b"Rar!\x1a\x07\x01\0" + packing.rar5_block(packing.vint(3) + packing.vint(0)) * 100_000,
        ),
        ("cab-size", "bomb.cab", "a block that declares too much", packing.cab([("a", b"calm")], "mszip", 0xFFFF)),
        ("cab-files", "bomb.cab", "65,000 names", packing.cab([("a", b"")] * 65_000)),
        ("lha-loop", "bomb.lzh", "100,000 empty files", packing.lha([("a", b"")])[:-1] * 100_000 + b"\0"),
        ("ar-many", "bomb.a", "100,000 empty members", packing.ar([("a", b"")] * 100_000)),
        ("cpio-many", "bomb.cpio", "50,000 empty files", packing.cpio_newc([("a", b"")] * 50_000)),
        ("zstd-blocks", "bomb.zst", "repeated bytes in many blocks", zstd_runs()),
        ("zstd-window", "bomb.zst", "a window of a terabyte", b"\x28\xb5\x2f\xfd\x00\xf8" + struct.pack("<I", (4 << 3) | 1)[:3] + b"calm"),
        ("bz2-ratio", "bomb.bz2", "100 MB of zeros", bz2.compress(bytes(100 << 20))),
        ("lzip-members", "bomb.lz", "5,000 members", packing.lzip(b"a") * 5000),
        ("iso-loop", "bomb.iso", "a directory that holds itself", disks.iso_loop()),
        ("iso-size", "bomb.iso", "a file of 4 GB", disks.iso("A.GZ;1", b"calm").replace(disks.both(4, 4), disks.both(0xFFFFFFF0, 4))),
        ("fat-loop", "bomb.img", "a chain that ends at its begin", looped_fat()),
        ("vhd-size", "bomb.vhd", "a disk of 2^62 bytes", lying_vhd()),
        (
            "xar-toc",
            "bomb.pkg",
            "a list of 2^60 bytes declared",
            b"xar!" + struct.pack(">HHQQI", 28, 1, 100, 1 << 60, 0) + zlib.compress(bytes(9999)),
        ),
        (
            "7z-password",
            "bomb.7z",
            "2^30 rounds for the key",
            packing.seven([("a", b"calm")], password="1234").replace(b"\x24\x06\xf1\x07\x01\x12\x46", b"\x24\x06\xf1\x07\x01\x12\x5e"),
        ),
        (
            "zip-locked-many",
            "bomb.zip",
            "1,000 encrypted entries",
            zip_file([Entry(f"{at}", b"x", 8, packed=kit.noise(at, 60), flags=1) for at in range(1000)]),
        ),
    ]


def lying_seven():
    """A 7z whose header declares far too many files."""
    header = b"\x01\x05" + packing.number7(1 << 40) + b"\x00\x00"
    start = struct.pack("<QQI", 0, len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", zlib.crc32(start)) + start + header


def zstd_runs():
    """A frame of Zstandard with 20,000 blocks that repeat one byte 128 KiB."""
    block = struct.pack("<I", (131072 << 3) | 2)[:3] + b"a"
    return b"\x28\xb5\x2f\xfd\x00\x50" + block * 20_000 + struct.pack("<I", 1)[:3]


def looped_fat():
    """A FAT image whose file runs in a circle and says that it is big."""
    made = bytearray(disks.fat("INVOICE.GZ", b"calm"))
    made[512 : 512 + 150] = b"\x0a\xa0\x00" * 50
    place = made.index(b"INVOICE GZ")
    made[place + 28 : place + 32] = struct.pack("<I", 0x7FFFFFFF)
    return bytes(made)


def lying_vhd():
    """A growing disk that declares a huge table."""
    made = bytearray(disks.vhd_dynamic(disks.partitioned(disks.fat("A.GZ", b"calm"))))
    made[512 + 28 : 512 + 36] = struct.pack(">II", 0xFFFFFFFF, 0x200)
    for at in (40, 48):
        made[at : at + 8] = struct.pack(">Q", 1 << 62)
    return bytes(made)


def mail_bombs():
    """Mails of odd shape: (name, about, mail)."""
    deep = b""
    for at in range(10_000):
        deep += f'Content-Type: multipart/mixed; boundary="b{at}"\r\n\r\n--b{at}\r\n'.encode()
    same = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' * 10_000
    chained = (b"Content-Type: message/rfc822\r\n\r\n" * 25_000) + b"Subject: end\r\n\r\ncalm\r\n"
    fields = head("Calm")
    return [
        ("multiparts-deep", "10,000 multiparts within each other", fields + deep + b"calm\r\n"),
        ("multiparts-same", "10,000 multiparts of one boundary", fields + same + b"calm\r\n"),
        ("messages-deep", "25,000 messages within each other", fields + chained),
        (
            "parts-many",
            "20,000 parts",
            fields + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\ncalm\r\n" * 20_000 + b"--b--\r\n",
        ),
        ("parts-empty", "300,000 empty parts", fields + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n" * 300_000 + b"--b--\r\n"),
        ("fields-many", "200,000 empty fields", fields + b"X:\r\n" * 200_000 + b"\r\ncalm\r\n"),
        ("field-long", "a field of 10 MB", fields + b"X-Long: " + b"a" * 10_000_000 + b"\r\n\r\ncalm\r\n"),
        ("field-folded", "a field of 300,000 folded lines", fields + b"X-Long: a\r\n" + b" a\r\n" * 300_000 + b"\r\ncalm\r\n"),
        (
            "subject-words",
            "100,000 encoded words in the subject",
            fields.replace(b"Subject: Calm", b"Subject: " + b"\r\n =?utf-8?Q?a?=" * 100_000) + b"\r\ncalm\r\n",
        ),
        ("to-many", "200,000 recipients in To", fields.replace(b"To: ", b"To: " + b"a@b.example,\r\n " * 200_000) + b"\r\ncalm\r\n"),
        ("comments-deep", "100,000 open comments", fields + b"Content-Type: " + b"(" * 100_000 + b"text/plain\r\n\r\ncalm\r\n"),
        (
            "quotes",
            "a million escaped quotes in a parameter",
            fields + b'Content-Type: text/plain; name="' + b'\\"' * 1_000_000 + b'"\r\n\r\ncalm\r\n',
        ),
        ("parameters", "200,000 parameters", fields + b"Content-Type: text/plain" + b";\r\n a=b" * 200_000 + b"\r\n\r\ncalm\r\n"),
        (
            "continuations",
            "100,000 pieces of a name",
            fields + b"Content-Type: text/plain" + b"".join(b";\r\n name*%d=a" % at for at in range(100_000)) + b"\r\n\r\ncalm\r\n",
        ),
        (
            "continuation-number",
            "a piece with a huge number",
            fields + b"Content-Type: text/plain; name*99999999999999999999=a; name*0=b\r\n\r\ncalm\r\n",
        ),
        (
            "boundary-like",
            "a megabyte of lines like the boundary",
            fields + b'Content-Type: multipart/mixed; boundary="' + b"b" * 70 + b'"\r\n\r\n' + (b"--" + b"b" * 69 + b"c\r\n") * 14_000,
        ),
        (
            "base64-line",
            "a megabyte of base64 in one line",
            kit.mail_of(b64(kit.noise(51, 750_000), 10**9), "Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"),
        ),
        ("base64-equals", "a megabyte of padding", kit.mail_of(b"=" * 1_000_000, "Content-Type: text/html", "Content-Transfer-Encoding: base64")),
        (
            "quoted-equals",
            "5 MB of equals signs",
            kit.mail_of(b"=" * 5_000_000, "Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable"),
        ),
        (
            "quoted-blanks",
            "5 MB of blanks at a line's end",
            kit.mail_of(b"a" + b" " * 5_000_000 + b"\r\nb", "Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable"),
        ),
        ("uuencode-begins", "100,000 begin lines", kit.mail_of(b"begin 644 a\r\n" * 100_000, "Content-Type: text/plain")),
        (
            "uuencode-long",
            "uuencoded without an end",
            kit.mail_of(b"begin 644 a\r\n" + (b"M" + b"!" * 60 + b"\r\n") * 60_000, "Content-Type: text/plain"),
        ),
        ("pgp-begins", "50,000 begins of an armour", kit.mail_of(b"-----BEGIN PGP MESSAGE-----\r\n\r\n" * 50_000, "Content-Type: text/plain")),
        ("html-deep", "100,000 tags within each other", page(b"<div>" * 100_000)),
        ("html-open", "a million open brackets", page(b"<" * 1_000_000)),
        ("html-comments", "300,000 open comments", page(b"<!--" * 300_000)),
        ("html-attributes", "a tag with 200,000 attributes", page(b"<p " + b'a="b" ' * 200_000 + b">")),
        ("html-entities", "300,000 entities", page(b"&#65;" * 300_000)),
        ("html-srcdoc", "pages in pages, 20 levels of entities", page(nested_srcdoc())),
        ("html-links", "50,000 links", page(b'<a href="http://a.example/b">c</a>' * 50_000)),
        ("html-data", "20,000 data links", page(b'<img src="data:image/png;base64,aaaa">' * 20_000)),
        ("html-formatting", "open formatting tags", page(b"<b><i><u><font>" * 20_000 + b"<p>" * 1000)),
        ("html-tables", "tables within each other", page(b"<table><tr><td>" * 30_000)),
        ("html-style", "a style sheet of 2 MB of braces", page(b"<style>" + b"a{b:c}" * 300_000 + b"</style>")),
        ("script-plus", "200,000 strings joined", page(b"<script>a=" + b"'a'+" * 200_000 + b"'';</script>")),
        ("script-brackets", "a million brackets", page(b"<script>" + b"[" * 1_000_000 + b"</script>")),
        ("script-atob", "base64 in base64, 15 times", page(b"<script>" + nested_atob() + b"</script>")),
        ("regex-at", "a text of at signs", text(b"a@" * 1_000_000)),
        ("regex-dots", "a text of dots", text(b"a." * 1_000_000)),
        ("regex-http", "a text of http", text(b"http://" * 300_000)),
        ("regex-digits", "a text of digits", text(b"1 " * 1_500_000)),
        ("regex-blanks", "a text of blanks", text(b" " * 3_000_000)),
        ("regex-hyphens", "a text of hyphens", text(b"-" * 3_000_000)),
        ("regex-base64", "a text of letters", text(b"A" * 3_000_000)),
        ("regex-words", "a text of password words", text(b"password: " * 100_000)),
        ("utf7-shifts", "UTF-7 with a million shifts", kit.mail_of(b"+-+A" * 500_000, "Content-Type: text/html; charset=utf-7")),
        ("charset-jp", "ISO-2022-JP with a million shifts", kit.mail_of(b"\x1b$B\x1b(B" * 400_000, "Content-Type: text/html; charset=iso-2022-jp")),
        ("zalgo", "a million combining marks", kit.mail_of("a" + "\u0301" * 1_000_000, "Content-Type: text/plain; charset=utf-8")),
        ("attachments", "3,000 attachments", kit.mail(TEXT_PART, *[kit.attachment(b"calm", f"{at}.txt") for at in range(3000)])),
        ("mailbox", "a mailbox of 50,000 mails", mail_with(b"From a@b.example Mon Mar  2 10:00:00 2026\nSubject: a\n\nb\n\n" * 50_000, "a.mbox")),
    ]


def nested_srcdoc():
    """A page in a page; entities double at every level, so that it grows."""
    inner = "calm"
    for _ in range(12):
        inner = f'<iframe srcdoc="{inner.replace("&", "&amp;").replace(chr(34), "&quot;")}"></iframe>'
    return inner.encode()


def nested_atob():
    """Base64 in base64."""
    inner = b"calm"
    for _ in range(15):
        inner = b"atob('" + b64(inner, 10**9).strip() + b"')"
    return inner


def page(body):
    """A mail that is a page."""
    return kit.mail_of(b"<html><body>" + body, "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: 8bit")


def text(body):
    """A mail that is a text of one line."""
    return kit.mail_of(body, "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit")


def document_bombs():
    """Documents: (name, file name, about, bytes)."""
    big = {"WordDocument": bytes(200_000)}
    cyclic = pdf.page()
    cyclic.add(6, b"7 0 R")
    cyclic.add(7, b"6 0 R")
    cyclic.stream(8, b"x", b"/Filter 6 0 R /DecodeParms 7 0 R")
    kids = pdf.Pdf()
    kids.add(1, b"<< /Type /Catalog /Pages 2 0 R /OpenAction 2 0 R >>")
    kids.add(2, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 /Parent 2 0 R >>")
    flates = zlib.compress(bytes(100 << 20))
    for _ in range(3):
        flates = zlib.compress(flates)
    many = pdf.page()
    for number in range(6, 20_006):
        many.add(number, b"<< >>")
    nested = pdf.page()
    nested.add(6, b"[" * 100_000 + b"]" * 100_000)
    filters = pdf.with_script(b"x", b"/Filter [" + b"/ASCIIHexDecode " * 50_000 + b"]")
    run_flood = pdf.page()
    for number in range(6, 206):
        run_flood.stream(number, zlib.compress(bytes(5 << 20)), b"/Filter /FlateDecode")
    loop = misc.tnef(b"calm")
    tables = {"VBA": {"dir": b"\x01" + struct.pack("<H", 0xB000 | 3) + b"\xff" * 6, "a": compound.vba_compress(b"a")}}
    deep = {"Data": b"calm"}
    for at in range(200):
        deep = {f"s{at}": deep}
    word = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "calm">'
        + "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 10}">' for at in range(1, 12))
        + "]><a>&a11;</a>"
    )
    return [
        ("cfb-cycle", "bomb.doc", "a chain that ends at its begin", compound.cfb(big, cycle=True)),
        ("cfb-size", "bomb.doc", "streams of 2^60 bytes", compound.cfb(big, size_lie=1 << 60)),
        ("cfb-deep", "bomb.doc", "200 storages within each other", compound.cfb(deep)),
        ("cfb-tree", "bomb.doc", "a directory that holds itself", looped_cfb()),
        ("vba-dir", "bomb.doc", "a project that makes no sense", compound.cfb({"Macros": tables})),
        ("cfb-many", "bomb.doc", "5,000 streams", compound.cfb({f"{at:05d}": b"x" for at in range(5000)})),
        ("pdf-cycle", "bomb.pdf", "objects that refer to each other", cyclic.done()),
        ("pdf-kids", "bomb.pdf", "a tree of pages that holds itself", kids.done()),
        ("pdf-flates", "bomb.pdf", "Flate of Flate of zeros", pdf.with_script(flates, b"/Filter [" + b"/FlateDecode " * 4 + b"]")),
        ("pdf-many", "bomb.pdf", "20,000 objects", many.done()),
        ("pdf-nested", "bomb.pdf", "100,000 arrays within each other", nested.done()),
        ("pdf-filters", "bomb.pdf", "50,000 filters", filters),
        ("pdf-streams", "bomb.pdf", "200 streams of 5 MB of zeros", run_flood.done()),
        (
            "pdf-prev",
            "bomb.pdf",
            "a revision that is its own ancestor",
            pdf.page().done(extra=b"/Prev 9").replace(b"startxref", b"% calm\nstartxref"),
        ),
        ("pdf-objstm", "bomb.pdf", "an object stream that declares 2^31 objects", objstm_lie()),
        (
            "pdf-png",
            "bomb.pdf",
            "a predictor of 2^31 columns",
            pdf.with_script(
                zlib.compress(b"calm"), b"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 32 /BitsPerComponent 16 >>"
            ),
        ),
        ("tnef-length", "winmail.dat", "an attribute of 4 GB", misc.tnef(b"calm", length=0xFFFFFFFF)),
        ("tnef-many", "winmail.dat", "50,000 attachments", loop[:6] + loop[6:] * 20_000),
        ("tnef-deep", "winmail.dat", "200 messages within each other", deep_tnef()),
        (
            "tnef-count",
            "winmail.dat",
            "2^32 properties",
            misc.TNEF_HEAD + misc.attribute(1, 0x00069003, struct.pack("<I", 0xFFFFFFFF) + b"\x1e\x10\x01\x30" + struct.pack("<I", 0xFFFFFFFF)),
        ),
        ("rtf-deep", "bomb.rtf", "500,000 groups within each other", b"{\\rtf1" + b"{" * 500_000),
        ("rtf-bin", "bomb.rtf", "\\bin of 4 GB", b"{\\rtf1{\\object{\\*\\objdata \\bin4294967295 aa"),
        ("rtf-objects", "bomb.rtf", "20,000 objects", b"{\\rtf1" + b"{\\object{\\*\\objdata 0105000002000000}}" * 20_000),
        ("xml-laughs", "bomb.xml", "entities of entities, eleven levels", word.encode()),
        (
            "docx-laughs",
            "bomb.docx",
            "the same in a document",
            zip_file([Entry("[Content_Types].xml", b"<Types/>"), Entry("word/document.xml", word.encode())]),
        ),
        (
            "docx-deep",
            "bomb.docx",
            "300,000 tags within each other",
            zip_file([Entry("[Content_Types].xml", b"<Types/>"), Entry("word/document.xml", b"<a>" * 300_000)]),
        ),
        (
            "xlsx-zeros",
            "bomb.xlsx",
            "a sheet of 500 MB",
            zip_file([Entry("[Content_Types].xml", b"<Types/>"), Entry("xl/worksheets/sheet1.xml", b"", 8, packed=zeros(500 << 20), size=500 << 20)]),
        ),
        (
            "one-size",
            "bomb.one",
            "2,000 files of 2^60 bytes",
            b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"
            + bytes(1008)
            + (bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + struct.pack("<QIQ", 1 << 60, 0, 0)) * 2000,
        ),
        ("png-size", "bomb.png", "a picture of 60,000 times 60,000", big_png()),
        (
            "jpeg-cut",
            "bomb.jpg",
            "a cut picture of 65,535 times 65,535",
            misc.JPEG[:90].replace(b"\xff\xc0\0\x0b\x08\0\1\0\1", b"\xff\xc0\0\x0b\x08\xff\xff\xff\xff") + misc.JPEG[90:120],
        ),
        ("gif-cut", "bomb.gif", "a cut picture", misc.GIF[:30]),
        ("gif-frames", "bomb.gif", "20,000 frames", misc.GIF[: 13 + 6] + misc.GIF[19:-1] * 20_000 + b";"),
        ("der-deep", "smime.p7m", "100,000 open elements", b"\x30\x80" * 100_000),
        ("der-length", "smime.p7m", "an element of 2^60 bytes", b"\x30\x88" + struct.pack(">Q", 1 << 60) + b"\x06\x01a"),
        ("der-pieces", "smime.p7m", "50,000 pieces of one byte", misc.signed(b"a" * 50_000, piece=1)),
        ("pgp-deep", "a.pgp", "packed packets, 200 times", deep_pgp()),
        ("pgp-zeros", "a.pgp", "300 MB of zeros", misc.packet(8, b"\1" + zeros(300 << 20))),
        ("ics-folds", "a.ics", "a line folded 300,000 times", b"BEGIN:VCALENDAR\r\nSUMMARY:a\r\n" + b" a\r\n" * 300_000),
        (
            "mime-in-zip",
            "a.zip",
            "a mail of 5,000 multiparts in a zip",
            packing.zipped(b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' * 5000, "a.eml"),
        ),
        ("csv", "a.csv", "a line of 3 MB of commas", b"," * 3_000_000),
        ("msg-loop", "a.msg", "120 messages within each other", deep_msg()),
    ]


def looped_cfb():
    """A compound file whose directory entries point to themselves."""
    made = bytearray(compound.cfb({"aaaa": {"bbbb": b"calm" * 20}, "cccc": b"calm"}))
    for name in ("aaaa", "bbbb", "cccc"):
        at = made.index(name.encode("utf-16-le"))
        made[at + 68 : at + 80] = struct.pack("<III", 1, 1, 1)
    return bytes(made)


def objstm_lie():
    """An object stream with a lie about its number of objects."""
    made = pdf.page()
    made.stream(6, zlib.compress(b"7 0 << >>"), b"/Type /ObjStm /N 2147483647 /First 4 /Filter /FlateDecode")
    return made.done()


def big_png():
    """A picture that declares 60,000 by 60,000 pixels."""
    good = bytearray(misc.png())
    good[16:24] = struct.pack(">II", 60_000, 60_000)
    good[29:33] = struct.pack(">I", zlib.crc32(bytes(good[12:29])))
    return bytes(good)


def deep_tnef():
    """Messages in messages in a winmail.dat."""
    made = misc.tnef(b"calm")
    for _ in range(200):
        made = misc.tnef(None, embedded=made)
    return made


def deep_pgp():
    """Packed packets in packed packets."""
    made = misc.literal(b"calm")
    for _ in range(200):
        made = misc.packet(8, b"\2" + zlib.compress(made))
    return made


def deep_msg():
    """Messages of Outlook in each other."""
    tree = misc.outlook(body="calm")
    for _ in range(120):
        tree = misc.outlook([("inner", tree)])
    return compound.cfb(tree)


def cases():
    """All cases of this field."""
    for name, file_name, about, made in archive_bombs():
        yield kit.case("bomb-archive", name, about, mail_with(made, file_name), SURVIVE)
    for name, about, made in mail_bombs():
        yield kit.case("bomb-mail", name, about, made, SURVIVE)
    for name, file_name, about, made in document_bombs():
        yield kit.case("bomb-document", name, about, mail_with(made, file_name), SURVIVE)
