"""Hiding in archives: every method that can be written by hand, and every lie that unpackers forgive.

Formats that only store are given a gzip file to store, so that nothing can be found without knowing where a member begins.
"""

import bz2
import gzip
import lzma
import struct
import tarfile
import zlib

from . import kit, packing
from .kit import FOUND_OR_HELD, MARKER_BYTES, case, mail_with
from .packing import Entry, zip_file, zipped

NAME = "invoice.js"


def sealed():
    """The script in a gzip file: what a storing format stores."""
    return packing.gz(kit.payload_js(), NAME)


SEALED_NAME = "invoice.js.gz"
# What no common program opens as it lies there: to say that it is broken is enough.
NOBODY_OPENS = {
    "zip-lie/method-swapped",
    "zip-lie/packed-small",
    "zip-lie/flag-encrypted-both",
    "stream/zlib",
    "tar/checksum",
    "tar/directory",
    "tar/hard-link",
    "tar/junk-first",
    "cpio/two",
    "rar/four-size",
    "rar/five-size",
}


def wanted(group, name):
    """What is asked of a case."""
    return FOUND_OR_HELD if f"{group}/{name}" in NOBODY_OPENS else kit.FOUND


CALM = ("readme.txt", b"Nothing to see here, but a calm text of some length.\r\n" * 4)


def zip_methods():
    """One zip for each method."""
    data = kit.payload_js()
    titles = {0: "stored", 8: "deflate", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}
    for method, title in titles.items():
        for name in ("invoice.js", "invoice.exe", "invoice.txt"):
            content = kit.PAYLOADS[name]()
            yield case(
                "zip",
                f"method-{title}-{name[8:]}",
                f"{name} by method {method}",
                mail_with(zipped(content, name, method), "invoice.zip", "application/zip"),
            )
    stored = zlib.compressobj(0, zlib.DEFLATED, -15)
    broken = b""
    for at in range(0, len(data), 7):
        last = at + 7 >= len(data)
        piece = data[at : at + 7]
        broken += bytes([last]) + struct.pack("<HH", len(piece), len(piece) ^ 0xFFFF) + piece
    yield case(
        "zip",
        "deflate-stored-blocks",
        "deflate in stored blocks of seven bytes",
        mail_with(zip_file([Entry(NAME, data, 8, packed=broken)]), "invoice.zip"),
    )
    yield case(
        "zip",
        "deflate-level-0",
        "deflate at level 0",
        mail_with(zip_file([Entry(NAME, sealed(), 8, packed=stored.compress(sealed()) + stored.flush())]), "invoice.zip"),
    )
    for method in (1, 6, 10, 97, 98, 250):
        yield case(
            "zip",
            f"unknown-{method}",
            f"method {method}, which cannot be opened",
            mail_with(zip_file([Entry(NAME, data, method, packed=kit.noise(method, 150))]), "invoice.zip"),
            FOUND_OR_HELD,
        )


