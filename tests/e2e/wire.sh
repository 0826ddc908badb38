#!/usr/bin/env bash
# What is on the wire, as tcpdump writes it and tshark reads it: neither knows anything of our code.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file big 3000000
serve --root "$dir/root" --keylog "$dir/keys"

traffic() { # every case below looks at this capture
    capture "$dir/wire.pcap"
    get /?json --local-port 45013 --tlsv1.3 >"$dir/story13"
    get /?json --local-port 45012 --tls-max 1.2 >"$dir/story12"
    plain /?json --local-port 45080 >"$dir/story80"
    get /big -o "$dir/big"
    same "hash" "$(cat "$dir/big.sha")" "$(sha <"$dir/big")"
    plain /echo -X POST -T "$dir/root/big" -o "$dir/big"
    same "hash" "$(cat "$dir/big.sha")" "$(sha <"$dir/big")"
    ping -c 2 -i 0.2 -s 1400 $ip
    python3 "$peer" garbage 443
    curl -sS --max-time 5 http://$ip:81/ || true
    capture_end
}

handshake() { # PORT STORY: SYN, SYN-ACK and ACK carry the numbers that GET / reported
    local client server
    client=$(json "$2" 's["tcp"]["client_isn"]')
    server=$(json "$2" 's["tcp"]["server_isn"]')
    decode -r "$dir/wire.pcap" -Y "tcp.port == $1" -T fields -e ip.src -e tcp.flags -e tcp.seq -e tcp.ack |
        head -n 3 >"$dir/three"
    printf '%s\n' "$kernel 0x0002 $client 0" "$ip 0x0012 $server $((client + 1 & 0xffffffff))" \
        "$kernel 0x0010 $((client + 1 & 0xffffffff)) $((server + 1 & 0xffffffff))" | tr ' ' '\t' >"$dir/expected"
    diff "$dir/expected" "$dir/three"
}

options() { # of our SYN-ACK
    decode -r "$dir/wire.pcap" -Y "ip.src == $ip && tcp.flags == 0x0012 && tcp.port == 45013" -T fields \
        -e tcp.options.mss_val -e tcp.options.wscale.shift -e tcp.options.sack_perm -e tcp.options.timestamp.tsecr \
        >"$dir/syn-ack"
    grep -qE '^1460	[0-9]+	[^	]+	[0-9]+$' "$dir/syn-ack" || fail "options of the SYN-ACK: $(cat "$dir/syn-ack")"
    same "window scale" "$(json "$dir/story13" 's["tcp"]["rcv_wscale"]')" "$(cut -f 2 "$dir/syn-ack")"
}

count() { # FILTER: frames of ours
    decode -r "$dir/wire.pcap" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -Y "ip.src == $ip && ($1)" | wc -l
}

checksums() { # the kernel's may be unfinished on a TAP; ours may not
    local all
    all=$(count "tcp")
    [ "$all" -gt 1000 ] || fail "only $all segments of ours in the capture"
    same "good TCP checksums" "$all" "$(count "tcp.checksum.status == 1")"
    same "bad IP checksums" 0 "$(count "ip.checksum.status != 1")"
    same "good ICMP checksums" "$(count icmp)" "$(count "icmp.checksum.status == 1")"
    same "malformed" 0 "$(count "_ws.malformed")"
}

sizes() {
    same "frames above MTU + 14" 0 "$(count "frame.len > 1514")"
    [ "$(count "frame.len == 1514")" -gt 500 ] || fail "few full frames: $(count "frame.len == 1514")"
}

