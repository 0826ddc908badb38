#!/usr/bin/env bash
# KeyUpdate (RFC 8446 4.6.3) with openssl's client: it changes its keys, asks for ours to change, or the server begins, and what
# follows is read by both, and by tshark, which makes the next keys out of the first ones.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
unset SSLKEYLOGFILE
mkdir "$dir/root"
seq -f 'line-%06g' 1 20000 >"$dir/root/lines"
mkfifo "$dir/input"

said() { # COUNT REGEX: so often in what the client printed
    [ "$(grep -cE -- "$2" "$dir/client")" = "$1" ]
}
ask() { # N: the N-th request, which openssl must not take for a command
    printf 'GET /lines HTTP/1.1\r\nHost: %s\r\n\r\n' $host >&3
    until_true 20 said "$1" '^line-020000'
}
change() { # K | k
    printf '%s\n' "$1" >&3
    updates=$((updates + 1))
    until_true 10 said "$updates" '^KEYUPDATE'
}
talk() { # a request after each change: of the client's keys, of both, twice, and of the client's again
    timeout 60 openssl s_client -connect $ip:443 -servername $host -CAfile "$ca" -tls1_3 "$@" \
        <"$dir/input" >"$dir/client" 2>&1 &
    exec 3>"$dir/input"
    updates=0
    ask 1
    change k
    ask 2
    change K
    ask 3
    change K
    ask 4
    change k
    ask 5
    printf 'Q\n' >&3
    exec 3>&-
    wait $!
    same "lines that did not come five times" "" \
        "$(grep '^line-' "$dir/client" | sort | uniq -c | awk '$1 != 5' | head -3)"
    same "lines" 20000 "$(grep '^line-' "$dir/client" | sort -u | wc -l)"
}


rows() { decode -r "$1" -Y "$2" -T fields -E occurrence=a -E aggregator=' ' "${@:3}"; } # FILE FILTER -e FIELD… [-o OPTION]
opened() { # FILE [-o OPTION]: tshark follows both directions through all changes
    same "the client's KeyUpdates" "0 1 1 0" \
        "$(rows "$1" "tls.handshake.type == 24 && ip.dst == $ip" -e tls.handshake.key_update.request_update "${@:2}" |
            tr '\n' ' ' | sed 's/ $//')"
    same "ours" "0 0" \
        "$(rows "$1" "tls.handshake.type == 24 && ip.src == $ip" -e tls.handshake.key_update.request_update "${@:2}" |
            tr '\n' ' ' | sed 's/ $//')"
    same "requests" "/lines /lines /lines /lines /lines" \
        "$(rows "$1" http.request -e http.request.uri "${@:2}" | tr '\n' ' ' | sed 's/ $//')"
    same "answers, whole" "240000 240000 240000 240000 240000" \
        "$(rows "$1" http.response -e http.content_length "${@:2}" | tr '\n' ' ' | sed 's/ $//')"
}
told() { # by the lens, in this order; and the only alerts are close_notify
    python3 - "$dir/events" <<'END'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
told = ["out" if e["outgoing"] else "in" for e in events if e["event"] == "tls_message" and e["type"] == 24]
want = ["in", "in", "out", "in", "out", "in"]
assert told == want, told
assert not [e for e in events if e["event"] == "tls_alert" and e["description"] != 0]
END
}

read_on() { # three requests, and nothing said of keys
    timeout 60 openssl s_client -connect $ip:443 -servername $host -CAfile "$ca" -tls1_3 "$@" \
        <"$dir/input" >"$dir/client" 2>&1 &
    exec 3>"$dir/input"
    local n
    for n in 1 2 3; do ask $n; done
    printf 'Q\n' >&3
    exec 3>&-
    wait $!
    same "lines that did not come three times" "" \
        "$(grep '^line-' "$dir/client" | sort | uniq -c | awk '$1 != 3' | head -3)"
    same "lines" 20000 "$(grep '^line-' "$dir/client" | sort -u | wc -l)"
}
# FILE N [-o OPTION]: tshark opens all of a connection; N records of text lie between two of our KeyUpdates, none of which asks for
# the client's, and it makes none.
stretches() {
    same "answers, whole" "240000 240000 240000" \
        "$(rows "$1" http.response -e http.content_length "${@:3}" | tr '\n' ' ' | sed 's/ $//')"
    same "KeyUpdates of the client's" "" "$(rows "$1" "tls.handshake.type == 24 && ip.dst == $ip" -e frame.number "${@:3}")"
    same "whether ours ask for one" "0" \
        "$(rows "$1" "tls.handshake.type == 24" -e tls.handshake.key_update.request_update "${@:3}" | tr ' ' '\n' | sort -u)"
    rows "$1" "tls && ip.src == $ip" -e tls.record.content_type "${@:3}" | tr '\n' ' ' >"$dir/types"
    python3 - "$dir/types" "$2" <<'END'
import sys
types, most = open(sys.argv[1]).read().split(), int(sys.argv[2])
types = types[types.index("23"):] # from the first text on: what is none is a KeyUpdate, or the alert at the end
runs = [run.split().count("23") for run in " ".join(types).split("22")]
assert len(runs) > 4, runs
assert set(runs[1:-1]) == {most}, runs
assert runs[0] <= most and runs[-1] <= most, runs # tickets have gone under the first key
END
}

capture "$dir/capture.pcap"
serve --root "$dir/root" --keylog "$dir/keys" --events "$dir/events" --pcapng "$dir/run.pcapng"
try "openssl: keys change, both ways" talk
try "  and the client goes" until_true 15 no_connections
capture_end
try "  the lens tells of each change" told
try "  tshark opens what tcpdump saw with the key log" opened "$dir/capture.pcap" -o "tls.keylog_file:$dir/keys"
end_serve
try "  and what --pcapng wrote with nothing else" opened "$dir/run.pcapng"
capture "$dir/ours.pcap"
serve --root "$dir/root" --keylog "$dir/keys" --key-records 10
try "openssl: the server changes its keys" read_on
try "  with ChaCha20-Poly1305, which needs it less" read_on -ciphersuites TLS_CHACHA20_POLY1305_SHA256
try "  and the clients go" until_true 15 no_connections
capture_end
for port in $(decode -r "$dir/ours.pcap" -Y "tcp.flags.syn == 1 && tcp.flags.ack == 0" -T fields -e tcp.srcport); do
    tshark -r "$dir/ours.pcap" -Y "tcp.port == $port" -w "$dir/$port.pcap" 2>/dev/null
    try "  tshark follows it, a change after ten records each" stretches "$dir/$port.pcap" 10 -o "tls.keylog_file:$dir/keys"
done
end_serve
serve --root "$dir/root"
try "the same with ChaCha20-Poly1305" talk -ciphersuites TLS_CHACHA20_POLY1305_SHA256
try "the same with AES-256-GCM" talk -ciphersuites TLS_AES_256_GCM_SHA384
done_testing
