"""Compound files (MS-CFB), projects of VBA (MS-OVBA) and packages of OLE, written small."""

import hashlib
import struct
import zlib

from . import crypt

FREE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
UNIT, MINI, CUTOFF = 512, 64, 4096


def _entry(name, kind, left, right, child, start, size, clsid=bytes(16)):
    """A directory entry, MS-CFB section 2.6.1."""
    title = name.encode("utf-16-le")[:62]
    return (
        title.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(title) + 2 if name else 0, kind, 1, left, right, child)
        + clsid
        + bytes(4 + 16)
        + struct.pack("<IQ", start, size)
    )


def _walk(tree, rows, names):
    """Adds the members of a storage to `rows` as a balanced tree; returns the number of its root."""
    if not names:
        return FREE
    middle = len(names) // 2
    name = names[middle]
    number = len(rows)
    rows.append(None)
    left, right = _walk(tree, rows, names[:middle]), _walk(tree, rows, names[middle + 1 :])
    value = tree[name]
    if isinstance(value, dict):
        rows[number] = [name, 1, left, right, _walk(value, rows, _sorted(value)), b""]
    else:
        rows[number] = [name, 2, left, right, FREE, value]
    return number


def _sorted(tree):
    """Names in the order of a storage: by length, then by capitals."""
    return sorted(tree, key=lambda name: (len(name.encode("utf-16-le")), name.upper()))


def cfb(tree, scatter=False, orphan=None, clsid=bytes(16), size_lie=None, cycle=False):
    """A compound file of nested dicts.

    `scatter` lays the sectors of big streams backwards, `orphan` adds a stream that the tree does not reach,
    `size_lie` replaces the size of every stream, `cycle` makes each chain of a big stream end at its own begin.
    """
    rows = [["Root Entry", 5, FREE, FREE, FREE, b""]]
    rows[0][4] = _walk(tree, rows, _sorted(tree))
    if orphan:
        rows.append([orphan[0], 2, FREE, FREE, FREE, orphan[1]])
    mini, mini_fat, starts, big = b"", [], {}, []
    for number, row in enumerate(rows):
        data = row[5]
        if number == 0 or row[1] != 2:
            continue
        if len(data) < CUTOFF:
            count = (len(data) + MINI - 1) // MINI
            starts[number] = len(mini_fat) if count else END
            mini_fat += [len(mini_fat) + at + 1 for at in range(count - 1)] + ([END] if count else [])
            mini += data.ljust(count * MINI, b"\0")
        else:
            big.append((number, data))
    sectors, fat = [], []

    def place(data, backwards=False):
        """Lays data into sectors and returns the first."""
        pieces = [data[at : at + UNIT].ljust(UNIT, b"\0") for at in range(0, len(data), UNIT)]
        first = len(sectors)
        if not pieces:
            return END
        if backwards:
            sectors.extend(reversed(pieces))
            fat.append(END)
            fat.extend(first + at for at in range(len(pieces) - 1))
            return first + len(pieces) - 1
        sectors.extend(pieces)
        fat.extend(first + at + 1 for at in range(len(pieces) - 1))
        fat.append(first if cycle else END)
        return first

    for number, data in big:
        starts[number] = place(data, scatter)
    starts[0] = place(mini, scatter)
    mini_start = place(b"".join(struct.pack("<I", value) for value in mini_fat + [FREE] * (-len(mini_fat) % 128)))
    directory = b""
    for number, (name, kind, left, right, child, data) in enumerate(rows):
        size = len(mini) if number == 0 else len(data)
        size = size_lie if size_lie is not None and kind == 2 else size
        directory += _entry(name, kind, left, right, child, starts.get(number, 0), size, clsid if number == 0 else bytes(16))
    directory += _entry("", 0, FREE, FREE, FREE, 0, 0) * (-len(rows) % 4)
    directory_start = place(directory)
    fat_count = 1
    while (len(sectors) + fat_count) > fat_count * 128:
        fat_count += 1
    fat_start = len(sectors)
    fat += [FAT_SECTOR] * fat_count
    fat += [FREE] * (fat_count * 128 - len(fat))
    table = b"".join(struct.pack("<I", value) for value in fat)
    head = (
        bytes.fromhex("d0cf11e0a1b11ae1")
        + bytes(16)
        + struct.pack(
            "<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, fat_count, directory_start, 0, CUTOFF, mini_start, (len(mini_fat) + 127) // 128, END, 0
        )
    )
    head += b"".join(struct.pack("<I", fat_start + at if at < fat_count else FREE) for at in range(109))
    return head + b"".join(sectors) + table


# ---------------------------------------------------------------- VBA


def vba_compress(data):
    """MS-OVBA section 2.4.1 with literal tokens only: every eight bytes a flag byte breaks what is written."""
    out = b"\x01"
    for at in range(0, len(data), 3600):
        piece = data[at : at + 3600]
        body = b"".join(b"\0" + piece[here : here + 8] for here in range(0, len(piece), 8))
        out += struct.pack("<H", 0xB000 | (len(body) + 2 - 3)) + body
    return out


