"""What `vitrine explain` says about a run against what tshark reads of the same run's frames (--pcapng, with the keys
of TLS in the file). The argument is the program. Prints a line for each case.
"""

import json
import os
import subprocess
import sys
import tempfile

VITRINE = sys.argv[1]
failures = 0


def case(name, good, why=""):
    global failures
    failures += not good
    print(("ok explain: " if good else "not ok explain: ") + name + ("" if good else ": %s" % (why,)), flush=True)


def same(name, said, seen):
    case(name, said == seen and seen not in ("", []), "said %s, tshark has %s" % (said, seen))


class Lesson:
    """One chapter: its facts by their ids, its blocks of bytes, and tshark's fields of each frame, as hex."""

    def __init__(self, *arguments):
        handle, capture = tempfile.mkstemp(suffix=".pcapng")
        os.close(handle)
        said = subprocess.run([VITRINE, "explain", *arguments, "--json", "--pcapng", capture], check=True,
                              capture_output=True, timeout=60)
        self.blocks = json.loads(said.stdout)["blocks"]
        self.facts = {f["id"]: f["value"] for b in self.blocks if b["kind"] == "facts" for f in b["facts"]}
        self.bytes = [(b["hex"], {m["name"].strip("· "): b["hex"][2 * m["from"]:2 * (m["from"] + m["len"])]
                                  for m in reversed(b["marks"])}) for b in self.blocks if b["kind"] == "bytes"]
        options = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
                   "-o", "tcp.relative_sequence_numbers:FALSE"]
        seen = subprocess.run(["tshark", "-r", capture, *options, "-T", "json", "-x", "--no-duplicate-keys"],
                              check=True, capture_output=True, timeout=60)
        os.unlink(capture)
        self.frames = json.loads(seen.stdout)

    def number(self, fact, which=0):
        words = [w.strip(",:;") for w in self.facts[fact].split()]
        return [int(w) for w in words if w.isdigit()][which]

    def messages(self):
        """The handshake messages: (hex of all, hex of each field)."""
        return [(whole, marks) for whole, marks in self.bytes if "handshake type" in marks]

    def message(self, number, which=0):
        return [m for m in self.messages() if int(m[0][:2], 16) == number][which]


def fields(frame, name):
    """Every field of that name in a frame, as hex."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == name + "_raw":
                    for one in value if isinstance(value[0], list) else [value]:
                        found.append(one[0])
                walk(value)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    walk(frame)
    return found


def every(lesson, name):
    return [v for f in lesson.frames for v in fields(f, name)]


def shown(lesson, name):
    """The same as tshark shows it, not as hex."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == name:
                    found.extend(value if isinstance(value, list) else [value])
                walk(value)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    walk(lesson.frames)
    return found


def tcp():
    lesson = Lesson("tcp")
    syn, syn_ack, ack, request = lesson.frames[:4]

    def field(frame, name):
        return int(fields(frame, name)[0], 16)

    same("the client's ISN", lesson.number("client_isn", 2), field(syn, "tcp.seq_raw"))
    same("the server's ISN", lesson.number("server_isn", 2), field(syn_ack, "tcp.seq_raw"))
    same("M + F is the ISN", (lesson.number("client_isn_clock") + lesson.number("client_isn_hash")) % 2**32,
         field(syn, "tcp.seq_raw"))
    same("ack = ISN + 1", lesson.number("syn_ack_ack"), field(syn_ack, "tcp.ack_raw"))
    same("the third segment's ack", lesson.number("ack_ack"), field(ack, "tcp.ack_raw"))
    same("the third segment's seq", lesson.number("ack_seq"), field(ack, "tcp.seq_raw"))
    same("the flags", [2, 18, 16], [field(f, "tcp.flags") & 0xfff for f in (syn, syn_ack, ack)])
    same("the window of the SYN", lesson.number("syn_window"), field(syn, "tcp.window_size_value"))
    same("the window of the SYN-ACK", lesson.number("syn_ack_window"), field(syn_ack, "tcp.window_size_value"))
    same("the window of the ACK, as the field has it", lesson.number("ack_window"),
         field(ack, "tcp.window_size_value"))
    same("the MSS", lesson.number("syn_mss"), field(syn, "tcp.options.mss_val"))
    same("the window scale", lesson.number("syn_wscale") if lesson.facts["syn_wscale"][0].isdigit() else None,
         field(syn, "tcp.options.wscale.shift"))
    same("the timestamps", [lesson.number("syn_ack_timestamps"), lesson.number("syn_ack_timestamps", 1)],
         [field(syn_ack, "tcp.options.timestamp.tsval"), field(syn_ack, "tcp.options.timestamp.tsecr")])
    same("where the request begins", lesson.number("request_seq"), field(request, "tcp.seq_raw"))
    checksums = shown(lesson, "tcp.checksum.status") + shown(lesson, "ip.checksum.status")
    same("every checksum", set(checksums), {"1"})


