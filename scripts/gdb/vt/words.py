"""Numbers of the stack in words."""

import gdb

# Numbers for which the program has no enumeration.
ALERTS = {  # RFC 8446 6, RFC 5246 7.2
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
    40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate",
    44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
    80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
    100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 115: "unknown_psk_identity", 116: "certificate_required",
    120: "no_application_protocol",
}
SUITES = {
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
}
GROUPS = {0x0017: "secp256r1", 0x0018: "secp384r1", 0x001D: "x25519"}
VERSIONS = {0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
OPTS = ("MSS", "WSCALE", "SACK-OK", "TS", "SACK")


_enums = {}


def enum_words(type_name, prefix):
    """{number: word} of an enumeration; empty when the program does not have it."""
    if type_name not in _enums:
        words = {}
        try:
            for field in gdb.lookup_type(type_name).strip_typedefs().fields():
                if field.name.startswith(prefix):
                    words.setdefault(field.enumval, field.name[len(prefix):])
        except gdb.error:
            pass
        _enums[type_name] = words
    return _enums[type_name]


def word(type_name, prefix, number):
    return enum_words(type_name, prefix).get(number, str(number))


def state_name(number):
    """RFC 9293 3.3.2."""
    name = word("enum tcp_state", "TCP_", number)
    return "SYN-RECEIVED" if name == "SYN_RCVD" else name.replace("_", "-")


def lower_words(type_name, prefix):
    return lambda number: word(type_name, prefix, number).lower().replace("_", " ")


def message_name(number):
    name = word("enum tls_message", "TLS_", number)
    return "".join(part.capitalize() for part in name.split("_"))


def bits(names):
    return lambda number: " ".join(n for i, n in enumerate(names) if number >> i & 1) or "none"


def table(names):
    return lambda number: names.get(number, "0x%04x" % number)


def yes(number):
    return "yes" if number else "no"


def tls_state_name(number):
    return word("mbedtls_ssl_states", "MBEDTLS_SSL_", number)


close_reason = lower_words("enum close_reason", "CLOSE_")
timer_name = lower_words("enum tcp_timer", "TCP_TIMER_")


def span(ns):
    """A span in the unit that suits it."""
    ns = int(ns)
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if ns >= size:
            return "%s%.3f %s" % (sign, ns / size, unit)
    return "%s%d ns" % (sign, ns)


def ip_text(addr):
    octets = [int(addr["b"][i]) for i in range(16)]
    if octets[:12] == [0] * 10 + [255, 255]:
        return "%d.%d.%d.%d" % tuple(octets[12:])
    if not any(octets):
        return "*"
    groups = ["%x" % (octets[i] << 8 | octets[i + 1]) for i in range(0, 16, 2)]
    return "[%s]" % ":".join(groups)


def endpoint_text(endpoint):
    return "%s:%d" % (ip_text(endpoint["addr"]), int(endpoint["port"]))


# How a field of an event is shown, by event and field, or by the field alone; others are numbers.
SHOWN = {
    ("drop", "reason"): lambda n: word("enum drop_reason", "DROP_", n),
    ("neighbour", "state"): lower_words("enum neighbour_state", "NEIGHBOUR_"),
    ("tcp_state", "from"): state_name,
    ("tcp_state", "to"): state_name,
    ("tcp_passed", "state"): state_name,
    ("tls_message", "type"): message_name,
    ("tls_state", "state"): tls_state_name,
    ("tls_secret", "label"): lambda n: word("enum tls_secret", "TLS_SECRET_", n),
    ("tls_alert", "description"): table(ALERTS),
    ("tls_established", "version"): table(VERSIONS),
    ("tls_established", "suite"): table(SUITES),
    ("tls_established", "group"): table(GROUPS),
    ("http_request", "method"): lambda n: word("enum http_method", "HTTP_", n),
    ("tcp_path_mtu", "why"): lower_words("enum mtu_why", "MTU_"),
    "reason": close_reason,
    "flags": bits(FLAGS),
    "opts": bits(OPTS),
    "timer": timer_name,
    "why": lower_words("enum cwnd_why", "CWND_"),
    "how": lower_words("enum loss_how", "LOSS_"),
    "ethertype": lambda n: "0x%04x" % n,
    "passive": yes,
    "outgoing": yes,
    "encrypted": yes,
    "resumed": yes,
    "retransmission": yes,
}


# Fields that say nothing when they are zero: options that a segment did not have.
QUIET = ("mss", "wscale", "tsval", "tsecr", "retransmission")
