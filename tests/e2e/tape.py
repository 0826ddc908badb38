"""Recordings as docs/recording.md describes their file, read by a program of its own.

  tape.py count FILE         how many records there are of each type, as JSON; all checks are verified
  tape.py secrets FILE KEYLOG KEY  how many secrets are in FILE, of a key log (as bytes or hex) and of a private
                             key (its lines in PEM, and runs of the bytes in them)
  tape.py change FILE OUT N  OUT is FILE with a bit of outgoing frame N changed, and right checks again
"""

import base64
import collections
import json
import struct
import sys

END, FRAME_OUT = 1, 9
MASK = (1 << 64) - 1


def siphash(k0, k1, data):
    """SipHash-2-4 (Aumasson, Bernstein 2012)."""
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(n):
        v0, v1, v2, v3 = v
        for _ in range(n):
            v0 = (v0 + v1) & MASK
            v2 = (v2 + v3) & MASK
            v1 = ((v1 << 13 | v1 >> 51) & MASK) ^ v0
            v3 = ((v3 << 16 | v3 >> 48) & MASK) ^ v2
            v0 = (v0 << 32 | v0 >> 32) & MASK
            v2 = (v2 + v1) & MASK
            v0 = (v0 + v3) & MASK
            v1 = ((v1 << 17 | v1 >> 47) & MASK) ^ v2
            v3 = ((v3 << 21 | v3 >> 43) & MASK) ^ v0
            v2 = (v2 << 32 | v2 >> 32) & MASK
        v[:] = v0, v1, v2, v3

    whole = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", whole):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def header(data):
    """Where the header's check is."""
    assert data[:8] == b"VITRINE\x1a" and data[8:10] == b"\0\1", "no recording"
    return 14 + struct.unpack(">H", data[12:14])[0]


def records(data):
    """(type, where it begins, where its content begins, where its check is) of each."""
    at = header(data) + 4
    while True:
        length, content = varint(data, at + 1)
        yield data[at], at, content, content + length
        if data[at] == END:
            return
        at = content + length + 4


def checks(data):
    """Yields (where a check is, what it must be); each depends on those before it."""
    ends = [(0, header(data))] + [(begin, end) for _, begin, _, end in records(data)]
    check = 0
    for number, (begin, end) in enumerate(ends):
        check = siphash(number, check, bytes(data[begin:end])) & 0xFFFFFFFF
        yield end, check


def count(name):
    with open(name, "rb") as file:
        data = file.read()
    for at, check in checks(data):
        assert struct.unpack(">I", data[at:at + 4])[0] == check, "the check at byte %d" % at
    print(json.dumps(collections.Counter(r[0] for r in records(data))))


def change(name, out, number):
    with open(name, "rb") as file:
        data = bytearray(file.read())
    frames = [r for r in records(data) if r[0] == FRAME_OUT]
    _, _, content, end = frames[int(number) - 1]
    # Behind "taken" and the length: byte 47 of the frame, the window's low byte if it is TCP.
    _, frame = varint(data, content + 1)
    assert frame + 49 < end
    data[frame + 49] ^= 1
    for at, check in list(checks(data)):
        data[at:at + 4] = struct.pack(">I", check)
    with open(out, "wb") as file:
        file.write(data)


def secrets(name, keylog, key):
    with open(name, "rb") as file:
        data = file.read()
    with open(keylog, encoding="ascii") as file:
        texts = [line.split()[2] for line in file if not line.startswith("#")]
    sought = [bytes.fromhex(t) for t in texts] + [t.encode() for t in texts]
    with open(key, encoding="ascii") as file:
        lines = [line.strip() for line in file if "-----" not in line]
    der = base64.b64decode("".join(lines))
    sought += [line.encode() for line in lines if len(line) > 20]
    # A P-256 key (RFC 5915): 32 bytes behind the OCTET STRING's head; the curve and public key are none.
    at = der.index(b"\x04\x20") + 2
    sought += [der[at:at + 32], der[at:at + 16], der[at + 16:at + 32]]
    assert texts and len(lines) > 1
    print(sum(s in data for s in sought))


if __name__ == "__main__":
    {"count": count, "change": change, "secrets": secrets}[sys.argv[1]](*sys.argv[2:])