def tls(version, *more):
    name = " ".join(("TLS", version) + more)
    lesson = Lesson("tls", "--tls", version, *more)
    hellos = every(lesson, "tls.handshake.random")
    same(name + ": the randoms", [lesson.message(1)[1]["random"], lesson.message(2)[1]["random"]], hellos[:2])
    suites = every(lesson, "tls.handshake.ciphersuite")
    same(name + ": the suites offered", lesson.message(1)[1]["cipher_suites"], "".join(suites[:-1]))
    same(name + ": the suite chosen", lesson.message(2)[1]["cipher_suite"], suites[-1])
    same(name + ": the types of the messages", [int(m[0][:2], 16) for m in lesson.messages()],
         [int(t, 16) for t in every(lesson, "tls.handshake.type")])
    if "--psk" in more:
        case(name + ": no certificate", every(lesson, "x509af.serialNumber") == [])
        same(name + ": the identity", lesson.message(1)[1]["identity"],
             every(lesson, "tls.handshake.extensions.psk.identity.identity")[0])
    else:
        same(name + ": the certificates' serial numbers",
             [m[1]["serial_number"] for m in lesson.messages() if m[0][:2] == "0b"],
             [s.zfill(32) for s in every(lesson, "x509af.serialNumber")])
    same(name + ": verify_data of both", [m[1]["verify_data"] for m in lesson.messages() if m[0][:2] == "14"],
         every(lesson, "tls.handshake.verify_data"))
    if version == "1.3":
        same(name + ": the key shares", [lesson.message(n)[1]["key_exchange"] for n in (1, 2)],
             every(lesson, "tls.handshake.extensions_key_share_key_exchange"))
    else:
        same(name + ": the server's share", [lesson.message(12)[1]["public"]],
             every(lesson, "tls.handshake.server_point"))
        same(name + ": the client's share", [lesson.message(16)[1]["ecdh_Yc"]],
             every(lesson, "tls.handshake.client_point"))
    same(name + ": tshark decrypts the request", shown(lesson, "http.request.method"), ["GET"])
    same(name + ": and finds what it asks for", sorted(set(shown(lesson, "http.request.uri"))), ["/account"])
    verdicts = [v for k, v in lesson.facts.items() if k.endswith("_verdict")]
    case(name + ": every check was good", len(verdicts) >= (2 if "--psk" in more else 4) and all(v.startswith("good") for v in verdicts), verdicts)


def certificate():
    for version in ("1.3", "1.2"):
        lesson = Lesson("certificate", "--tls", version)
        name = "certificate, TLS " + version
        same(name + ": the serial number", lesson.facts["serial"].zfill(32), every(lesson, "x509af.serialNumber")[0].zfill(32))
        keys = every(lesson, "x509af.subjectPublicKey")
        case(name + ": the public key", keys and lesson.facts["public_key"].endswith(keys[0].lstrip("0")[-128:]),
             keys)
        same(name + ": verify_data", [lesson.facts["server_finished"], lesson.facts["client_finished"]]
             if version == "1.3" else [lesson.facts["client_finished"], lesson.facts["server_finished"]],
             every(lesson, "tls.handshake.verify_data"))
        same(name + ": the alerts", [lesson.facts[f + "_alert"] for f in ("expired", "name", "ca", "signature")],
             ["certificate_expired", "bad_certificate", "unknown_ca", "unknown_ca"])
        case(name + ": the bad signature", "not valid" in lesson.facts["signature_check"],
             lesson.facts["signature_check"])


def compare():
    lesson = Lesson("compare")
    rows = {r[0]: r[1:] for b in lesson.blocks if b["kind"] == "table" for r in b["rows"]}
    same("compare: round trips", rows["that is round trips"], ["1", "2", "3"])
    same("compare: frames of the run with TLS 1.3", int(rows["frames in all"][1].split()[0]), len(lesson.frames))
    same("compare: bytes of it", int(rows["frames in all"][1].split()[2]),
         sum(int(n) for n in shown(lesson, "frame.len")))
    same("compare: forged over TCP", lesson.facts["got_plain"], "Your balance: 9,234.")
    case("compare: refused over TLS", lesson.facts["got_tls"].startswith("nothing"), lesson.facts["got_tls"])


tcp()
for wanted in (("1.3",), ("1.2",), ("1.3", "--mutual"), ("1.2", "--mutual"), ("1.3", "--psk")):
    tls(*wanted)
certificate()
compare()
sys.exit(failures > 0)
