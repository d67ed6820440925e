"""Writers of archive formats, as short as they can be: each function returns the bytes of one archive.

They write valid files unless an argument asks for a lie.
"""

import bz2
import gzip
import hashlib
import hmac
import io
import lzma
import struct
import tarfile
import zlib
from typing import NamedTuple

from . import crypt

EPOCH = 1_772_442_000  # 2026-03-02 09:00 UTC
DOS_TIME, DOS_DATE = 10 << 11, (46 << 9) | (3 << 5) | 2


# ---------------------------------------------------------------- zip


class Entry(NamedTuple):
    """One file of a zip; `local` and `central` replace single fields of the two headers."""

    name: str
    data: bytes
    method: int = 8
    packed: object = None  # the packed bytes, if not made from `data`
    flags: int = 0
    local: object = None
    central: object = None
    descriptor: int = 0  # 0 none, 1 with a signature, 2 without
    listed: bool = True  # whether the central directory names it
    extra: bytes = b""
    local_extra: object = None
    comment: bytes = b""
    size: object = None


def zip_pack(method, data):
    """Data packed by one of the methods of APPNOTE section 4.4.5."""
    if method == 8:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(data) + packer.flush()
    if method == 9:
        return deflate64_stored(data)
    if method == 12:
        return bz2.compress(data)
    if method == 14:
        return b"\x09\x14\x05\0" + b"\x5d" + (1 << 16).to_bytes(4, "little") + lzma_raw(data)
    if method == 93:
        return zstd(data)
    if method == 95:
        return lzma.compress(data)
    return data


def deflate64_stored(data, size=29):
    """Deflate64 in stored blocks, which are written as in Deflate; each block breaks what it holds."""
    out = b""
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        out += bytes([at + size >= len(data)]) + struct.pack("<HH", len(piece), len(piece) ^ 0xFFFF) + piece
    return out


def lzma_raw(data):
    """LZMA with lc 3, lp 0, pb 2, a dictionary of 64 KiB and an end mark."""
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16}])


def zip_file(entries, comment=b"", shift=0, end=True, directory=True, prefix=b"", sixty_four=False, total=None):
    """A zip; `shift` is added to every offset that is declared, `total` to the number of entries."""
    out, listed = bytearray(prefix), []
    for entry in entries:
        packed = zip_pack(entry.method, entry.data) if entry.packed is None else entry.packed
        size = len(entry.data) if entry.size is None else entry.size
        flags = entry.flags | (8 if entry.descriptor else 0) | (2 if entry.method == 14 else 0)  # LZMA: with an end mark
        base = {
            "name": entry.name.encode(),
            "method": entry.method,
            "flags": flags,
            "crc": zlib.crc32(entry.data),
            "packed": len(packed),
            "size": size,
            "extra": entry.extra,
            "need": 20,
        }
        local = dict(base)
        if entry.descriptor:
            local |= {"crc": 0, "packed": 0, "size": 0}
        if entry.local_extra is not None:
            local["extra"] = entry.local_extra
        local |= entry.local or {}
        at = len(out)
        out += local_header(local) + packed
        if entry.descriptor:
            out += (b"PK\x07\x08" if entry.descriptor == 1 else b"") + struct.pack("<III", base["crc"], len(packed), size)
        if entry.listed:
            listed.append((base | {"comment": entry.comment, "at": at + shift} | (entry.central or {})))
    start = len(out)
    if directory:
        for row in listed:
            out += central_header(row)
    length = len(out) - start
    count = len(listed) + (total or 0)
    if sixty_four:
        record = len(out)
        out += b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, length, start + shift)
        out += b"PK\x06\x07" + struct.pack("<IQI", 0, record + shift, 1)
        out += b"PK\x05\x06" + struct.pack("<HHHHIIH", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, len(comment)) + comment
    elif end:
        out += b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, length, start + shift, len(comment)) + comment
    return bytes(out)