def vba_storage(code, module="Module1", offset=0, hidden=False, stream_name=None):
    """The storage `VBA` and its streams; `offset` bytes of junk stand before the compressed code."""

    def record(identity, body):
        return struct.pack("<HI", identity, len(body)) + body

    stream = stream_name or module
    wide = stream.encode("utf-16-le")
    directory = record(1, struct.pack("<I", 1)) + record(2, struct.pack("<I", 0x409)) + record(0x14, struct.pack("<I", 0x409))
    directory += record(3, struct.pack("<H", 1252)) + record(4, b"Project") + record(5, b"") + record(0x40, b"") + record(6, b"")
    directory += (
        record(0x3D, b"") + record(7, bytes(4)) + record(8, bytes(4)) + struct.pack("<HIIH", 9, 4, 1, 1) + record(0xC, b"") + record(0x3C, b"")
    )
    directory += record(0xF, struct.pack("<H", 1)) + record(0x13, b"\xff\xff")
    directory += record(0x19, module.encode()) + record(0x47, module.encode("utf-16-le")) + record(0x1A, stream.encode()) + record(0x32, wide)
    directory += record(0x1C, b"") + record(0x48, b"") + record(0x31, struct.pack("<I", offset)) + record(0x1E, bytes(4)) + record(0x2C, b"\xff\xff")
    directory += record(0x21, b"") + (record(0x28, b"") if hidden else b"") + record(0x2B, b"") + record(0x10, b"")
    project = f'ID="{{00000000-0000-0000-0000-000000000000}}"\r\nModule={module}\r\nName="Project"\r\n'.encode()
    return {
        "VBA": {"dir": vba_compress(directory), "_VBA_PROJECT": b"\xcc\x61\xff\xff\0\0\0", stream: bytes(offset) + vba_compress(code)},
        "PROJECT": project,
    }


# ---------------------------------------------------------------- objects


def native(name, data):
    """What the stream Ole10Native of a packaged file holds, without its leading size."""
    title, path = name.encode() + b"\0", b"C:\\calm\\" + name.encode() + b"\0"
    return struct.pack("<H", 2) + title + path + struct.pack("<HHI", 0, 3, len(path)) + path + struct.pack("<I", len(data)) + data


def package(name, data, **how):
    """A compound file with one packaged file."""
    body = native(name, data)
    clsid = bytes.fromhex("0c00030000000000c000000000000046")
    return cfb({"\x01Ole10Native": struct.pack("<I", len(body)) + body, "\x03ObjInfo": bytes(6)}, clsid=clsid, **how)


def ole1(name, data, class_name=b"Package"):
    """An embedded object of OLE 1, MS-OLEDS section 2.2.5."""
    body = native(name, data)

    def text(value):
        return struct.pack("<I", len(value) + 1) + value + b"\0" if value else struct.pack("<I", 0)

    return struct.pack("<II", 0x501, 2) + text(class_name) + text(b"") + text(b"") + struct.pack("<I", len(body)) + body


def ole1_storage(storage, class_name=b"Word.Document.8"):
    """An embedded object whose data is a compound file."""
    return struct.pack("<III", 0x501, 2, len(class_name) + 1) + class_name + b"\0" + bytes(8) + struct.pack("<I", len(storage)) + storage


def active_mime(data):
    """An ActiveMime file: a fixed head, then zlib."""
    packed = zlib.compress(data)
    head = b"ActiveMime\0\0\x01\xf0\x04\0\0\0\xff\xff\xff\xff\0\0\x07\xf0" + struct.pack("<I", len(packed)) + b"\x04\0\0\0\x04\0\0\0\0\0\0\0"
    return head.ljust(46, b"\0") + struct.pack("<I", len(data)) + packed


# ---------------------------------------------------------------- encryption


def office_encrypted(package_bytes, password):
    """A document under the standard encryption of MS-OFFCRYPTO section 2.3.4: AES-128, SHA-1, 50,000 rounds."""
    salt = bytes(range(16))
    digest = hashlib.sha1(salt + password.encode("utf-16-le")).digest()
    for turn in range(50_000):
        digest = hashlib.sha1(struct.pack("<I", turn) + digest).digest()
    digest = hashlib.sha1(digest + bytes(4)).digest()
    key = hashlib.sha1(bytes(left ^ 0x36 for left in digest.ljust(64, b"\0"))).digest()[:16]

    def ecb(data):
        return b"".join(crypt.aes_cbc(key, bytes(16), data[at : at + 16]) for at in range(0, len(data), 16))

    verifier = bytes(range(50, 66))
    proof = hashlib.sha1(verifier).digest().ljust(32, b"\0")
    provider = "Microsoft Enhanced RSA and AES Cryptographic Provider\0".encode("utf-16-le")
    header = struct.pack("<IIIIIIII", 0x24, 0, 0x660E, 0x8004, 128, 0x18, 0, 0) + provider
    info = struct.pack("<HHII", 3, 2, 0x24, len(header)) + header + struct.pack("<I", 16) + salt + ecb(verifier) + struct.pack("<I", 20) + ecb(proof)
    padded = package_bytes + bytes(-len(package_bytes) % 16)
    return cfb({"EncryptionInfo": info, "EncryptedPackage": struct.pack("<Q", len(package_bytes)) + ecb(padded)})