def zip_lies():
    """Zips whose headers lie: (name, about, bytes)."""
    data = kit.payload_js()
    one = Entry(NAME, data)
    calm = Entry(*CALM)
    packed = packing.zip_pack(8, data)
    good = zip_file([one])
    end = good.index(b"PK\x05\x06")
    start = good.index(b"PK\x01\x02")
    hidden_name = {"name": b"calm.txt"}
    utf_extra = struct.pack("<HHBI", 0x7075, 5 + len("räkning.js".encode()), 1, zlib.crc32(b"x.txt")) + "räkning.js".encode()
    long64 = struct.pack("<HHQQ", 1, 16, len(data), len(packed))
    return [
        ("zip64", "with the records of zip64", zip_file([one], sixty_four=True)),
        (
            "zip64-sizes",
            "sizes in the extra field of zip64",
            zip_file(
                [one._replace(local={"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}, central={"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}, extra=long64)]
            ),
        ),
        ("descriptor", "sizes in a data descriptor", zip_file([one._replace(descriptor=1)])),
        ("descriptor-bare", "a data descriptor without its signature", zip_file([one._replace(descriptor=2)])),
        ("descriptor-stored", "a stored entry with a data descriptor", zip_file([Entry(SEALED_NAME, sealed(), 0, descriptor=1)])),
        ("descriptor-no-directory", "data descriptor and no directory", zip_file([one._replace(descriptor=1)], directory=False, end=False)),
        ("no-end", "the end record is missing", good[:end]),
        ("no-directory", "directory and end record are missing", good[:start]),
        ("cut-directory", "cut within the directory", good[: start + 20]),
        ("cut-data", "cut in the last bytes of the data", good[: start - 6]),
        ("offset-high", "every offset too high", zip_file([one], shift=100)),
        ("offset-low", "a prefix that no offset counts", b"x" * 77 + good),
        ("offset-far", "offsets beyond the file", zip_file([one], shift=1_000_000)),
        ("prefix-counted", "a prefix that the offsets count", zip_file([one], prefix=b"MZ" + bytes(300))),
        ("prefix-program", "behind a program, as a self-extractor", kit.payload_exe().replace(MARKER_BYTES, b"x" * 40) + bytes(400) + good),
        ("prefix-big", "behind 100 kB of noise", kit.noise(5, 100_000) + good),
        ("suffix", "junk behind the end record", good + b"junk" * 500),
        ("suffix-big", "70 kB behind the end record", good + kit.noise(6, 70_000)),
        ("suffix-nul", "100 kB of NULs behind the end record", good + bytes(100_000)),
        ("two-second", "two zips behind each other, the second is bad", zip_file([calm]) + good),
        ("two-first", "two zips behind each other, the first is bad", good + zip_file([calm])),
        ("two-counted", "two zips, the second counts the first", zip_file([calm]) + zip_file([one], shift=len(zip_file([calm])))),
        ("three", "three zips, the middle one is bad", zip_file([calm]) + good + zip_file([calm])),
        ("zip-in-comment", "a zip in the comment of the end record", zip_file([calm], comment=good)),
        ("fake-end", "a fake end record in the comment", zip_file([one], comment=b"PK\x05\x06" + bytes(18))),
        ("long-comment", "the longest comment", zip_file([one], comment=b"c" * 65535)),
        ("unlisted", "an entry that the directory does not name", zip_file([calm, one._replace(listed=False)])),
        ("unlisted-first", "the first entry is not named", zip_file([one._replace(listed=False), calm])),
        ("unlisted-all", "an empty directory", zip_file([one._replace(listed=False)])),
        ("names-local-bad", "calm name in the directory", zip_file([one._replace(central=hidden_name)])),
        ("names-central-bad", "calm name in the local header", zip_file([one._replace(local=hidden_name)])),
        ("method-local", "stored in the directory, deflated in truth", zip_file([one._replace(central={"method": 0})])),
        ("method-central", "stored in the local header, deflated in truth", zip_file([one._replace(local={"method": 0})])),
        ("method-swapped", "deflated by the headers, stored in truth", zip_file([Entry(NAME, data, 0, local={"method": 8}, central={"method": 8})])),
        (
            "method-local-stored",
            "deflated in the directory, stored in truth and local header",
            zip_file([Entry(SEALED_NAME, sealed(), 0, central={"method": 8})]),
        ),
        ("size-zero", "both sizes zero in the local header", zip_file([one._replace(local={"packed": 0, "size": 0})])),
        ("size-zero-central", "both sizes zero in the directory", zip_file([one._replace(central={"packed": 0, "size": 0})])),
        ("size-small", "an unpacked size of 10", zip_file([one._replace(local={"size": 10}, central={"size": 10})])),
        ("size-big", "an unpacked size of 4 GB", zip_file([one._replace(local={"size": 0xFFFFFFF0}, central={"size": 0xFFFFFFF0})])),
        ("packed-big", "a packed size beyond the file", zip_file([one._replace(local={"packed": 0x7FFFFFFF}, central={"packed": 0x7FFFFFFF})])),
        ("packed-small", "a packed size of 20", zip_file([one._replace(local={"packed": 20}, central={"packed": 20})])),
        ("crc", "a wrong checksum", zip_file([one._replace(local={"crc": 1}, central={"crc": 1})])),
        ("flag-encrypted-central", "said to be encrypted in the directory only", zip_file([one._replace(central={"flags": 1})])),
        ("flag-encrypted-local", "said to be encrypted in the local header only", zip_file([one._replace(local={"flags": 1})])),
        ("flag-encrypted-both", "said to be encrypted, which it is not", zip_file([one._replace(flags=1)])),
        ("flag-masked", "the flag of a masked directory", zip_file([one._replace(flags=1 << 13)])),
        ("need-version", "needs version 9.9", zip_file([one._replace(local={"need": 99}, central={"need": 99})])),
        ("count-small", "the end record counts no entry", zip_file([calm, one], total=-2)),
        ("count-big", "the end record counts 500 entries", zip_file([calm, one], total=500)),
        ("same-name", "two entries of one name, the second is bad", zip_file([Entry(NAME, b"calm " * 20), one])),
        ("same-name-first", "two entries of one name, the first is bad", zip_file([one, Entry(NAME, b"calm " * 20)])),
        ("directory-name", "a name that ends in a slash, with data", zip_file([Entry("invoice/", data)])),
        ("empty-name", "no name", zip_file([Entry("", data)])),
        ("dot-dot", "a name that climbs", zip_file([Entry("../../start/" + NAME, data)])),
        ("backslash", "a path of Windows", zip_file([Entry("a\\b\\" + NAME, data)])),
        ("nul-name", "a NUL in the name", zip_file([Entry("invoice.js\0.txt", data)])),
        ("long-name", "a name of 60,000 letters", zip_file([Entry("a" * 60_000 + ".js", data)])),
        ("unicode-name", "another name in the extra field", zip_file([Entry("x.txt", data, extra=utf_extra)])),
        ("turned-name", "the reading direction turned", zip_file([Entry("invoice\u202efdp.js", data, flags=0x800)])),
        ("extra-junk", "an extra field that lies about its length", zip_file([one._replace(extra=b"\x01\x00\xff\xff" + bytes(8))])),
        (
            "local-extra-long",
            "a longer extra field in the local header",
            zip_file([one._replace(local_extra=struct.pack("<HH", 0x7777, 300) + bytes(300))]),
        ),
        ("gap", "200 bytes of junk that the offsets count", zip_file([one], prefix=b"junk" * 50)),
        ("spanned", "begins with the mark of a spanned zip", b"PK\x07\x08" + zip_file([one], shift=4)),
        ("spanned-temporary", "begins with PK00", b"PK00" + zip_file([one], shift=4)),
        ("strong-header", "signature of an archive extra record first", b"PK\x06\x08" + bytes(4) + zip_file([one], shift=8)),
        (
            "many",
            "entry 400 of 800 is bad",
            zip_file([Entry(f"{at}.txt", b"calm") for at in range(400)] + [one] + [Entry(f"b{at}.txt", b"calm") for at in range(400)]),
        ),
        ("pointed-twice", "two directory rows point to one entry", overlapped(one, calm)),
        ("inside-another", "an entry within the data of a stored one", zip_file([Entry("calm.bin", good[:start], 0)])),
    ]