def local_header(row):
    """APPNOTE section 4.3.7."""
    return (
        b"PK\x03\x04"
        + struct.pack(
            "<HHHHHIIIHH",
            row["need"],
            row["flags"],
            row["method"],
            DOS_TIME,
            DOS_DATE,
            row["crc"],
            row["packed"],
            row["size"],
            len(row["name"]),
            len(row["extra"]),
        )
        + row["name"]
        + row["extra"]
    )


def central_header(row):
    """APPNOTE section 4.3.12."""
    return (
        b"PK\x01\x02"
        + struct.pack(
            "<HHHHHHIIIHHHHHII",
            20,
            row["need"],
            row["flags"],
            row["method"],
            DOS_TIME,
            DOS_DATE,
            row["crc"],
            row["packed"],
            row["size"],
            len(row["name"]),
            len(row["extra"]),
            len(row["comment"]),
            0,
            0,
            0x20,
            row["at"],
        )
        + row["name"]
        + row["extra"]
        + row["comment"]
    )


def zipped(data, name="invoice.js", method=8):
    """A zip of one file, as everybody makes it."""
    return zip_file([Entry(name, data, method)])


def zip_encrypted(data, name, password):
    """A zip of one file under the traditional cipher."""
    packed = zip_pack(8, data)
    coded = crypt.zip_crypto(password, packed, zlib.crc32(data) >> 24)
    return zip_file([Entry(name, data, 8, packed=coded, flags=1)])


def zip_aes(data, name, password, strength=3):
    """A zip of one file under the AES of WinZip, version 2: no CRC."""
    salt_size, key_size = {1: (8, 16), 2: (12, 24), 3: (16, 32)}[strength]
    salt = bytes(range(salt_size))
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, 1000, 2 * key_size + 2)
    coded = crypt.aes_counter(keys[:key_size], zip_pack(8, data))
    seal = hmac.new(keys[key_size : 2 * key_size], coded, "sha1").digest()[:10]
    extra = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", strength, 8)
    lie = {"crc": 0}
    return zip_file([Entry(name, data, 99, packed=salt + keys[2 * key_size :] + coded + seal, flags=1, extra=extra, local=lie, central=lie)])


# ---------------------------------------------------------------- single streams


def gz(data, name=None, junk=b"", extra=None, comment=None, header_crc=False):
    """A gzip member with the optional fields of RFC 1952 section 2.3."""
    flags = (8 if name else 0) | (4 if extra is not None else 0) | (16 if comment else 0) | (2 if header_crc else 0)
    out = bytes([0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 2, 3])
    if extra is not None:
        out += struct.pack("<H", len(extra)) + extra
    out += (name.encode() + b"\0" if name else b"") + (comment.encode() + b"\0" if comment else b"")
    if header_crc:
        out += struct.pack("<H", zlib.crc32(out) & 0xFFFF)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return out + packer.compress(data) + packer.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF) + junk


def zstd(data, size=29, single=True):
    """A frame of Zstandard in raw blocks, RFC 8878 section 3.1.1; each block breaks what it holds."""
    head = b"\x28\xb5\x2f\xfd" + (bytes([0xA0]) + struct.pack("<I", len(data)) if single else b"\x00\x50")
    out = b""
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        out += struct.pack("<I", (len(piece) << 3) | (at + size >= len(data)))[:3] + piece
    return head + out


def lz4(data, size=29):
    """A frame of LZ4 in uncompressed blocks."""
    out = b"\x04\x22\x4d\x18\x60\x40\x82"
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        out += struct.pack("<I", len(piece) | 0x80000000) + piece
    return out + bytes(4)


def lz4_literals(data):
    """A block of LZ4 that is one run of literals."""
    rest = len(data) - 15
    return b"\xf0" + b"\xff" * (rest // 255) + bytes([rest % 255]) + data


def lz4_legacy(data):
    """The old frame of LZ4, which the Linux kernel uses."""
    block = lz4_literals(data)
    return b"\x02\x21\x4c\x18" + struct.pack("<I", len(block)) + block


def lzip(data):
    """A member of lzip."""
    body = lzma.compress(data, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16}])
    return b"LZIP\x01\x10" + body + struct.pack("<IQQ", zlib.crc32(data), len(data), len(body) + 26)


