#!/usr/bin/env bash
# TCP Fast Open (RFC 7413) with the kernel's TCP at the other end of a long cable, both ways. A round trip is 200 ms, so that
# whatever takes less than 400 ms has waited for one only, however busy the machine.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
far_ip=10.9.0.9
mkdir "$dir/root"
make_file small 600

# The far end is a namespace of its own; a bridge joins the TAP with the cable that leads there.
unshare --net sleep infinity &
far=$!
there() { nsenter -t "$far" --net "$@"; }
ours() { [ "$(readlink "/proc/$far/ns/net")" = "$(readlink /proc/self/ns/net)" ]; }
while ours; do sleep 0.02; done
lay() {
    "$vitrine" wire --a t0 --b "t1@$far" --delay 100ms >"$dir/cable" 2>&1 &
    until_true 10 grep -q ^ready "$dir/cable"
    ip address flush dev vt0
    ip link add br0 type bridge
    ip link set dev br0 addrgenmode none up
    for name in vt0 t0; do ip link set dev $name addrgenmode none master br0 up; done
    there ip link set dev t1 addrgenmode none up
    there ip address add $far_ip/24 dev t1
    there sysctl -q net.ipv4.tcp_fastopen=3
}

# ---- the kernel asks, Vitrine answers ----

# A ClientHello that goes into one segment: one with a share for ML-KEM, which newer libraries send, does not.
ask() { # SCHEME PORT FILE: what curl got in milliseconds until the first byte, by its own port
    there curl -sS --max-time 20 --tcp-fastopen --curves X25519 --local-port "$2" --cacert "$ca" --resolve "$host:80:$ip" \
        --resolve "$host:443:$ip" -w '%{time_starttransfer}\n' "$1://$host/small" -o "$3" >"$dir/time"
    same "content" "$(cat "$dir/small.sha")" "$(sha <"$3")"
    awk '{ printf "%d\n", $1 * 1000 }' "$dir/time"
}
kernel_client() {
    capture "$dir/server.pcap"
    ask http 41001 "$dir/got" >"$dir/first"
    ask http 41002 "$dir/got" >"$dir/second"
    ask https 41003 "$dir/got" >"$dir/tls"
    capture_end
}
story() { # the connection tells of itself before its handshake is over
    there curl -sS --max-time 20 --tcp-fastopen --resolve "$host:80:$ip" "http://$host/?json" >"$dir/story"
    same "state" SYN-RECEIVED "$(json "$dir/story" 's["tcp"]["state"]')"
    same "segments so far" 1 "$(json "$dir/story" 'len(s["tcp"]["handshake"])')"
    same "the request was in the SYN" True "$(json "$dir/story" 's["tcp"]["syn_bytes"] > 50 and s["tcp"]["took_ns"] is None')"
}
within() { # FILE MS
    [ "$(cat "$1")" -lt "$2" ] || fail "$(cat "$1") ms"
}
counted() { # SIDE: each outcome that there was, by the service's own count
    status '", ".join("%d %s" % (n, what) for what, n in s["tcp"]["totals"]["fast_open"]["'"$1"'"].items() if n)'
}
server_counts() { # the first came for a cookie, the other three have used it
    same "as the server" "1 cookie given, 3 accepted" "$(counted server)"
    same "as a client" "" "$(counted client)"
}
slow_then_fast() { # two round trips, and one
    [ "$(cat "$dir/first")" -ge 400 ] || fail "the first took $(cat "$dir/first") ms"
    within "$dir/second" 400
}
tls_on_top() { # the ClientHello is in the SYN: two round trips in place of three
    within "$dir/tls" 600
}
seen() { # FILE FILTER FIELD…: of what is sent again the first; that may be so while a TAP that was just opened is deaf
    decode -r "$1" -Y "($2) && !tcp.analysis.retransmission" -T fields -E separator=' ' "${@:3}"
}
syn='tcp.flags.syn == 1 && tcp.flags.ack == 0'
syn_ack='tcp.flags.syn == 1 && tcp.flags.ack == 1'
cookie_of() { seen "$1" "tcp.port == $2 && $3" -e tcp.options.tfo.cookie | head -n 1; }

server_on_the_wire() {
    local given len
    given=$(cookie_of "$dir/server.pcap" 41001 "$syn_ack")
    [[ $given =~ ^[0-9a-f]{16}$ ]] || fail "no cookie of 8 bytes: '$given'"
    same "bytes in the first SYN" 0 "$(seen "$dir/server.pcap" "tcp.port == 41001 && $syn" -e tcp.len)"
    same "the cookie comes back" "$given" "$(cookie_of "$dir/server.pcap" 41002 "$syn")"
    len=$(seen "$dir/server.pcap" "tcp.port == 41002 && $syn" -e tcp.len)
    [ "$len" -gt 50 ] || fail "$len bytes in the second SYN"
    # The SYN-ACK has all of them, and the answer has left before the client's next segment came.
    decode -r "$dir/server.pcap" -Y 'tcp.port == 41002' -T fields -E separator=' ' -e ip.src -e tcp.flags.syn -e tcp.len \
        -e tcp.ack -e tcp.seq >"$dir/segments"
    awk -v us=$ip -v n="$len" '
        NR == 1 { want = ($5 + 1 + n) % 4294967296; next }
        NR == 2 { if ($1 != us || $2 == 0 || $4 != want) { print "SYN-ACK: " $0 ", not of " want; exit 1 } next }
        $1 != us { exit !answered }
        $3 > 0 { answered = 1 }' "$dir/segments" || fail "$(head -n 5 "$dir/segments" | tr '\n' '~')"
}