def overlapped(one, calm):
    """A directory with two rows for the same local header."""
    made = zip_file([calm, one])
    start, end = made.index(b"PK\x01\x02"), made.index(b"PK\x05\x06")
    rows = made[start:end]
    again = rows + rows
    return made[:start] + again + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 4, 4, len(again), start, 0)


def zip_cases():
    """Zips that lie, encrypted ones, nested ones, and zips under other names."""
    for name, about, made in zip_lies():
        yield case("zip-lie", name, about, mail_with(made, "invoice.zip", "application/zip"), wanted("zip-lie", name))
    data = kit.payload_js()
    told = [
        ("english", "The password is 4711-Kvarn.\r\n", "4711-Kvarn", kit.FOUND),
        ("swedish", "Hej!\r\n\r\nLösenord: sommar2026\r\n\r\nHälsningar\r\nAnna\r\n", "sommar2026", kit.FOUND),
        ("finnish", 'Hei,\r\n\r\nsalasana on "Kesä2026!"\r\n', "Kesä2026!", kit.FOUND),
        ("norwegian", "Passordet er: fjord99\r\n", "fjord99", kit.FOUND),
        ("danish", "Adgangskode: 1234\r\n", "1234", kit.FOUND),
        ("own-line", "Please open the file with this password:\r\n\r\n   Xy7!qq2\r\n\r\nRegards\r\n", "Xy7!qq2", kit.FOUND),
        ("untold", "The password comes by phone.\r\n", "zkq83hfu", FOUND_OR_HELD),
        ("common", "The password is known to you.\r\n", "infected", FOUND_OR_HELD),
    ]
    makers = {
        "pkzip": lambda content, password: packing.zip_encrypted(content, NAME, password.encode()),
        "aes256": lambda content, password: packing.zip_aes(content, NAME, password.encode()),
        "aes128": lambda content, password: packing.zip_aes(content, NAME, password.encode(), 1),
        "seven": lambda content, password: packing.seven([(NAME, content)], password=password),
        "seven-names": lambda content, password: packing.seven([(NAME, content)], password=password, hide_names=True),
    }
    for kind, make in makers.items():
        for name, text, password, expect in told:
            ending = "7z" if kind.startswith("seven") else "zip"
            expect = FOUND_OR_HELD if expect != kit.FOUND else kit.FOUND
            yield case(
                "archive-password",
                f"{kind}-{name}",
                f"encrypted ({kind}), the mail says: {name}",
                mail_with(make(data, password), f"invoice.{ending}", text=text),
                expect,
            )
    yield case(
        "archive-password",
        "subject",
        "the password stands in the subject",
        kit.mail(kit.TEXT_PART, kit.attachment(packing.zip_encrypted(data, NAME, b"7788"), "invoice.zip"), subject="Invoice, password 7788"),
    )
    yield case(
        "archive-password",
        "html",
        "the password stands in a page",
        kit.mail(
            kit.entity(["Content-Type: text/html; charset=utf-8"], "<p>Password: <b>Qu4rtz</b></p>"),
            kit.attachment(packing.zip_encrypted(data, NAME, b"Qu4rtz"), "invoice.zip"),
        ),
    )
    yield case(
        "archive-password",
        "file-name",
        "the password stands in the name of the file",
        mail_with(packing.zip_encrypted(data, NAME, b"9911"), "invoice password 9911.zip"),
        FOUND_OR_HELD,
    )
    for ending in ("txt", "jpg", "pdf", "dat", "zipx", "jar", "docx", "apk", "xpi", "001"):
        yield case("zip", f"named-{ending}", f"a zip that is called .{ending}", mail_with(zipped(data), f"invoice.{ending}"))
    nested = data
    for level in range(5):
        nested = zipped(nested, NAME if level == 0 else f"level{level}.zip", 8 if level % 2 == 0 else 0)
    yield case("archive-nested", "zip-five", "five zips within each other", mail_with(nested, "invoice.zip"))
    deep = data
    for level in range(12):
        deep = zipped(deep, NAME if level == 0 else f"level{level}.zip")
    yield case("archive-nested", "zip-twelve", "twelve zips within each other", mail_with(deep, "invoice.zip"), FOUND_OR_HELD)