def compress(data):
    """The format of compress(1), literals only; under 250 bytes, so that codes stay nine bits wide."""
    value = count = 0
    out = bytearray(b"\x1f\x9d\x90")
    for byte in data[:250]:
        value |= byte << count
        count += 9
        while count >= 8:
            out.append(value & 0xFF)
            value, count = value >> 8, count - 8
    return bytes(out) + (bytes([value & 0xFF]) if count else b"")


class Bits:
    """Bits written from the highest down."""

    def __init__(self):
        """Nothing written yet."""
        self.value = self.count = 0
        self.out = bytearray()

    def put(self, value, count):
        """Writes the `count` low bits of `value`."""
        self.value, self.count = (self.value << count) | value, self.count + count
        while self.count >= 8:
            self.count -= 8
            self.out.append((self.value >> self.count) & 0xFF)
        self.value &= (1 << self.count) - 1

    def done(self):
        """All that was written, filled up with zero bits."""
        if self.count:
            self.put(0, 8 - self.count)
        return bytes(self.out)


def lh5_literals(data, distance_bits=4):
    """A block of -lh5- whose codes are the bytes themselves: one length for all 256."""
    bits = Bits()
    bits.put(len(data), 16)
    bits.put(0, 5)
    bits.put(10, 5)  # every length is written as symbol 10: eight bits
    bits.put(256, 9)
    bits.put(0, distance_bits)
    bits.put(0, distance_bits)
    for byte in data:
        bits.put(byte, 8)
    return bits.done()


# ---------------------------------------------------------------- tar, cpio, ar


def tar_header(name, size, kind=b"0", magic=b"ustar\x0000", link=b"", checksum=None, prefix=b""):
    """One header block; `checksum` may lie."""
    block = bytearray(512)
    block[0 : len(name[:100])] = name[:100]
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    block[124:136] = f"{size:011o}\0".encode() if isinstance(size, int) else size
    block[136:148] = f"{EPOCH:011o}\0".encode()
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257 : 257 + len(magic)] = magic
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = f"{sum(block) if checksum is None else checksum:06o}\0 ".encode()
    return bytes(block)


def padded(data, unit=512):
    """Data filled up with NULs to whole units."""
    return data + bytes(-len(data) % unit)


def tar(files, **header):
    """A tar of (name, data) made by hand."""
    return b"".join(tar_header(name.encode(), len(data), **header) + padded(data) for name, data in files) + bytes(1024)