# ---- Vitrine asks, the kernel answers ----

listen() { # PORT [tls]: answers each request in one piece
    there python3 - "$far_ip" "$1" "$dir" "${2:-}" 2>"$dir/listen.$1" <<'PYTHON' &
import socket, ssl, sys
address, port, where, tls = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = None
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(where + "/far.pem", where + "/far.key")
body = open(where + "/root/small", "rb").read()
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
s.bind((address, port))
s.listen(16)
print("listening", file=sys.stderr, flush=True)
while True:
    c, _ = s.accept()
    if context:
        c = context.wrap_socket(c, server_side=True)
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += c.recv(4096)
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    c.close()
PYTHON
    until_true 10 grep -q listening "$dir/listen.$1"
}
fetch() { # URL OPTION…
    "$vitrine" get --tap vt0 --fast-open "$dir/cookies" -o "$dir/got" "$@"
    same "content" "$(cat "$dir/small.sha")" "$(sha <"$dir/got")"
}
kernel_server() {
    listen 8001
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/far.key" -out "$dir/far.pem" \
        -subj /CN=far -addext subjectAltName=DNS:far 2>/dev/null
    listen 8443 tls
    capture "$dir/client.pcap"
    fetch "http://$far_ip:8001/"
    fetch "http://$far_ip:8001/"
    fetch -k "https://$far_ip:8443/"
    capture_end
}
first_data() { # PORT STREAM: milliseconds from the SYN to the first byte of the server
    decode -r "$dir/client.pcap" -Y "tcp.stream == $2 && tcp.srcport == $1 && tcp.len > 0" -T fields -e tcp.time_relative |
        awk 'NR == 1 { printf "%d\n", $1 * 1000 }'
}
client_on_the_wire() {
    local given len
    given=$(seen "$dir/client.pcap" "tcp.stream == 0 && $syn_ack" -e tcp.options.tfo.cookie)
    [[ $given =~ ^[0-9a-f]{16}$ ]] || fail "no cookie of the kernel's: '$given'"
    same "the request of the first SYN" "1 0" "$(seen "$dir/client.pcap" "tcp.stream == 0 && $syn" -e tcp.options.tfo.request -e tcp.len)"
    same "the cookie comes back" "$given" "$(seen "$dir/client.pcap" "tcp.stream == 1 && $syn" -e tcp.options.tfo.cookie)"
    len=$(seen "$dir/client.pcap" "tcp.stream == 1 && $syn" -e tcp.len)
    [ "$len" -gt 50 ] || fail "$len bytes in the second SYN"
    same "what the SYN-ACK acknowledges" $((($(seen "$dir/client.pcap" "tcp.stream == 1 && $syn" -e tcp.seq) + 1 + len) & 0xffffffff)) \
        "$(seen "$dir/client.pcap" "tcp.stream == 1 && $syn_ack" -e tcp.ack)"
    [ "$(first_data 8001 0)" -ge 400 ] || fail "the first answer took $(first_data 8001 0) ms"
    [ "$(first_data 8001 1)" -lt 400 ] || fail "the second answer took $(first_data 8001 1) ms"
    # TLS: its first flight is in the SYN, and the server's came with the SYN-ACK
    len=$(seen "$dir/client.pcap" "tcp.stream == 2 && $syn" -e tcp.len)
    [ "$len" -gt 100 ] || fail "$len bytes of TLS in the SYN"
    [ "$(first_data 8443 2)" -lt 400 ] || fail "the ServerHello took $(first_data 8443 2) ms"
}
gave_it_up() { # the cookie is no use any more: the request goes again behind the ACK, and the file forgets it
    there sysctl -q net.ipv4.tcp_fastopen=1
    contains "$dir/cookies" "^$ip $far_ip [0-9]+ [0-9a-f]{16}\$"
    same "who may read it" 600 "$(stat -c %a "$dir/cookies")"
    capture "$dir/off.pcap"
    fetch "http://$far_ip:8001/"
    capture_end
    same "SYNs" 1 "$(seen "$dir/off.pcap" "$syn && tcp.len > 50" -e tcp.len | wc -l)"
    same "cookies left" 0 "$(wc -l <"$dir/cookies")"
}
netcat() { # what stands in the input goes with the SYN
    there sysctl -q net.ipv4.tcp_fastopen=3
    capture "$dir/nc.pcap"
    for _ in 1 2; do
        printf 'GET / HTTP/1.1\r\n\r\n' >"$dir/request"
        "$vitrine" nc --tap vt0 --fast-open "$dir/nc-cookies" $far_ip 8001 <"$dir/request" >"$dir/got"
        contains "$dir/got" '^HTTP/1.1 200'
    done
    capture_end
    same "bytes in the SYNs" "0 18" "$(seen "$dir/nc.pcap" "$syn" -e tcp.len | tr '\n' ' ' | sed 's/ $//')"
}

serve --root "$dir/root" --fast-open
lay
try "curl --tcp-fastopen three times" kernel_client
try "the first answer takes two round trips, the second one" slow_then_fast
try "with TLS on top two" tls_on_top
try "tshark: a cookie, then a request in the SYN, answered before the handshake is over" server_on_the_wire
try "its own story: one segment so far" story
try "its own count of them" server_counts
end_serve
try "vitrine get --fast-open three times" kernel_server
try "tshark: a cookie, then a request in the SYN; the answer comes with the SYN-ACK" client_on_the_wire
try "a server that has given it up" gave_it_up
try "vitrine nc --fast-open" netcat
kill $far
done_testing
