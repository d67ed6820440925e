"""Hiding in images of disks and discs: ISO 9660, UDF, FAT, partition tables, virtual disks.

Windows mounts most of these at a double click; the mark of the web is lost on the way.
"""

import binascii
import struct

from . import kit, packing
from .kit import FOUND_OR_HELD, case, mail_with
from .packing import padded

SECTOR = 2048


def sealed():
    """The script in a gzip file."""
    return packing.gz(kit.payload_js(), "invoice.js")


def big_sealed():
    """A gzip file over several clusters, with the script in its last part."""
    return packing.gz(kit.noise(11, 3000) + kit.payload_js(), "invoice.js")


# ---------------------------------------------------------------- ISO 9660


def both(value, size):
    """A number with both ends first, ECMA-119 section 7.3.3."""
    return value.to_bytes(size, "little") + value.to_bytes(size, "big")


def directory_record(name, sector, size, flags=0):
    """A directory record, ECMA-119 section 9.1."""
    body = bytes([0]) + both(sector, 4) + both(size, 4) + bytes([126, 3, 2, 9, 0, 0, 0]) + bytes([flags, 0, 0]) + both(1, 2)
    body += bytes([len(name)]) + name + (b"" if len(name) % 2 else b"\0")
    return bytes([len(body) + 1]) + body


def volume(kind, root, blocks, path, joliet=False):
    """A volume descriptor, ECMA-119 sections 8.4 and 8.5."""

    def text(value, size):
        return value.encode("utf-16-be").ljust(size, b"\0")[:size] if joliet else value.encode().ljust(size)

    out = bytes([kind]) + b"CD001\x01\0" + text("", 32) + text("CALM", 32) + bytes(8) + both(blocks, 4)
    out += (b"%/E".ljust(32, b"\0") if joliet else bytes(32)) + both(1, 2) + both(1, 2) + both(SECTOR, 2) + both(10, 4)
    out += struct.pack("<II", path, 0) + struct.pack(">II", path + 1, 0) + root
    out += text("", 128) * 4 + text("", 37) * 3 + (b"2026030209000000\0" * 4) + b"\x01"
    return padded(out, SECTOR)


def iso(name, data, joliet=None, flags=0, plain_name=None, blocks_lie=None, folder=False):
    """An ISO image with one file; with `joliet` a second directory names it so."""
    count = 1 if joliet is None else 2
    first = 16 + count + 1  # behind descriptors and terminator
    tables = first
    roots = [first + 2 * count + at for at in range(count)]
    inner = roots[-1] + 1
    start = inner + 1
    blocks = start + (len(data) + SECTOR - 1) // SECTOR
    out = bytes(16 * SECTOR)
    for at in range(count):
        root = directory_record(b"\0", roots[at], SECTOR, 2)
        out += volume(1 if at == 0 else 2, root, blocks if blocks_lie is None else blocks_lie, tables + 2 * at, at == 1)
    out += padded(b"\xffCD001\x01", SECTOR)
    for at in range(count):
        out += padded(b"\x01\0" + struct.pack("<IH", roots[at], 1) + b"\0\0", SECTOR)
        out += padded(b"\x01\0" + struct.pack(">IH", roots[at], 1) + b"\0\0", SECTOR)

    def listing(where, title):
        return directory_record(b"\0", where, SECTOR, 2) + directory_record(b"\1", where, SECTOR, 2) + title

    main = directory_record((plain_name or name).encode(), start, len(data), flags)
    for at in range(count):
        title = main if at == 0 else directory_record(joliet.encode("utf-16-be"), start, len(data), flags)
        if at == 0 and joliet is not None and plain_name == "":
            title = b""
        if folder:
            title = directory_record(b"DEEPER", inner, SECTOR, 2)
        out += padded(listing(roots[at], title), SECTOR)
    out += padded(listing(inner, main), SECTOR)
    return out + padded(data, SECTOR)