def streams():
    """Single packed streams: (name, file name, about, bytes)."""
    data, calm = kit.payload_js(), CALM[1]
    half = len(data) // 2
    lone = lzma.compress(data, format=lzma.FORMAT_ALONE)
    delta = lzma.compress(data, filters=[{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2, "preset": 6}])
    bcj = lzma.compress(data, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6}])
    skippable = b"\x50\x2a\x4d\x18" + struct.pack("<I", 9) + b"skip this"
    return [
        ("gz", "invoice.js.gz", "gzip", packing.gz(data, NAME)),
        (
            "gz-fields",
            "invoice.js.gz",
            "gzip with every optional field",
            packing.gz(data, NAME, extra=b"ab\x02\0xy", comment="calm", header_crc=True),
        ),
        ("gz-members", "invoice.js.gz", "gzip in two members", packing.gz(data[:half]) + packing.gz(data[half:])),
        ("gz-second", "invoice.js.gz", "the second member is bad", packing.gz(calm) + packing.gz(data)),
        ("gz-nul", "invoice.js.gz", "NULs between two members", packing.gz(calm) + bytes(512) + packing.gz(data)),
        ("gz-junk", "invoice.js.gz", "junk behind the member", packing.gz(data, junk=b"junk" * 99)),
        ("gz-junk-first", "invoice.js.gz", "one empty member first", packing.gz(b"") + packing.gz(data)),
        ("gz-crc", "invoice.js.gz", "a wrong checksum", packing.gz(data)[:-8] + bytes(8)),
        ("gz-cut", "invoice.js.gz", "the trailer is missing", packing.gz(data)[:-8]),
        ("gz-cut-more", "invoice.js.gz", "the last bytes are missing", packing.gz(data)[:-12]),
        ("gz-reserved", "invoice.js.gz", "reserved flags set", packing.gz(data)[:3] + b"\x80" + packing.gz(data)[4:]),
        ("gz-named-txt", "invoice.txt", "gzip that is called .txt", packing.gz(data, NAME)),
        ("zlib", "invoice.zlib", "a bare zlib stream", zlib.compress(data)),
        ("bz2", "invoice.js.bz2", "bzip2", bz2.compress(data)),
        ("bz2-streams", "invoice.js.bz2", "bzip2 in two streams", bz2.compress(data[:half]) + bz2.compress(data[half:])),
        ("bz2-second", "invoice.js.bz2", "the second stream is bad", bz2.compress(calm) + bz2.compress(data)),
        ("bz2-junk", "invoice.js.bz2", "junk behind the stream", bz2.compress(data) + b"junk" * 99),
        ("xz", "invoice.js.xz", "xz", lzma.compress(data)),
        ("xz-streams", "invoice.js.xz", "xz in two streams", lzma.compress(calm) + lzma.compress(data)),
        ("xz-padding", "invoice.js.xz", "padding between streams", lzma.compress(calm) + bytes(8) + lzma.compress(data)),
        ("xz-junk", "invoice.js.xz", "junk behind the stream", lzma.compress(data) + b"junk" * 99),
        ("xz-none", "invoice.js.xz", "no checksum", lzma.compress(data, check=lzma.CHECK_NONE)),
        ("xz-sha256", "invoice.js.xz", "SHA-256 as checksum", lzma.compress(data, check=lzma.CHECK_SHA256)),
        ("xz-delta", "invoice.js.xz", "the delta filter", delta),
        ("xz-bcj", "invoice.js.xz", "the filter for programs", bcj),
        ("xz-cut", "invoice.js.xz", "the index is missing", lzma.compress(data)[:-40]),
        ("lzma", "invoice.js.lzma", "lzma alone", lone),
        ("lzma-junk", "invoice.js.lzma", "junk behind the stream", lone + b"junk" * 9),
        ("lzip", "invoice.js.lz", "lzip", packing.lzip(data)),
        ("lzip-members", "invoice.js.lz", "lzip in two members", packing.lzip(calm) + packing.lzip(data)),
        ("zstd", "invoice.js.zst", "zstd in raw blocks", packing.zstd(data)),
        ("zstd-window", "invoice.js.zst", "zstd with a window and no size", packing.zstd(data, single=False)),
        ("zstd-skippable", "invoice.js.zst", "a skippable frame first", skippable + packing.zstd(data)),
        ("zstd-frames", "invoice.js.zst", "two frames", packing.zstd(calm) + packing.zstd(data)),
        ("lz4", "invoice.js.lz4", "lz4 in uncompressed blocks", packing.lz4(data)),
        ("lz4-legacy", "invoice.js.lz4", "the old frame of lz4", packing.lz4_legacy(sealed())),
        ("lz4-frames", "invoice.js.lz4", "two frames", packing.lz4(calm) + packing.lz4(data)),
        ("compress", "invoice.js.Z", "compress(1)", packing.compress(data)),
    ]


