"""What Vitrine's lens says of a TLS connection, against what others say of the same one:

    lens.py EVENTS CAPTURE KEYLOG

EVENTS has the lines of --events with --reveal, of which the latest connection counts. Every handshake message is compared
field by field with tshark's decode of CAPTURE, certificates with openssl's, and the key schedule with KEYLOG, which the
peer has written (NSS format).
"""
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

events, capture, keylog = sys.argv[1:4]
compared = 0


def check(what, ours, theirs):
    global compared
    if ours != theirs:
        sys.exit(f"{what}: we say {ours!r}, they say {theirs!r}")
    compared += 1


# ---- ours ----

lines = [json.loads(line) for line in open(events)]
conn = max(line["conn"] for line in lines if line["event"] == "tls_fields")
mine = [line for line in lines if line["conn"] == conn]
messages = [m for m in mine if m["event"] == "tls_fields" and m["message"] != "ChangeCipherSpec"]
steps = [s for s in mine if s["event"] == "tls_step"]


def flat(fields):
    for f in fields:
        yield f
        yield from flat(f.get("parts", []))


def field(m, name, key="value"):
    """The first field of that name."""
    return next((f.get(key) for f in flat(m["fields"]) if f["name"] == name), None)


def every(m, name, key="value"):
    return [f.get(key) for f in flat(m["fields"]) if f["name"] == name]


# ---- tshark's ----

def run_tshark(form):
    return subprocess.run(
        ["tshark", "-n", "-r", capture, "-o", f"tls.keylog_file:{keylog}", "-d", "tcp.port==4443,tls",
         "-Y", "tls.handshake", "-T", form], check=True, capture_output=True).stdout


def verify_datas():
    """Of each Finished in the capture; only the raw form has these bytes."""
    found = []

    def on_object(pairs):
        found.extend(v[0] for name, v in pairs if name == "tls.handshake.verify_data_raw")
        return dict(pairs)

    json.loads(run_tshark("jsonraw"), object_pairs_hook=on_object)
    return found


def tshark():
    out = run_tshark("pdml")
    found = []
    for packet in xml.fromstring(out).iter("packet"):
        port = next(f.get("show") for f in packet.iter("field") if f.get("name") == "tcp.srcport")
        for f in packet.iter("field"):
            if f.get("name") == "tls.handshake" and any(x.get("name") == "tls.handshake.type" for x in f):
                found.append((port in ("443", "4443"), f))
    return found


def shows(m, name):
    return [f.get("show") for f in m.iter("field") if f.get("name") == "tls.handshake." + name]


def values(m, name):
    """Bytes as hex."""
    return [f.get("value") for f in m.iter("field") if f.get("name") == "tls.handshake." + name]


def numbers(m, name):
    return [int(s, 0) for s in shows(m, name)]


def one(found):
    return found[0] if found else None


# ---- message by message ----

def check_hello(m, t):
    check("random", field(m, "random"), one(values(t, "random")))
    check("session id", field(m, "legacy_session_id") or field(m, "legacy_session_id_echo") or field(m, "session_id") or "",
          one(values(t, "session_id")) or "")
    suites = field(m, "cipher_suites", "numbers") or field(m, "cipher_suite", "numbers")
    check("suites", suites, numbers(t, "ciphersuite"))
    check("groups", field(m, "supported_groups", "numbers") or [], numbers(t, "extensions_supported_group"))
    check("signature algorithms", field(m, "signature_algorithms", "numbers") or [], numbers(t, "sig_hash_alg"))
    check("versions", field(m, "supported_versions", "numbers") or [], numbers(t, "extensions.supported_version"))
    check("server name", field(m, "server_name"), one(shows(t, "extensions_server_name")))
    check_alpn(m, t)
    if m["message"] == "HelloRetryRequest":
        check("group of the retry", field(m, "key_share", "numbers"), numbers(t, "extensions_key_share_selected_group"))
    else:
        check("groups of the key shares", field(m, "key_share", "numbers") or [],
              numbers(t, "extensions_key_share_group"))
        check("key shares", every(m, "key_exchange"), values(t, "extensions_key_share_key_exchange"))
    extensions = next((f.get("parts", []) for f in m["fields"] if f["name"] == "extensions"), [])
    check("number of extensions", len(extensions), len(shows(t, "extension.type")))


def check_alpn(m, t):
    offered = field(m, "application_layer_protocol_negotiation")
    check("ALPN", offered.split(", ") if offered else [], shows(t, "extensions_alpn_str"))


def openssl(der):
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes.fromhex(der))
        file.flush()
        out = subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-in", file.name, "-noout", "-serial", "-fingerprint", "-sha256",
             "-subject", "-issuer", "-nameopt", "sep_comma_plus_space,sname", "-startdate", "-enddate",
             "-dateopt", "iso_8601", "-ext", "subjectAltName"],
            check=True, capture_output=True, text=True).stdout
    facts = {}
    names = ""
    for line in out.splitlines():
        if "=" in line:
            name, value = line.split("=", 1)
            facts[name.strip().lower()] = value.strip()
        elif ":" in line and "X509v3" not in line:
            names = line.strip()
    return facts, names