def iso_loop():
    """A directory that holds itself, many times."""
    made = bytearray(iso("A.GZ;1", sealed()))
    root = 16 * SECTOR + 2 * SECTOR + 2 * SECTOR
    record = directory_record(b"LOOP", root // SECTOR, SECTOR, 2)
    made[root + 68 : root + 68 + 40 * len(record)] = record * 40
    return bytes(made)


# ---------------------------------------------------------------- UDF


def tagged(kind, where, body, size=512):
    """A descriptor with its tag, ECMA-167 section 3/7.2."""
    body = body.ljust(size - 16, b"\0") if size else body
    tag = struct.pack("<HHBBHHHI", kind, 2, 0, 0, 0, binascii.crc_hqx(body, 0), len(body), where)
    return tag[:4] + bytes([(sum(tag) - tag[4]) & 0xFF]) + tag[5:] + body


def register(name):
    """An entity identifier, ECMA-167 section 1/7.4."""
    return b"\0" + name.ljust(23, b"\0") + b"\x02\x01" + bytes(6)


def dstring(text, size):
    """A text of a fixed field."""
    return (b"\x08" + text.encode()).ljust(size - 1, b"\0") + bytes([len(text) + 1])


def file_entry(block, kind, size, where, embedded=None):
    """A file entry, ECMA-167 section 4/14.9."""
    time = b"\x00\x10" + struct.pack("<H", 2026) + bytes([3, 2, 9, 0, 0, 0, 0, 0])
    place = embedded if embedded is not None else struct.pack("<II", size, where)
    body = struct.pack("<IHHHBB6sH", 0, 4, 0, 1, 0, kind, bytes(6), 3 if embedded is not None else 0)
    body += struct.pack("<IIIHBBIQQ", 0, 0, 0x7FFF, 1, 0, 0, 0, size, 1) + time * 3 + struct.pack("<I", 1) + bytes(16)
    body += register(b"*calm") + struct.pack("<QII", block, 0, len(place)) + place
    return padded(tagged(261, block, body, 0), SECTOR)


def file_name(block, name, where, kind):
    """A file identifier, ECMA-167 section 4/14.4."""
    title = (b"\x08" + name.encode()) if name else b""
    body = struct.pack("<HBB", 1, kind, len(title)) + struct.pack("<IIH6s", SECTOR, where, 0, bytes(6)) + struct.pack("<H", 0) + title
    return tagged(257, block, padded(body, 4) if (len(body) + 16) % 4 == 0 else padded(body + bytes(-(len(body) + 16) % 4), 1), 0)


def udf(name, data, embedded=False, bridge=b""):
    """A UDF image with one file; `bridge` replaces the first sectors by those of an ISO image."""
    charset = b"\0OSTA Compressed Unicode".ljust(64, b"\0")
    time = b"\x00\x10" + struct.pack("<H", 2026) + bytes([3, 2, 9, 0, 0, 0, 0, 0])
    sectors = {at: padded(b"\0" + mark + b"\x01", SECTOR) for at, mark in ((16, b"BEA01"), (17, b"NSR02"), (18, b"TEA01"))}
    start = 257
    primary = struct.pack("<II", 1, 0) + dstring("CALM", 32) + struct.pack("<HHHHII", 1, 1, 2, 2, 1, 1) + dstring("CALM", 128)
    primary += charset * 2 + bytes(16) + register(b"*calm") + time + register(b"*calm")
    part = struct.pack("<IHH", 2, 1, 0) + register(b"+NSR02") + bytes(128) + struct.pack("<III", 1, start, 64) + register(b"*calm")
    logical = struct.pack("<I", 3) + charset + dstring("CALM", 128) + struct.pack("<I", SECTOR) + register(b"*OSTA UDF Compliant")
    logical += struct.pack("<IIH6s", SECTOR, 0, 0, bytes(6)) + struct.pack("<II", 6, 1) + register(b"*calm") + bytes(128) + bytes(8)
    logical += struct.pack("<BBHH", 1, 6, 1, 0)
    for at, (kind, body) in enumerate(((1, primary), (5, part), (6, logical), (7, struct.pack("<II", 4, 0)), (8, b""))):
        sectors[32 + at] = padded(tagged(kind, 32 + at, body), SECTOR)
    sectors[256] = padded(tagged(2, 256, struct.pack("<IIII", 16 * SECTOR, 32, 16 * SECTOR, 32)), SECTOR)
    files = time + struct.pack("<HHIIII", 3, 3, 1, 1, 0, 0) + charset + dstring("CALM", 128) + charset + dstring("CALM", 32) + bytes(64)
    files += struct.pack("<IIH6s", SECTOR, 1, 0, bytes(6)) + register(b"*OSTA UDF Compliant")
    sectors[start] = padded(tagged(256, 0, files), SECTOR)
    names = file_name(2, "", 1, 0x0A) + file_name(2, name, 3, 0)
    sectors[start + 1] = file_entry(1, 4, len(names), 2)
    sectors[start + 2] = padded(names, SECTOR)
    sectors[start + 3] = file_entry(3, 5, len(data), 4, data if embedded else None)
    sectors[start + 4] = padded(data, SECTOR)
    out = bytearray(b"".join(sectors.get(at, bytes(SECTOR)) for at in range(start + 6)))
    if bridge:
        out[0 : len(bridge)] = bridge
        out[19 * SECTOR : 22 * SECTOR] = sectors[16] + sectors[17] + sectors[18]
    return bytes(out)


# ---------------------------------------------------------------- FAT


def fat(name, data, bits=12, scatter=False, attribute=0x20, deep=False, long_name=None, label=True):
    """A FAT image of small clusters; `scatter` strews the file's clusters backwards over the image."""
    clusters = 100 if bits == 12 else 4200
    per_fat = (clusters * bits // 8 + 4 + 511) // 512
    root_entries = 16
    first = 1 + per_fat + root_entries * 32 // 512
    total = first + clusters
    boot = bytearray(512)
    boot[0:11] = b"\xeb\x3c\x90MSDOS5.0"
    struct.pack_into("<HBHBHHBHHHII", boot, 11, 512, 1, 1, 1, root_entries, total, 0xF8, per_fat, 1, 1, 0, 0)
    boot[36:62] = b"\x80\0\x29" + bytes(4) + b"CALM       " + f"FAT{bits}   ".encode()
    boot[510:512] = b"\x55\xaa"
    count = max(1, (len(data) + 511) // 512)
    chain = [40 - 2 * at for at in range(count)] if scatter else list(range(10, 10 + count))
    table = {0: 0xFFFFFF8, 1: 0xFFFFFFF, 3: 0xFFFFFFF}
    for here, after in zip(chain, [*chain[1:], 0xFFFFFFF]):
        table[here] = after
    mask = (1 << bits) - 1
    value = 0
    for cluster, after in table.items():
        value |= (after & mask) << (cluster * bits)
    area = bytearray(clusters * 512)
    for at, cluster in enumerate(chain):
        piece = data[at * 512 : (at + 1) * 512]
        area[(cluster - 2) * 512 : (cluster - 2) * 512 + len(piece)] = piece
    stem, _, ending = name.partition(".")
    short = stem.upper().encode()[:8].ljust(8) + ending.upper().encode()[:3].ljust(3)
    entry = long_entries(long_name, short) if long_name else b""
    entry += short + bytes([attribute]) + bytes(10) + struct.pack("<HHHI", packing.DOS_TIME, packing.DOS_DATE, chain[0], len(data))
    root = (b"CALM       \x08" + bytes(20)) if label else b""
    if deep:
        area[512 : 512 + len(entry)] = entry
        entry = b"DEEPER     \x10" + bytes(10) + struct.pack("<HHHI", packing.DOS_TIME, packing.DOS_DATE, 3, 0)
    root += entry
    return bytes(boot) + value.to_bytes(per_fat * 512, "little") + padded(root, root_entries * 32) + bytes(area)


def long_entries(name, short):
    """The entries that hold a long name, last piece first."""
    check = 0
    for byte in short:
        check = ((check >> 1) + ((check & 1) << 7) + byte) & 0xFF
    coded = name.encode("utf-16-le") + b"\0\0"
    coded += b"\xff" * (-len(coded) % 26)
    rows = [coded[at : at + 26] for at in range(0, len(coded), 26)]
    out = b""
    for number in range(len(rows), 0, -1):
        row = rows[number - 1]
        out += bytes([number | (0x40 if number == len(rows) else 0)]) + row[:10] + b"\x0f\0" + bytes([check]) + row[10:22] + b"\0\0" + row[22:]
    return out


def partitioned(inner, start=63, kind=0x01):
    """A disk with a table of one partition."""
    table = bytearray(start * 512)
    table[446:462] = struct.pack("<BBBBBBBBII", 0x80, 1, 1, 0, kind, 15, 63, 1, start, len(inner) // 512)
    table[510:512] = b"\x55\xaa"
    return bytes(table) + inner


def guid_partitioned(inner):
    """A disk with a GUID partition table of one partition."""
    start, entry_size = 34, 128
    last = start + len(inner) // 512 - 1
    basic = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7")
    entries = padded(basic + bytes(range(16)) + struct.pack("<QQQ", start, last, 0) + "calm".encode("utf-16-le"), entry_size).ljust(
        128 * entry_size, b"\0"
    )
    header = b"EFI PART" + struct.pack("<IIIIQQQQ", 0x10000, 92, 0, 0, 1, last + 33, start, last) + bytes(range(16, 32))
    header += struct.pack("<QIII", 2, 128, entry_size, binascii.crc32(entries))
    header = header[:16] + struct.pack("<I", binascii.crc32(header)) + header[20:]
    return (
        partitioned(b"", 1, 0xEE)[:512].replace(struct.pack("<II", 1, 0), struct.pack("<II", 1, last + 33))
        + padded(header)
        + entries
        + inner
        + entries
        + padded(header)
    )


# ---------------------------------------------------------------- virtual disks


def vhd_footer(size, kind, offset):
    """The footer of a virtual hard disk."""
    body = b"conectix" + struct.pack(">IIQI4sI4sQQHBBI", 2, 0x10000, offset, 0, b"calm", 0x10000, b"Wi2k", size, size, 20, 4, 17, kind)
    tail = bytes(range(16)) + b"\0"
    total = ~(sum(body) + sum(tail)) & 0xFFFFFFFF
    return (body + struct.pack(">I", total) + tail).ljust(512, b"\0")


def vhd_fixed(disk):
    """A virtual hard disk of fixed size."""
    return disk + vhd_footer(len(disk), 2, 0xFFFFFFFFFFFFFFFF)


def vhd_dynamic(disk, block=0x20000):
    """A virtual hard disk that grows, with all its blocks in falling order."""
    count = (len(disk) + block - 1) // block
    footer = vhd_footer(len(disk), 3, 512)
    head = b"cxsparse" + struct.pack(">QQIII", 0xFFFFFFFFFFFFFFFF, 1536, 0x10000, count, block)
    total = ~sum(head) & 0xFFFFFFFF
    head = (head + struct.pack(">I", total)).ljust(1024, b"\0")
    map_size = max(512, (block // 512 // 8 + 511) // 512 * 512)
    first = 3 + (count * 4 + 511) // 512
    step = (map_size + block) // 512
    table = b"".join(struct.pack(">I", first + (count - 1 - at) * step) for at in range(count)).ljust((count * 4 + 511) // 512 * 512, b"\xff")
    blocks = [b"\xff" * map_size + disk[at * block : (at + 1) * block].ljust(block, b"\0") for at in range(count)]
    return footer + head + table + b"".join(reversed(blocks)) + footer


def qcow2(disk):
    """A disk of QEMU, clusters of 4 KiB in falling order."""
    unit = 4096
    count = (len(disk) + unit - 1) // unit
    head = b"QFI\xfb" + struct.pack(">IQIIQIIQQIIQ", 2, 0, 0, 12, len(disk), 0, 1, unit, 3 * unit, 1, 0, 0)
    level1 = struct.pack(">Q", 2 * unit | 1 << 63)
    level2 = b"".join(struct.pack(">Q", (5 + count - 1 - at) * unit | 1 << 63) for at in range(count))
    clusters = [padded(disk[at * unit : (at + 1) * unit], unit) for at in range(count)]
    refs = struct.pack(">Q", 4 * unit)
    return b"".join(
        [padded(head, unit), padded(level1, unit), padded(level2, unit), padded(refs, unit), padded(b"\0\1" * (5 + count), unit), *reversed(clusters)]
    )


def cases():
    """All cases of this field."""
    small, big = sealed(), big_sealed()
    flat = fat("INVOICE.GZ", small)
    strewn = fat("INVOICE.GZ", big, scatter=True)
    disk = partitioned(flat)
    plain = iso("INVOICE.GZ;1", small)
    rows = [
        ("iso", "plain", "invoice.iso", "a file of ISO 9660", plain),
        ("iso", "joliet", "invoice.iso", "a file with a Joliet name", iso("INVOICE.GZ;1", small, joliet="invoice.js.gz")),
        (
            "iso",
            "joliet-only",
            "invoice.iso",
            "a file in the Joliet directory only",
            iso("INVOICE.GZ;1", small, joliet="invoice.js.gz", plain_name=""),
        ),
        ("iso", "hidden", "invoice.iso", "a file with the hidden flag", iso("INVOICE.GZ;1", small, flags=1)),
        ("iso", "folder", "invoice.iso", "a file in a folder", iso("INVOICE.GZ;1", small, folder=True)),
        ("iso", "named-img", "invoice.img", "called .img", plain),
        ("iso", "in-zip", "invoice.zip", "in a zip", packing.zipped(plain, "invoice.iso")),
        ("iso", "cut", "invoice.iso", "cut at the end of the file", plain[: -(SECTOR - len(small))]),
        ("iso", "blocks", "invoice.iso", "declares 5 blocks", iso("INVOICE.GZ;1", small, blocks_lie=5)),
        ("iso", "no-terminator", "invoice.iso", "no terminator of the descriptors", plain[: 17 * SECTOR] + bytes(SECTOR) + plain[18 * SECTOR :]),
        ("iso", "boot-code", "invoice.iso", "code in the first sectors", b"\xeb\x3c\x90" + bytes(507) + b"\x55\xaa" + plain[512:]),
        ("iso", "big-file", "invoice.iso", "a file over several sectors", iso("INVOICE.GZ;1", big)),
        ("udf", "plain", "invoice.iso", "a file of UDF", udf("invoice.js.gz", small)),
        ("udf", "embedded", "invoice.iso", "a file within its file entry", udf("invoice.js.gz", small, embedded=True)),
        (
            "udf",
            "bridge",
            "invoice.iso",
            "UDF beside an empty ISO 9660",
            udf("invoice.js.gz", small, bridge=iso("CALM.TXT;1", b"calm")[: 18 * SECTOR]),
        ),
        ("fat", "twelve", "invoice.img", "FAT12", flat),
        ("fat", "sixteen", "invoice.img", "FAT16, in a zip", packing.zipped(fat("INVOICE.GZ", small, 16), "invoice.img")),
        ("fat", "scattered", "invoice.img", "a file whose clusters run backwards", strewn),
        ("fat", "hidden", "invoice.img", "a hidden system file", fat("INVOICE.GZ", small, attribute=0x26)),
        ("fat", "folder", "invoice.img", "a file in a folder", fat("INVOICE.GZ", small, deep=True)),
        ("fat", "long-name", "invoice.img", "a long name", fat("INVOIC~1.GZ", small, long_name="invoice for March.js.gz")),
        ("fat", "no-label", "invoice.ima", "no label, called .ima", fat("INVOICE.GZ", small, label=False)),
        ("disk", "partition", "invoice.img", "a partition with FAT12", disk),
        ("disk", "partition-scattered", "invoice.img", "a scattered file in a partition", partitioned(strewn)),
        ("disk", "guid", "invoice.img", "a GUID partition table", guid_partitioned(flat)),
        ("vhd", "fixed", "invoice.vhd", "a fixed disk", vhd_fixed(disk)),
        ("vhd", "fixed-scattered", "invoice.vhd", "a fixed disk, scattered file", vhd_fixed(partitioned(strewn))),
        ("vhd", "fixed-bare", "invoice.vhd", "a fixed disk without partitions", vhd_fixed(flat)),
        ("vhd", "dynamic", "invoice.vhd", "a growing disk", vhd_dynamic(disk)),
        (
            "vhd",
            "dynamic-small",
            "invoice.vhd",
            "a growing disk with blocks that cut the file",
            vhd_dynamic(partitioned(fat("INVOICE.GZ", big)), 512),
        ),
        ("vhd", "dynamic-zip", "invoice.zip", "a growing disk in a zip", packing.zipped(vhd_dynamic(partitioned(strewn)), "invoice.vhd")),
    ]
    for group, name, file_name, about, made in rows:
        yield case(group, name, about, mail_with(made, file_name))
    for name, made in (("qcow2", qcow2(partitioned(strewn))),):
        yield case("disk", name, f"a virtual disk of {name}", mail_with(made, f"invoice.{name}"), FOUND_OR_HELD)
