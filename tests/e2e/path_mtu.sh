#!/usr/bin/env bash
# Path MTU discovery through a real router: the kernel forwards between the TAP and a network behind it that takes
# smaller packets, and says so (RFC 1191), or says nothing (RFC 4821).
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir -p "$dir/root"
# Text: in random bytes tshark's dissectors find something of theirs now and then, and seem not to come to an end with it.
seq 6000000 | head -c 40000000 >"$dir/root/file"
sha <"$dir/root/file" >"$dir/file.sha"

# The far end is a namespace of its own: r1 there, 10.8.0.2 and more; r0 is here, 10.8.0.1. r1 keeps 1500, so the
# clients' MSS says nothing of what r0 takes.
unshare --net sleep infinity &
far=$!
there() { nsenter -t "$far" --net "$@"; }
ours() { [ "$(readlink "/proc/$far/ns/net")" = "$(readlink /proc/self/ns/net)" ]; }
while ours; do sleep 0.02; done
ip link add r0 type veth peer name r1
ip link set r1 netns "$far"
ip address add 10.8.0.1/24 dev r0
for n in 2 3 4 5 6; do there ip address add "10.8.0.$n/24" dev r1; done
ip link set r0 up
there ip link set r1 up
there ip route add default via 10.8.0.1
there sysctl -q net.ipv4.tcp_rmem='4096 32768 65536' # little waits there of what the router has let pass
sysctl -q net.ipv4.ip_forward=1
sysctl -q net.ipv4.conf.all.rp_filter=0

takes() { ip link set r0 mtu "$1"; } # BYTES of IP packet: the network behind the router
silent() { ip rule add pref 1 iif lo ipproto icmp blackhole; } # the router's own messages are lost
speaks() { ip rule del pref 1; }

# fetch CLIENT: the file, by a client of the far network that takes about 8 MB/s
fetch() {
    there curl -sS --max-time 60 --interface "10.8.0.$1" --limit-rate 8M "http://$ip/file" -o "$dir/got"
    same "content" "$(cat "$dir/file.sha")" "$(sha <"$dir/got")"
}
fetched() { # CLIENT
    watch
    fetch "$1"
    watched
}
got_bytes() { [ "$(stat -c %s "$dir/got" 2>/dev/null || echo 0)" -ge "$1" ]; }

# watch … watched: $dir/data has a line for each packet with data of the service, as tshark reads it: its number, when, and
# its size; $dir/told one for each message of the router: its number, and the MTU that it tells.
watch() { capture "$dir/cap"; }
watched() {
    capture_end
    decode --disable-protocol http -o tcp.analyze_sequence_numbers:FALSE -r "$dir/cap" -T fields -E separator=, \
        -E occurrence=f -e frame.number -e frame.time_relative -e ip.src -e ip.len -e tcp.len -e icmp.type \
        -e icmp.code -e icmp.mtu >"$dir/read"
    awk -F , -v ip="$ip" '$3 == ip && $5 > 0 { print $1, $2, $4 }' "$dir/read" >"$dir/data"
    awk -F , -v ip="$kernel" '$3 == ip && $6 == 3 && $7 == 4 { print $1, $8 }' "$dir/read" >"$dir/told"
}
told() { cut -d ' ' -f 2 "$dir/told" | sort -u | xargs; }
# sizes [BEFORE]: of the packets with data; of those before that number
sizes() { awk -v before="${1:-1000000}" '$1 < before { print $3 }' "$dir/data"; }
largest() { sort -n | tail -n 1; }
settled() { # LEAST MOST: the size of most of the last thousand packets
    between "$1" "$2" "$(sizes | tail -n 1000 | sort -n | uniq -c | sort -n | awk 'END { print $2 }')"
}
between() { [ "$3" -ge "$1" ] && [ "$3" -le "$2" ] || fail "$3 is not between $1 and $2"; }
# Milliseconds, the longest time in which the service sent no data.
silence() {
    awk 'NR > 1 && $2 - last > most { most = $2 - last } { last = $2 } END { printf "%d\n", most * 1000 }' "$dir/data"
}
# A black hole shows by three timeouts in a row (RFC 4821 7.7), after 200, 400 and 800 ms of silence at the least.
black_hole() { [ "$(silence)" -ge 790 ]; }

path() { # CLIENT: the MTU of a fresh connection of its, as it tells itself
    there curl -sS --max-time 20 --interface "10.8.0.$1" "http://$ip/?json" >"$dir/story"
    json "$dir/story" 's["tcp"]["mtu"]'
}

narrow() { # what was sent at first is too large, and is told at once
    takes 1400
    fetched 2
    same "what the router says" 1400 "$(told)"
    same "the first packet" 1500 "$(sizes | head -n 1)"
    between 1 10 "$(sizes | grep -c 1500)" # the first flight (RFC 6928), and not again
    settled 1400 1400
    ! black_hole
}
known() { # the next connection to there begins with what the last one was told
    fetched 2
    same "what the router says" "" "$(told)"
    same "the largest" 1400 "$(sizes | largest)"
    same "of the next" 1400 "$(path 2)"
}
narrower() { # twice in one transfer; progress has it believed only when a segment times out (RFC 5927 7.2)
    takes 1500
    watch
    rm -f "$dir/got"
    fetch 3 &
    local fetching=$!
    until_true 20 got_bytes 2000000
    takes 1400
    until_true 20 got_bytes 6000000
    takes 1280
    wait $fetching
    watched
    same "what the router says" "1280 1400" "$(told)"
    same "the largest before the first message" 1500 "$(sizes "$(head -n 1 "$dir/told" | cut -d ' ' -f 1)" | largest)"
    between 1000 20000 "$(sizes | grep -c 1400)"
    settled 1280 1280
    ! black_hole
}

hole() { # CLIENT BYTES: the size is found by probes, to within eight bytes (PLPMTU_PRECISION)
    takes "$2"
    fetched "$1"
    same "what the router says" "" "$(told)"
    settled $(($2 - 7)) "$2"
    black_hole
}
found() { # CLIENT BYTES
    between $(($2 - 7)) "$2" "$(path "$1")"
}

serve --root "$dir/root" --gateway "$kernel"
try "the router's word is heeded at once" narrow
try "the next connection knows" known
try "a path that becomes narrower, twice in one transfer" narrower
try "the router's messages are lost" silent
try "a black hole is found, and what the path takes" hole 4 1400
try "the next connection knows that as well" found 4 1400
try "and one of 1280 bytes" hole 5 1280
try "the router speaks again" speaks
end_serve
done_testing