def check_certificate(m, t):
    ders = values(t, "certificate")
    check("number of certificates", len(every(m, "certificate")), len(ders))
    for i, der in enumerate(ders):
        facts, names = openssl(der)
        check("length", every(m, "certificate")[i], f"{len(der) // 2} bytes")
        check("serial number", every(m, "serial_number")[i].lstrip("0"), facts["serial"].lower().lstrip("0"))
        check("subject", every(m, "subject")[i], facts["subject"].replace(" = ", "="))
        check("issuer", every(m, "issuer")[i], facts["issuer"].replace(" = ", "="))
        check("not before", every(m, "not_before")[i] + "Z", facts["notbefore"])
        check("not after", every(m, "not_after")[i] + "Z", facts["notafter"])
        check("fingerprint", every(m, "fingerprint_sha256")[i],
              facts["sha256 fingerprint"].replace(":", "").lower())
        check("SANs", every(m, "subject_alt_name")[i], names.replace("IP Address:", "IP:"))


def check_ticket(m, t):
    lifetime = field(m, "ticket_lifetime", "numbers") or field(m, "ticket_lifetime_hint", "numbers")
    check("lifetime of the ticket", lifetime, numbers(t, "session_ticket_lifetime_hint"))
    check("ticket", field(m, "ticket"), one(values(t, "session_ticket")))
    if field(m, "ticket_nonce") is not None:
        check("age_add", field(m, "ticket_age_add", "numbers"), numbers(t, "session_ticket_age_add"))
        check("nonce", field(m, "ticket_nonce"), one(values(t, "session_ticket_nonce")))


def check_signature(m, t):
    check("signature algorithm", field(m, "algorithm", "numbers"), numbers(t, "sig_hash_alg"))
    check("signature", field(m, "signature"), one(values(t, "sig") + values(t, "client_cert_vrfy.sig")))


def check_request(m, t):
    algorithms = field(m, "signature_algorithms", "numbers") or field(m, "supported_signature_algorithms", "numbers")
    check("signature algorithms of the request", algorithms, numbers(t, "sig_hash_alg"))
    if m["version"] == "TLS 1.2":
        check("kinds of certificate", field(m, "certificate_types", "numbers"), numbers(t, "cert_type"))
        check("authorities", len(every(m, "distinguished_name")), len(shows(t, "dname")))


def check_server_key_exchange(m, t):
    check("curve", field(m, "named_curve", "numbers"), numbers(t, "server_named_curve"))
    check("the server's point", field(m, "public"), one(values(t, "server_point")))
    check_signature(m, t)


def check_finished(m, t):
    check("verify_data", field(m, "verify_data"), verify_data[id(t)])
    check("verdict on the Finished", m["verdict"][:5], "good:")


checks = {
    "ClientHello": (1, check_hello),
    "ServerHello": (2, check_hello),
    "HelloRetryRequest": (2, check_hello),
    "EncryptedExtensions": (8, check_alpn),
    "Certificate": (11, check_certificate),
    "CertificateRequest": (13, check_request),
    "CertificateVerify": (15, check_signature),
    "ServerKeyExchange": (12, check_server_key_exchange),
    "ServerHelloDone": (14, lambda m, t: None),
    "ClientKeyExchange": (16, lambda m, t: check("the client's point", field(m, "ecdh_Yc"), one(values(t, "client_point")))),
    "NewSessionTicket": (4, check_ticket),
    "Finished": (20, check_finished),
}

theirs = tshark()
finished = [t for server, t in theirs if numbers(t, "type") == [20]]
verify_data = dict(zip([id(t) for t in finished], verify_datas(), strict=True))
our_side = {True: [], False: []}  # by the server?
we_serve = messages[0]["message"] == "ClientHello" and not messages[0]["outgoing"]
for m in messages:
    our_side[m["outgoing"] == we_serve].append(m)
for by_server in (False, True):
    seen = [t for server, t in theirs if server == by_server]
    check("messages of the " + ("server" if by_server else "client"),
          [checks[m["message"]][0] for m in our_side[by_server]], [numbers(t, "type")[0] for t in seen])
    for m, t in zip(our_side[by_server], seen):
        check(f"length of {m['message']}", m["len"] - 4, numbers(t, "length")[0])
        checks[m["message"]][1](m, t)

# ---- the key schedule ----

names = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": "client_handshake_traffic_secret",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": "server_handshake_traffic_secret",
    "CLIENT_TRAFFIC_SECRET_0": "client_application_traffic_secret_0",
    "SERVER_TRAFFIC_SECRET_0": "server_application_traffic_secret_0",
    "EXPORTER_SECRET": "exporter_master_secret",
    "CLIENT_RANDOM": "master_secret",
}
random = field(messages[0], "random")
made = {s["name"]: s["value"] for s in steps}
logged = 0
for line in open(keylog):
    label, client_random, secret = line.split() if len(line.split()) == 3 else ("", "", "")
    if label in names and client_random.lower() == random:
        check(names[label], made.get(names[label]), secret.lower())
        logged += 1
check("secrets in the peer's key log", logged, 5 if any(m["version"] == "TLS 1.3" for m in messages) else 1)
check("steps that differ from mbedTLS", [s["name"] for s in steps if s["check"] == "differs"], [])
print(f"{compared} values compared, {len(messages)} messages, {len(steps)} steps of the key schedule")
