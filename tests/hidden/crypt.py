"""The ciphers of archives and documents, small and slow: RC4, the cipher of PKZIP, AES in CBC and in the counter mode of WinZip."""

import zlib


def rc4(key, data):
    """RC4: the same to encrypt and to decrypt."""
    box, other, out = list(range(256)), 0, bytearray()
    for at in range(256):
        other = (other + box[at] + key[at % len(key)]) % 256
        box[at], box[other] = box[other], box[at]
    at = other = 0
    for byte in data:
        at = (at + 1) % 256
        other = (other + box[at]) % 256
        box[at], box[other] = box[other], box[at]
        out.append(byte ^ box[(box[at] + box[other]) % 256])
    return bytes(out)


def crc_step(value, byte):
    """One step of CRC-32 without its inversions, APPNOTE section 6.1.5."""
    return (zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF)) ^ 0xFFFFFFFF


def zip_crypto(password, data, check):
    """The traditional encryption of PKZIP: twelve bytes of header, the last of which is `check`."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte):
        keys[0] = crc_step(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc_step(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in bytes(range(11)) + bytes([check]) + data:
        word = (keys[2] | 2) & 0xFFFF
        out.append(byte ^ (((word * (word ^ 1)) >> 8) & 0xFF))
        update(byte)
    return bytes(out)


def _times(left, right):
    """Multiplication in the field of AES."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left = (left << 1) ^ (0x11B if left & 0x80 else 0)
        right >>= 1
    return product


def _make_box():
    """The substitution box of FIPS 197 section 5.1.1."""
    box = [0x63] * 256
    for value in range(1, 256):
        inverse = next(other for other in range(1, 256) if _times(value, other) == 1)
        result = inverse
        for turn in range(1, 5):
            result ^= ((inverse << turn) | (inverse >> (8 - turn))) & 0xFF
        box[value] = result ^ 0x63
    return box


_BOX = []


def _schedule(key):
    """The round keys, FIPS 197 section 5.2."""
    if not _BOX:
        _BOX.extend(_make_box())
    size = len(key) // 4
    words = [list(key[4 * at : 4 * at + 4]) for at in range(size)]
    factor = 1
    for at in range(size, 4 * (size + 7)):
        word = list(words[at - 1])
        if at % size == 0:
            word = [_BOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= factor
            factor = _times(factor, 2)
        elif size > 6 and at % size == 4:
            word = [_BOX[byte] for byte in word]
        words.append([left ^ right for left, right in zip(words[at - size], word)])
    return [sum(words[4 * at : 4 * at + 4], []) for at in range(size + 7)]


def _encrypt_block(rounds, block):
    """One block, FIPS 197 section 5.1."""
    state = [left ^ right for left, right in zip(block, rounds[0])]
    for at in range(1, len(rounds)):
        state = [_BOX[state[(5 * place) % 16]] for place in range(16)]
        if at < len(rounds) - 1:
            mixed = []
            for column in range(0, 16, 4):
                four = state[column : column + 4]
                mixed += [_times(four[row], 2) ^ _times(four[(row + 1) % 4], 3) ^ four[(row + 2) % 4] ^ four[(row + 3) % 4] for row in range(4)]
            state = mixed
        state = [left ^ right for left, right in zip(state, rounds[at])]
    return bytes(state)


def aes_cbc(key, start, data):
    """AES in CBC mode over whole blocks."""
    rounds, out, last = _schedule(key), bytearray(), start
    for at in range(0, len(data), 16):
        last = _encrypt_block(rounds, bytes(left ^ right for left, right in zip(data[at : at + 16], last)))
        out += last
    return bytes(out)


def aes_counter(key, data):
    """AES in counter mode with a little-endian counter from one, as WinZip uses it."""
    rounds, out = _schedule(key), bytearray()
    for number, at in enumerate(range(0, len(data), 16), 1):
        pad = _encrypt_block(rounds, number.to_bytes(16, "little"))
        out += bytes(left ^ right for left, right in zip(data[at : at + 16], pad))
    return bytes(out)
