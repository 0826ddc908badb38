#!/usr/bin/env bash
# SYN cookies (RFC 4987) against the kernel's TCP: what they keep, what they cannot without timestamps, and a flood.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir -p "$dir/root"
make_file file 3000000

fetch() { # FROM curl's own port on, so that the capture tells which SYN is whose
    plain /file --local-port 40000-40099 -o "$dir/got"
    same "content" "$(cat "$dir/file.sha")" "$(sha <"$dir/got")"
}
handshake() { # FILTER FIELD…: of the handshake of those ports
    decode -r "$dir/cap" -Y "tcp.port >= 40000 && tcp.port < 40100 && $1" -T fields -E separator=' ' "${@:2}" | head -n 1
}
syn='tcp.flags.syn == 1 && tcp.flags.ack == 0'
syn_ack='tcp.flags.syn == 1 && tcp.flags.ack == 1'

observed() { # a download, as tcpdump saw it
    capture "$dir/cap"
    fetch
    capture_end
}

# The low six bits of TSval are the client's shift and 32 for SACK, the low three of the ISN name 1460 bytes.
says_the_options() {
    local shift bits
    shift=$(handshake "$syn" -e tcp.options.wscale.shift)
    bits=$(handshake "$syn_ack" -e tcp.options.timestamp.tsval)
    same "TSval's bits" $((shift + 32)) $((bits & 63))
    same "ISN's bits" 6 $(($(handshake "$syn_ack" -e tcp.seq) & 7))
    same "SYN-ACKs with scale and SACK" 1 \
        "$(handshake "$syn_ack && tcp.options.wscale.shift && tcp.options.sack_perm" -e tcp.len | wc -l)"
}
says_nothing() {
    same "options" 4 $(($(handshake "$syn_ack" -e tcp.hdr_len) - 20)) # the MSS and no other
}

flood() { # from addresses that are not there; the backlog of the service is 512
    python3 - "$ip" <<'PYTHON'
import socket, struct, sys
def total(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    s = (s & 0xffff) + (s >> 16)
    return ~(s + (s >> 16)) & 0xffff
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
dst = socket.inet_aton(sys.argv[1])
for i in range(3000):
    src = socket.inet_aton("198.51.100.%d" % (1 + i % 250))
    tcp = struct.pack("!HHIIBBHHH", 1024 + i, 80, i * 7919, 0, 0x50, 2, 65535, 0, 0)
    check = total(src + dst + struct.pack("!HH", 6, 20) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + src + dst
    raw.sendto(ip + tcp, (sys.argv[1], 0))
PYTHON
}
bounded() { same "connections" 512 "$(status 's["tcp"]["connections"]')"; }

serve --root "$dir/root" --tcp syn_cookies=always
try "a download whose handshake was a cookie" observed
try "the SYN-ACK tells the client's options, as tshark reads it" says_the_options
sysctl -q net.ipv4.tcp_timestamps=0
try "and one without timestamps" observed
try "its SYN-ACK agrees to nothing but the size of segments" says_nothing
sysctl -q net.ipv4.tcp_timestamps=1
end_serve

serve --root "$dir/root"
try "3000 SYNs from nowhere" flood
try "no more of them are kept than the backlog" bounded
try "a client gets in during the flood" observed
try "by a cookie that tells its options" says_the_options
end_serve
done_testing