def tars():
    """Tars: (name, file name, about, bytes)."""
    data = sealed()
    name = SEALED_NAME
    files = [(name, data)]
    good = packing.tar(files)
    calm = packing.tar([CALM])
    head = packing.tar_header
    body = packing.padded(data)
    long_name = ("x" * 150 + "/" + name).encode() + b"\0"
    link = head(b"././@LongLink", len(long_name), b"L", b"ustar  \0") + packing.padded(long_name)
    record = b"".join(f"{len(text) + 3} {text}\n".encode() for text in (f"path=very/{name}",))
    pax = head(b"PaxHeader", len(record), b"x") + packing.padded(record)
    big = (0x80 << 88 | len(data)).to_bytes(12, "big")
    sparse = bytearray(head(name.encode(), len(data), b"S", b"ustar  \0"))
    for at, value in ((386, 0), (398, len(data)), (483, len(data))):
        sparse[at : at + 12] = f"{value:011o}\0".encode()
    sparse[148:156] = b" " * 8
    sparse[148:156] = f"{sum(sparse):06o}\0 ".encode()
    return [
        ("ustar", "invoice.tar", "ustar", packing.tar_by_module(name, data, tarfile.USTAR_FORMAT)),
        ("pax", "invoice.tar", "pax with a long name", packing.tar_by_module("å" * 120 + name, data, tarfile.PAX_FORMAT)),
        ("gnu", "invoice.tar", "GNU with a long name", packing.tar_by_module("a" * 220 + name, data, tarfile.GNU_FORMAT)),
        ("v7", "invoice.tar", "as of 1979, without a magic word", packing.tar(files, magic=b"", kind=b"\0")),
        ("no-end", "invoice.tar", "no blocks of zeros at the end", good[:-1024]),
        ("unpadded", "invoice.tar", "ends with the last byte of data", head(name.encode(), len(data)) + data),
        ("checksum", "invoice.tar", "a wrong checksum in the second header", calm[:-1024] + packing.tar(files, checksum=1)),
        ("concatenated", "invoice.tar", "two tars behind each other", calm + good),
        ("zeros-between", "invoice.tar", "20 kB of zeros between", calm + bytes(20_480) + good),
        ("long-link", "invoice.tar", "a GNU long name by hand", link + good),
        ("pax-path", "invoice.tar", "a pax record renames it", pax + packing.tar([("calm.txt", data)])),
        (
            "pax-size",
            "invoice.tar",
            "a pax record gives the true size",
            head(b"PaxHeader", 20, b"x")
            + packing.padded(f"{len(f'size={len(data)}') + 4:02d} size={len(data)}\n".encode())
            + head(name.encode(), 0)
            + body
            + bytes(1024),
        ),
        ("binary-size", "invoice.tar", "the size in base 256", head(name.encode(), big) + body + bytes(1024)),
        ("size-long", "invoice.tar", "a size beyond the file", head(name.encode(), 10_000_000) + body + bytes(1024)),
        ("size-blanks", "invoice.tar", "the size with leading blanks", head(name.encode(), f"{len(data):>11o} ".encode()) + body + bytes(1024)),
        ("sparse", "invoice.tar", "an old GNU sparse file", bytes(sparse) + body + bytes(1024)),
        ("hard-link", "invoice.tar", "a hard link that has data", packing.tar(files, kind=b"1", link=b"calm.txt")),
        ("contiguous", "invoice.tar", "a contiguous file", packing.tar(files, kind=b"7")),
        ("odd-kind", "invoice.tar", "an unknown kind of file", packing.tar(files, kind=b"Q")),
        ("directory", "invoice.tar", "a directory that has data", packing.tar(files, kind=b"5")),
        ("prefix", "invoice.tar", "the path in the prefix field", packing.tar(files, prefix=b"deep/er")),
        ("junk-first", "invoice.tar", "a block of junk first", kit.noise(7, 512) + good),
        ("tgz", "invoice.tgz", "tar in gzip", gzip.compress(packing.tar([(NAME, kit.payload_js())]), mtime=0)),
        ("tar-bz2", "invoice.tar.bz2", "tar in bzip2", bz2.compress(packing.tar([(NAME, kit.payload_js())]))),
        ("tar-xz", "invoice.tar.xz", "tar in xz", lzma.compress(packing.tar([(NAME, kit.payload_js())]))),
        ("tar-zst", "invoice.tar.zst", "tar in zstd", packing.zstd(packing.tar([(NAME, kit.payload_js())]))),
        ("tar-lz", "invoice.tar.lz", "tar in lzip", packing.lzip(packing.tar([(NAME, kit.payload_js())]))),
    ]