def tar_by_module(name, data, form):
    """A tar made by the standard library in one of its three formats."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mtime = len(data), EPOCH
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def cpio_newc(files, magic=b"070701"):
    """The new portable format of cpio."""
    out = b""
    for number, (name, data) in enumerate([*files, ("TRAILER!!!", b"")], 1):
        title = name.encode() + b"\0"
        check = sum(data) & 0xFFFFFFFF if magic == b"070702" else 0
        fields = [number, 0o100644, 0, 0, 1, EPOCH, len(data), 0, 0, 0, 0, len(title), check]
        out += padded(magic + "".join(f"{field:08x}" for field in fields).encode() + title, 4)
        out += padded(data, 4)
    return out


def cpio_odc(files):
    """The old portable format of cpio."""
    out = b""
    for number, (name, data) in enumerate([*files, ("TRAILER!!!", b"")], 1):
        title = name.encode() + b"\0"
        out += (f"070707{0:06o}{number:06o}{0o100644:06o}{0:06o}{0:06o}{1:06o}{0:06o}{EPOCH:011o}{len(title):06o}{len(data):011o}").encode()
        out += title + data
    return out


def cpio_binary(files):
    """The binary format of cpio, little end first."""
    out = b""
    for number, (name, data) in enumerate([*files, ("TRAILER!!!", b"")], 1):
        title = name.encode() + b"\0"
        out += (
            struct.pack(
                "<13H", 0o070707, 0, number, 0o100644, 0, 0, 1, 0, EPOCH >> 16, EPOCH & 0xFFFF, len(title), len(data) >> 16, len(data) & 0xFFFF
            )
            + padded(title, 2)
            + padded(data, 2)
        )
    return out


def ar(files):
    """An archive of ar(1)."""
    out = b"!<arch>\n"
    for name, data in files:
        out += f"{name:<16}{EPOCH:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + padded(data, 2)
    return out


def deb(files, packer=lzma.compress):
    """A package of Debian."""
    control = gzip.compress(tar([("./control", b"Package: calm\nVersion: 1\n")]), mtime=0)
    ending = {lzma.compress: "xz", bz2.compress: "bz2"}.get(packer, "zst")
    return ar([("debian-binary", b"2.0\n"), ("control.tar.gz", control), (f"data.tar.{ending}", packer(tar(files)))])


def rpm(files):
    """A package of RPM: lead, two nearly empty headers, a packed cpio."""
    lead = b"\xed\xab\xee\xdb\x03\0\0\0\0\x01" + b"calm-1-1".ljust(66, b"\0") + b"\0\x01\0\x05" + bytes(16)
    header = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 1, 8) + struct.pack(">IIII", 1000, 6, 0, 1) + b"calm\0\0\0\0"
    return lead + header + header + gzip.compress(cpio_newc(files), mtime=0)


# ---------------------------------------------------------------- cab


def cab(files, method="none", size_lie=None):
    """A cabinet of one folder; method is none, mszip or lzx (in an uncompressed block)."""
    data = b"".join(content for _, content in files)
    entries, at = b"", 0
    for name, content in files:
        entries += struct.pack("<IIHHHH", len(content), at, 0, DOS_DATE, DOS_TIME, 0x20) + name.encode() + b"\0"
        at += len(content)
    if method == "mszip":
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed, kind = b"CK" + packer.compress(data) + packer.flush(), 1
    elif method == "lzx":
        bits = Bits()
        bits.put(0, 1)
        bits.put(3, 3)
        bits.put(len(data), 24)
        bits.put(0, 4)
        words = bits.done()
        words = b"".join(words[at : at + 2][::-1] for at in range(0, len(words), 2))
        packed, kind = words + struct.pack("<III", 1, 1, 1) + padded(data, 2), 3 | (15 << 8)
    else:
        packed, kind = data, 0
    first = 36 + 8
    block = struct.pack("<IHH", 0, len(packed), len(data) if size_lie is None else size_lie) + packed
    start = first + len(entries)
    head = b"MSCF" + struct.pack("<IIIIIBBHHHHH", 0, start + len(block), 0, first, 0, 3, 1, 1, len(files), 0, 0, 0)
    return head + struct.pack("<IHH", start, 1, kind) + entries + block


# ---------------------------------------------------------------- 7z


def number7(value):
    """A number as 7z writes it."""
    for extra in range(8):
        if value < 1 << (7 * extra + 7):
            first = (0xFF00 >> extra) & 0xFF | (value >> (8 * extra))
            return bytes([first]) + (value & ((1 << (8 * extra)) - 1)).to_bytes(extra, "little")
    return b"\xff" + value.to_bytes(8, "little")


COPY, LZMA, LZMA2, BZIP2, DEFLATE, AES7 = b"\0", b"\x03\x01\x01", b"\x21", b"\x04\x02\x02", b"\x04\x01\x08", b"\x06\xf1\x07\x01"


def pack7(method, data, dictionary=1 << 16):
    """Packed bytes and the properties of the coder."""
    if method == LZMA:
        return lzma_raw(data), b"\x5d" + dictionary.to_bytes(4, "little")
    if method == LZMA2:
        return lzma.compress(data, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]), b"\x08"
    if method == BZIP2:
        return bz2.compress(data), b""
    if method == DEFLATE:
        return zip_pack(8, data), b""
    return data, b""


def key7(password, power):
    """The key of 7z: SHA-256 over password and counter, two to the power of rounds."""
    digest = hashlib.sha256()
    for turn in range(1 << power):
        digest.update(password.encode("utf-16-le") + turn.to_bytes(8, "little"))
    return digest.digest()


def folder7(method, data, password=None, dictionary=1 << 16):
    """One folder: packed bytes, its description, its sizes on the way."""
    packed, properties = pack7(method, data, dictionary)

    def coder(identity, attributes):
        flags = len(identity) | (0x20 if attributes else 0)
        return bytes([flags]) + identity + (number7(len(attributes)) + attributes if attributes else b"")

    if password is None:
        return packed, b"\x01" + coder(method, properties), [len(data)]
    start, power = bytes(range(16)), 6
    # The cipher comes first in the list and its output feeds the second coder: 7zFormat.txt, Folder.
    coded = crypt.aes_cbc(key7(password, power), start, padded(packed, 16))
    attributes = bytes([power | 0x40, 0x0F]) + start
    return coded, b"\x02" + coder(AES7, attributes) + coder(method, properties) + b"\x01\x00", [len(packed), len(data)]


def streams7(position, packed, description, sizes, crc, substreams=b""):
    """PackInfo, UnPackInfo and what divides the folder."""
    info = b"\x06" + number7(position) + b"\x01\x09" + number7(len(packed)) + b"\x00"
    info += b"\x07\x0b\x01\x00" + description + b"\x0c" + b"".join(number7(size) for size in sizes)
    info += (b"\x0a\x01" + struct.pack("<I", crc) if crc is not None else b"") + b"\x00"
    return info + substreams + b"\x00"


def seven(files, method=LZMA, password=None, hide_names=False, encode=None, dictionary=1 << 16):
    """A 7z of one solid folder; `encode` packs its header by a method, `hide_names` encrypts it."""
    data = b"".join(content for _, content in files)
    packed, description, sizes = folder7(method, data, password, dictionary)
    divided = b""
    if len(files) > 1:
        divided = b"\x08\x0d" + number7(len(files)) + b"\x09" + b"".join(number7(len(content)) for _, content in files[:-1])
        divided += b"\x0a\x01" + b"".join(struct.pack("<I", zlib.crc32(content)) for _, content in files) + b"\x00"
    names = b"\0" + b"".join(name.encode("utf-16-le") + b"\0\0" for name, _ in files)
    header = b"\x01\x04" + streams7(0, packed, description, sizes, zlib.crc32(data) if len(files) == 1 else None, divided)
    header += b"\x05" + number7(len(files)) + b"\x11" + number7(len(names)) + names + b"\x00\x00"
    body = packed
    if encode is not None or hide_names:
        coded, described, coded_sizes = folder7(encode or LZMA, header, password if hide_names else None)
        outer = b"\x17" + streams7(len(body), coded, described, coded_sizes, zlib.crc32(header))
        body, header = body + coded, outer
    start = struct.pack("<QQI", len(body), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", zlib.crc32(start)) + start + body + header


# ---------------------------------------------------------------- rar, lha, arj, arc, xar


def rar4_block(kind, flags, rest):
    """A block of RAR 4 with its checksum."""
    body = struct.pack("<BHH", kind, flags, len(rest) + 7) + rest
    return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body


def rar4(files, comment_lie=None, flags=0x8000, main_flags=0):
    """A RAR 4 of stored files; `comment_lie` declares another unpacked size."""
    out = b"Rar!\x1a\x07\x00" + rar4_block(0x73, main_flags, bytes(6))
    for name, data in files:
        title = name.encode()
        size = len(data) if comment_lie is None else comment_lie
        rest = struct.pack("<IIBIHHBBHI", len(data), size, 2, zlib.crc32(data), DOS_TIME, DOS_DATE, 20, 0x30, len(title), 0x20) + title
        out += rar4_block(0x74, flags, rest) + data
    return out + rar4_block(0x7B, 0x4000, b"")


def vint(value):
    """A number of RAR 5."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def rar5_block(body):
    """A block of RAR 5 with its size and checksum."""
    sized = vint(len(body)) + body
    return struct.pack("<I", zlib.crc32(sized)) + sized


