#!/usr/bin/env bash
# What the main job promises: ping and curl, over TLS 1.3, TLS 1.2 and plain, against our own TCP.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
echo 'hello, world' >"$dir/root/hello"
serve --root "$dir/root"

pings() { # SIZE: five, none lost
    ping -c 5 -i 0.05 -W 2 -s "$1" "$host" >"$dir/ping"
    contains "$dir/ping" '5 received, 0% packet loss'
}

story() { # VERSION OPTION…
    get /?json "${@:2}" >"$dir/story"
    same "version" "$1" "$(json "$dir/story" 's["tls"]["version"]')"
    same "client's address" "$kernel" "$(json "$dir/story" 's["client"]["address"]')"
    same "server's port" 443 "$(json "$dir/story" 's["server"]["port"]')"
    same "state" ESTABLISHED "$(json "$dir/story" 's["tcp"]["state"]')"
    same "segments of the handshake" "SYN, SYN ACK, ACK" \
        "$(json "$dir/story" '", ".join(g["flags"] for g in s["tcp"]["handshake"])')"
    same "MSS" 1460 "$(json "$dir/story" 's["tcp"]["mss_in"]')"
    same "ALPN" http/1.1 "$(json "$dir/story" 's["tls"]["alpn"]')"
    same "SNI" $host "$(json "$dir/story" 's["tls"]["sni"]')"
}

story_plain() {
    plain /?json >"$dir/story"
    same "TLS" None "$(json "$dir/story" 's["tls"]')"
    same "server's port" 80 "$(json "$dir/story" 's["server"]["port"]')"
}

story_text() { # what curl shows when it is not told anything else
    get / >"$dir/story"
    contains "$dir/story" 'TLS 1\.3'
    contains "$dir/story" 'SYN ACK'
    contains "$dir/story" 'client ISN +[0-9]+'
    contains "$dir/story" 'x25519'
}

negotiated() { # EXPRESSION EXPECTED OPTION…: what was asked for is what it became
    get /?json "${@:3}" >"$dir/story"
    same "$1" "$2" "$(json "$dir/story" "$1")"
}

reused() { # one connection for three requests
    local urls=()
    for _ in 1 2 3; do urls+=("https://$host/hello"); done
    same "new connections" "1 0 0 " "$(curl -sS --max-time 20 --cacert "$ca" -o /dev/null -o /dev/null \
        -o /dev/null -w '%{num_connects} ' "${urls[@]}")"
}

wrong_ca() { # curl's 60: the peer certificate cannot be authenticated
    "$vitrine" ca init --dir "$dir/other" >/dev/null
    local status=0
    curl -sS --max-time 20 --cacert "$dir/other/ca.pem" "https://$host/" || status=$?
    same "curl's exit status" 60 $status
}

wrong_name() {
    local status=0
    curl -sS --max-time 20 --cacert "$ca" --resolve "other.test:443:$ip" https://other.test/ || status=$?
    same "curl's exit status" 60 $status
}

by_address() { curl -sS --max-time 20 --cacert "$ca" -o /dev/null "https://$ip/"; }

closed_port() { # RST at once: curl's 7
    local status=0
    curl -sS --max-time 5 "http://$ip:81/" || status=$?
    same "curl's exit status" 7 $status
}

unreachable_port() { # ICMP port unreachable makes ECONNREFUSED of a UDP datagram
    python3 - <<'PY'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(("10.9.0.2", 9999))
s.send(b"x")
try:
    s.recv(1)
    raise SystemExit("an answer")
except ConnectionRefusedError:
    pass
PY
}

discard() { # RFC 863: takes all, says nothing
    head -c 1000000 /dev/zero | timeout 20 nc -N -w 10 $ip 9 >"$dir/discard"
    same "bytes back" 0 "$(stat -c %s "$dir/discard")"
}

gone() { until_true 10 no_connections; }

try "ping" pings 56
try "ping -s 1400" pings 1400
try "curl over TLS 1.3" story "TLS 1.3" --tlsv1.3
try "curl over TLS 1.2" story "TLS 1.2" --tls-max 1.2
try "curl over plain HTTP" story_plain
try "GET / as text" story_text
try "a file over TLS" same "file" "hello, world" "$(get /hello)"
try "AES-128-GCM" negotiated 's["tls"]["suite"]' TLS_AES_128_GCM_SHA256 --tls13-ciphers TLS_AES_128_GCM_SHA256
try "ChaCha20-Poly1305" negotiated 's["tls"]["suite"]' TLS_CHACHA20_POLY1305_SHA256 \
    --tls13-ciphers TLS_CHACHA20_POLY1305_SHA256
try "P-256" negotiated 's["tls"]["group"]' secp256r1 --curves P-256
try "P-384" negotiated 's["tls"]["group"]' secp384r1 --curves P-384
try "x25519 in TLS 1.2" negotiated 's["tls"]["group"]' x25519 --tls-max 1.2 --curves X25519:P-256
try "keep-alive: three requests on one connection" reused
try "a wrong CA is refused by curl" wrong_ca
try "a wrong name is refused by curl" wrong_name
try "the certificate is for the address as well" by_address
try "a closed port refuses at once" closed_port
try "a closed UDP port answers by ICMP" unreachable_port
try "discard" discard
try "no connection is left" gone
done_testing