def others():
    """All other archives: (group, name, file name, about, bytes)."""
    data, plain = sealed(), kit.payload_js()
    files, loud = [(SEALED_NAME, data)], [(NAME, plain)]
    seven = packing.seven
    calm = [CALM]
    rows = [
        ("cpio", name, "invoice.cpio", about, made)
        for name, about, made in (
            ("newc", "the new format", packing.cpio_newc(files)),
            ("crc", "the new format with a sum", packing.cpio_newc(files, b"070702")),
            ("odc", "the old format", packing.cpio_odc(files)),
            ("binary", "the binary format", packing.cpio_binary(files)),
            ("no-trailer", "no trailer", packing.cpio_newc(files)[:-124]),
            ("two", "two archives", packing.cpio_newc(calm) + packing.cpio_newc(files)),
            ("gz", "in gzip", gzip.compress(packing.cpio_newc(loud), mtime=0)),
        )
    ]
    rows += [
        ("ar", "plain", "invoice.a", "an archive of ar", packing.ar([(SEALED_NAME, data)])),
        ("ar", "deb-xz", "invoice.deb", "a package of Debian", packing.deb(loud)),
        ("ar", "deb-zst", "invoice.deb", "a package of Debian, zstd", packing.deb(loud, packing.zstd)),
        ("ar", "rpm", "invoice.rpm", "a package of RPM", packing.rpm(loud)),
    ]
    rows += [
        ("cab", name, "invoice.cab", about, made)
        for name, about, made in (
            ("stored", "stored", packing.cab(files)),
            ("mszip", "MSZIP", packing.cab(loud, "mszip")),
            ("lzx", "LZX", packing.cab(files, "lzx")),
            ("two-files", "the second file is bad", packing.cab([CALM, *loud], "mszip")),
            ("prefix", "behind a program", b"MZ" + bytes(500) + packing.cab(loud, "mszip")),
            ("suffix", "junk behind it", packing.cab(loud, "mszip") + b"junk" * 99),
        )
    ]
    rows += [
        ("7z", name, "invoice.7z", about, made)
        for name, about, made in (
            ("copy", "copied", seven(files, packing.COPY)),
            ("lzma", "LZMA", seven(loud)),
            ("lzma2", "LZMA2", seven(loud, packing.LZMA2)),
            ("bzip2", "bzip2", seven(loud, packing.BZIP2)),
            ("deflate", "deflate", seven(loud, packing.DEFLATE)),
            ("solid", "the second file of a solid folder", seven([CALM, *loud])),
            ("packed-header", "a packed header", seven(loud, encode=packing.LZMA)),
            ("prefix", "behind a program", b"MZ" + bytes(500) + seven(loud)),
            ("suffix", "junk behind it", seven(loud) + b"junk" * 99),
            ("start-crc", "a wrong checksum of the start header", seven(loud)[:8] + bytes(4) + seven(loud)[12:]),
        )
    ]
    rows += [
        ("rar", name, "invoice.rar", about, made)
        for name, about, made in (
            ("four", "RAR 4, stored", packing.rar4(files)),
            ("five", "RAR 5, stored", packing.rar5(files)),
            ("four-prefix", "RAR 4 behind a program", b"MZ" + bytes(500) + packing.rar4(files)),
            ("five-prefix", "RAR 5 behind a program", b"MZ" + bytes(500) + packing.rar5(files)),
            ("four-two", "the second file of RAR 4 is bad", packing.rar4([CALM, *files])),
            ("five-two", "the second file of RAR 5 is bad", packing.rar5([CALM, *files])),
            ("four-no-end", "RAR 4 without its end", packing.rar4(files)[:-7]),
            ("five-no-end", "RAR 5 without its end", packing.rar5(files)[:-8]),
            ("four-suffix", "junk behind RAR 4", packing.rar4(files) + b"junk" * 99),
            ("five-suffix", "junk behind RAR 5", packing.rar5(files) + b"junk" * 99),
            ("four-size", "RAR 4 that declares one byte", packing.rar4(files, 1)),
            ("five-size", "RAR 5 that declares one byte", packing.rar5(files, 1)),
            ("four-size-big", "RAR 4 that declares 4 GB", packing.rar4(files, 0xFFFFFFF0)),
            ("five-size-big", "RAR 5 that declares a terabyte", packing.rar5(files, 1 << 40)),
        )
    ]
    rows += [
        ("lha", name, "invoice.lzh", about, made)
        for name, about, made in (
            ("level-0", "header level 0", packing.lha(files)),
            ("level-1", "header level 1", packing.lha(files, 1)),
            ("level-2", "header level 2", packing.lha(files, 2)),
            ("lh5", "-lh5-", packing.lha(files, 0, b"-lh5-")),
            ("lh5-level-2", "-lh5-, header level 2", packing.lha(files, 2, b"-lh5-")),
            ("second", "the second file is bad", packing.lha([CALM, *files])),
            ("prefix", "behind a program", b"MZ" + bytes(500) + packing.lha(files)),
            ("no-end", "no end mark", packing.lha(files)[:-1]),
        )
    ]
    rows += [
        ("arj", name, "invoice.arj", about, made)
        for name, about, made in (
            ("stored", "stored", packing.arj(files)),
            ("method-1", "method 1", packing.arj(files, 1)),
            ("prefix", "behind a program", b"MZ" + bytes(500) + packing.arj(files)),
            ("second", "the second file is bad", packing.arj([CALM, *files])),
            ("no-end", "no end mark", packing.arj(files)[:-4]),
        )
    ]
    rows += [
        ("xar", "packed", "invoice.pkg", "packed by zlib", packing.xar(loud)),
        ("xar", "stored", "invoice.pkg", "stored", packing.xar(files, pack=False)),
    ]
    return rows