def rar5(files, size_lie=None, before=b""):
    """A RAR 5 of stored files."""
    out = b"Rar!\x1a\x07\x01\x00" + before + rar5_block(vint(1) + vint(0) + vint(0))
    for name, data in files:
        title = name.encode()
        size = len(data) if size_lie is None else size_lie
        out += (
            rar5_block(
                vint(2)
                + vint(2)
                + vint(len(data))
                + vint(4)
                + vint(size)
                + vint(0x20)
                + struct.pack("<I", zlib.crc32(data))
                + vint(0)
                + vint(0)
                + vint(len(title))
                + title
            )
            + data
        )
    return out + rar5_block(vint(5) + vint(0) + vint(0))


def crc16(data):
    """The checksum of LHA and ARC."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value


def lha(files, level=0, method=b"-lh0-"):
    """An LHA archive with headers of one level."""
    out = b""
    for name, data in files:
        title = name.encode()
        packed = lh5_literals(data) if method == b"-lh5-" else data
        if level == 2:
            extra = struct.pack("<BH", 1, 0)[:1] + title
            total = 26 + 2 + len(extra) + 0
            total += 1 if total & 0xFF == 0 else 0
            out += struct.pack("<H5sIIIBBHBH", total, method, len(packed), len(data), EPOCH, 0x20, 2, crc16(data), ord("U"), len(extra) + 2)
            out += extra + struct.pack("<H", 0) + packed
            continue
        rest = method + struct.pack("<IIHHBBB", len(packed), len(data), DOS_TIME, DOS_DATE, 0x20, level, len(title)) + title
        rest += struct.pack("<H", crc16(data)) + (b"U" + struct.pack("<H", 0) if level == 1 else b"")
        out += bytes([len(rest), sum(rest) & 0xFF]) + rest + packed
    return out + b"\0"


def arj_header(rest, extended=b"\0\0"):
    """One header of ARJ."""
    return b"\x60\xea" + struct.pack("<H", len(rest)) + rest + struct.pack("<I", zlib.crc32(rest)) + extended


def arj(files, method=0):
    """An ARJ archive, stored or with literals only."""
    out = arj_header(bytes([30, 11, 1, 0, 0, 0, 2, 0]) + struct.pack("<IIIIHHHH", 0, 0, 0, 0, 0, 0, 0, 0)[:22] + b"invoice.arj\0\0")
    for name, data in files:
        packed = lh5_literals(data, 5) if method == 1 else data
        first = bytes([30, 11, 1, 0, 0, method, 0, 0]) + struct.pack(
            "<HHIIIHHH", DOS_TIME, DOS_DATE, len(packed), len(data), zlib.crc32(data), 0, 0x20, 0
        )
        out += arj_header(first + name.encode() + b"\0\0") + packed
    return out + b"\x60\xea\0\0"


def arc(files):
    """An ARC archive of stored files."""
    out = b""
    for name, data in files:
        out += b"\x1a\x02" + name.encode()[:12].ljust(13, b"\0") + struct.pack("<IHHHI", len(data), DOS_DATE, DOS_TIME, crc16(data), len(data)) + data
    return out + b"\x1a\0"


def xar(files, pack=True):
    """A XAR archive."""
    heap, listed = b"", ""
    for number, (name, data) in enumerate(files, 1):
        packed = zlib.compress(data) if pack else data
        style = "application/x-gzip" if pack else "application/octet-stream"
        listed += (
            f'<file id="{number}"><name>{name}</name><type>file</type><data><length>{len(packed)}</length><offset>{len(heap)}</offset>'
            f'<size>{len(data)}</size><encoding style="{style}"/></data></file>'
        )
        heap += packed
    toc = f'<?xml version="1.0" encoding="UTF-8"?><xar><toc>{listed}</toc></xar>'.encode()
    packed = zlib.compress(toc)
    return b"xar!" + struct.pack(">HHQQI", 28, 1, len(packed), len(toc), 0) + packed + heap