# On a wire that loses nothing, what is sent twice only asks after a peer that is silent: the last segment, after two
# round trips (RFC 8985 7.2, 7.3), or any after the least timeout of 200 ms. How long a busy machine lets its programs
# wait is not ours to say; but nothing is sent twice because of an ACK.
no_trouble() {
    decode -r "$dir/wire.pcap" -Y "ip.dst == $ip && tcp.analysis.ack_rtt" -T fields -e tcp.stream -e tcp.analysis.ack_rtt \
        >"$dir/round-trips"
    [ "$(wc -l <"$dir/round-trips")" -gt 100 ] || fail "only $(wc -l <"$dir/round-trips") round trips"
    decode -r "$dir/wire.pcap" -o tcp.relative_sequence_numbers:TRUE -Y tcp -T fields -E separator=' ' -e tcp.stream \
        -e frame.number -e frame.time_relative -e ip.src -e tcp.nxtseq -e tcp.analysis.retransmission >"$dir/segments"
    same "sent twice" "" "$(awk -v our=$ip '
        FILENAME ~ "round-trips" { if (!($1 in rtt) || $2 < rtt[$1]) rtt[$1] = $2; next }
        $4 == our && NF == 6 { silent = $3 - heard[$1]
            if (silent < ($5 == last[$1] ? 2 * rtt[$1] : 0.2)) print "frame", $2, "after", silent, "s" }
        { heard[$1] = $3 }
        $4 == our && $5 > last[$1] { last[$1] = $5 }
        ' "$dir/round-trips" "$dir/segments")"
    same "fast retransmissions" 0 "$(count "tcp.analysis.fast_retransmission")"
    same "segments lost" 0 "$(count "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment")"
}

decrypted() { # PORT: with our key log tshark reads the request and the answer's status
    local keys=(-o "tls.keylog_file:$dir/keys")
    same "request" "/?json" "$(http_field "$1" http.request http.request.uri "${keys[@]}")"
    same "status" 200 "$(http_field "$1" http.response http.response.code "${keys[@]}")"
    same "without the keys" "" "$(http_field "$1" http http.request.uri)"
}
http_field() { # PORT FILTER FIELD OPTION…
    decode -r "$dir/wire.pcap" -Y "tcp.port == $1 && $2" -T fields -e "$3" "${@:4}"
}

version() { # PORT NUMBER: the version that the ServerHello chose, as tshark reads it
    local seen
    seen=$(decode -r "$dir/wire.pcap" -Y "tcp.port == $1 && tls.handshake.type == 2" -T fields \
        -e tls.handshake.extensions.supported_version -e tls.handshake.version | tr '\t' ' ')
    case "$seen" in *"$2"*) ;; *) fail "version $2: tshark says $seen" ;; esac
}

certificate_hidden() { # in the clear in TLS 1.2, encrypted in TLS 1.3
    same "TLS 1.2" 1 "$(decode -r "$dir/wire.pcap" -Y 'tcp.port == 45012 && tls.handshake.type == 11' | wc -l)"
    same "TLS 1.3" 0 "$(decode -r "$dir/wire.pcap" -Y 'tcp.port == 45013 && tls.handshake.type == 11' | wc -l)"
}

environment() { # SSLKEYLOGFILE is honoured
    get / -o /dev/null
    same "lines" "CLIENT_HANDSHAKE_TRAFFIC_SECRET CLIENT_TRAFFIC_SECRET_0 SERVER_HANDSHAKE_TRAFFIC_SECRET SERVER_TRAFFIC_SECRET_0" \
        "$(cut -d ' ' -f 1 "$dir/keys2" | sort | tr '\n' ' ' | sed 's/ $//')"
    same "mode" 600 "$(stat -c %a "$dir/keys2")"
}

try "traffic of every kind, captured" traffic
try "tshark: SYN, SYN-ACK, ACK have the ISNs of GET / (TLS 1.3)" handshake 45013 "$dir/story13"
try "tshark: SYN, SYN-ACK, ACK have the ISNs of GET / (TLS 1.2)" handshake 45012 "$dir/story12"
try "tshark: SYN, SYN-ACK, ACK have the ISNs of GET / (plain)" handshake 45080 "$dir/story80"
try "tshark: options of the SYN-ACK" options
try "tshark: all our checksums are right" checksums
try "tshark: no frame is larger than the MTU" sizes
try "tshark: nothing is sent twice but to a silent peer" no_trouble
try "tshark decrypts the request (TLS 1.3)" decrypted 45013
try "tshark decrypts the request (TLS 1.2)" decrypted 45012
try "tshark: TLS 1.3 was chosen" version 45013 0x0304
try "tshark: TLS 1.2 was chosen" version 45012 0x0303
try "tshark: the certificate is hidden in TLS 1.3 only" certificate_hidden
end_serve
SSLKEYLOGFILE=$dir/keys2 serve
try "SSLKEYLOGFILE is honoured" environment
done_testing