def mixtures():
    """Archives within archives of other kinds, and archives that are two things."""
    data = kit.payload_js()
    tar = packing.tar([(NAME, data)])
    rows = [
        ("zip-gz-tar", "invoice.tar", "a zip in gzip in tar", packing.tar([("a.zip.gz", packing.gz(zipped(data)))])),
        ("7z-in-zip", "invoice.zip", "a 7z in a zip", zipped(packing.seven([(NAME, data)]), "a.7z")),
        ("rar-in-7z", "invoice.7z", "a RAR in a 7z", packing.seven([("a.rar", packing.rar5([(SEALED_NAME, sealed())]))])),
        ("cab-in-zip", "invoice.zip", "a cabinet in a zip", zipped(packing.cab([(NAME, data)], "mszip"), "a.cab")),
        ("gz-gz-gz", "invoice.gz", "gzip three times", packing.gz(packing.gz(packing.gz(data)))),
        ("gz-ten", "invoice.gz", "gzip ten times", ten_times(data)),
        ("tar-in-zip", "invoice.zip", "a tar in a zip", zipped(tar, "a.tar")),
        ("eml-in-zip", "invoice.zip", "a mail in a zip", zipped(mail_with(zipped(data), "a.zip"), "a.eml")),
        ("zip-script", "invoice.sh", "a shell script that carries a tar", b"#!/bin/sh\necho calm\nexit 0\n" + gzip.compress(tar, mtime=0)),
        ("zip-and-rar", "invoice.rar", "a zip behind a RAR", packing.rar5([CALM]) + zipped(data)),
        ("rar-and-zip", "invoice.zip", "a RAR behind a zip", zip_file([Entry(*CALM)]) + packing.rar5([(SEALED_NAME, sealed())])),
        ("7z-behind-zip", "invoice.zip", "a 7z behind a zip", zip_file([Entry(*CALM)]) + packing.seven([(NAME, data)])),
    ]
    for name, file_name, about, made in rows:
        yield case("archive-nested", name, about, mail_with(made, file_name))
    for kind, made in (
        ("rar5", packing.rar5([(SEALED_NAME, kit.noise(3, 200))], before=rar5_locked())),
        ("rar4", packing.rar4([(SEALED_NAME, kit.noise(4, 200))], main_flags=0x80)),
        ("rar4-file", packing.rar4([(SEALED_NAME, kit.noise(4, 208))], flags=0x8004)),
    ):
        yield case("archive-password", f"locked-{kind}", "an encrypted RAR that nobody can open", mail_with(made, "invoice.rar"), FOUND_OR_HELD)
    yield case("ar", "arc", "an ARC archive", mail_with(packing.arc([(SEALED_NAME, sealed())]), "invoice.arc"), FOUND_OR_HELD)
    whole = packing.seven([(NAME, kit.payload_js() + kit.noise(8, 3000))])
    yield case("7z", "volume", "the first volume of three", mail_with(whole[:1000], "invoice.7z.001"), FOUND_OR_HELD)
    parts = [kit.attachment(whole[at : at + 1200], f"invoice.7z.{number:03d}") for number, at in enumerate(range(0, len(whole), 1200), 1)]
    yield case("7z", "volumes", "all volumes in one mail", kit.mail(kit.TEXT_PART, *parts), FOUND_OR_HELD)


def ten_times(data):
    """Gzip in gzip, ten times."""
    for _ in range(10):
        data = packing.gz(data)
    return data


def rar5_locked():
    """The block of RAR 5 that says that all headers are encrypted."""
    return packing.rar5_block(packing.vint(4) + packing.vint(0) + packing.vint(0) + packing.vint(0) + bytes([15]) + kit.noise(2, 16))


def cases():
    """All cases of this field."""
    yield from zip_methods()
    yield from zip_cases()
    for name, file_name, about, made in streams():
        yield case("stream", name, about, mail_with(made, file_name), wanted("stream", name))
    for name, file_name, about, made in tars():
        yield case("tar", name, about, mail_with(made, file_name, "application/x-tar"), wanted("tar", name))
    for group, name, file_name, about, made in others():
        yield case(group, name, about, mail_with(made, file_name), wanted(group, name))
    yield from mixtures()
