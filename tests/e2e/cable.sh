#!/usr/bin/env bash
# `vitrine wire`: two namespaces of the kernel joined by it, and Vitrine at one end of it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# The far end is a namespace of its own: t1 there, 10.8.0.2; t0 is here, 10.8.0.1.
unshare --net sleep infinity &
far=$!
there() { nsenter -t "$far" --net "$@"; }
ours() { [ "$(readlink "/proc/$far/ns/net")" = "$(readlink /proc/self/ns/net)" ]; }
while ours; do sleep 0.02; done

# quiet NAME COMMAND-PREFIX…: no IPv6 chatter, so that every frame is one of the test's
quiet() {
    local name=$1
    shift
    "$@" ip link set dev "$name" addrgenmode none txqueuelen 10000
    "$@" sh -c "[ ! -e /proc/sys/net/ipv6/conf/$name ] || echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6"
}

# cable OPTION…: lays one. Neighbours are known, so that there is no ARP to lose.
cable() {
    : >"$dir/cable" # the one before was ready too
    "$vitrine" wire --a t0 --b "t1@$far" --json "$@" >"$dir/cable" 2>&1 &
    cable_pid=$!
    until_true 10 grep -q ^ready "$dir/cable"
    quiet t0
    quiet t1 there
    ip link set dev t0 address 02:00:00:00:08:01
    there ip link set dev t1 address 02:00:00:00:08:02
    if [ -z "${bridged:-}" ]; then
        ip address add 10.8.0.1/24 dev t0
        there ip address add 10.8.0.2/24 dev t1
    fi
    ip link set dev t0 up
    there ip link set dev t1 up
    if [ -z "${bridged:-}" ]; then
        ip neigh replace 10.8.0.2 lladdr 02:00:00:00:08:02 dev t0
        there ip neigh replace 10.8.0.1 lladdr 02:00:00:00:08:01 dev t1
    fi
}
uncable() { # its report is $dir/report
    kill -INT "$cable_pid"
    wait "$cable_pid"
    same "exit status" 0 $?
    tail -n 1 "$dir/cable" >"$dir/report"
}
report() { json "$dir/report" "$1"; }
check() { # EXPRESSION of the report `s` that must be true
    [ "$(report "$1")" = True ] || fail "not so: $1 in $(cat "$dir/report")"
}

round_trip() { # never less than twice the delay, and for half of 40 little more, however busy the machine
    cable --delay 15ms
    ping -n -c 40 -i 0.02 10.8.0.2 >"$dir/ping"
    uncable
    sed -n 's/.*time=\([0-9.]*\) ms/\1/p' "$dir/ping" | sort -n >"$dir/times"
    same "answers" 40 "$(wc -l <"$dir/times")"
    awk 'NR == 1 && $1 < 30 { print "shortest " $1 " ms"; exit 1 }
         NR == 20 && $1 > 35 { print "median " $1 " ms"; exit 1 }' "$dir/times"
}

lose() { # SEED: 400 requests; the report
    cable --loss 10% --seed "$1"
    ping -n -q -c 400 -i 0.002 -W 1 10.8.0.2 >"$dir/ping" || true
    uncable
}
loss() { # 40 of 400 are lost each way, 5 standard deviations of 6 more or less; the same with the same seed
    lose 7
    check 's["ab"]["frames_in"] == 400'
    check '10 <= s["ab"]["lost"] <= 70'
    check 's["ba"]["frames_in"] == 400 - s["ab"]["lost"]'
    contains "$dir/ping" " $(report 's["ba"]["frames_out"]') received"
    local first other
    first=$(report '[s["ab"]["lost"], s["ba"]["lost"]]')
    lose 7
    same "with the same seed" "$first" "$(report '[s["ab"]["lost"], s["ba"]["lost"]]')"
    lose 8
    other=$(report '[s["ab"]["lost"], s["ba"]["lost"]]')
    [ "$other" != "$first" ] || fail "another seed, and the same losses: $other"
}

# pour BYTES CABLE-OPTION…: from here to there, intact, by the kernels' TCP
pour() {
    local size=$1
    shift
    cable "$@"
    head -c "$size" /dev/urandom >"$dir/poured"
    there timeout 60 nc -l -N 10.8.0.2 5001 >"$dir/caught" </dev/null &
    local catcher=$!
    until_true 10 listening
    timeout 60 nc -N 10.8.0.2 5001 <"$dir/poured"
    wait $catcher
    uncable
    cmp "$dir/poured" "$dir/caught"
    check 's["ab"]["bytes_in"] >= '"$size"
}
listening() { there ss -Htln | grep -q :5001; }

whole() { # super-segments cross it whole when nothing needs single frames
    pour 50000000 --delay 100us
    check 's["ab"]["supers"] == 0 and s["ab"]["bytes_in"] / s["ab"]["frames_in"] > 3000'
}
apart() { # and are split, and joined again, where a rate does
    pour 20000000 --rate 400m --queue 1m
    check 's["ab"]["supers"] > 0 and s["ab"]["bytes_in"] / s["ab"]["frames_in"] < 1514'
    check '0 < s["ab"]["writes"] <= s["ab"]["frames_out"]'
    check '0 < s["ab"]["queue_most"] <= 1000000'
}
everything() { # at once, and the bytes arrive
    pour 500000 --rate 20m --queue 30k --ecn 10k --delay 1ms --jitter 1ms --reorder 2%,2ms --loss 1% \
        --burst-loss 0.2%,30% --corrupt 2% --duplicate 2% --seed 1
    check 's["ab"]["reordered"] > 0 and s["ab"]["corrupted"] > 0 and s["ab"]["lost"] > 0'
    check 's["ab"]["duplicated"] > 0'
}

marks() { # above the threshold of --ecn what asks for it is marked in place of lost, and the kernels slow down for that
    local old
    old=$(cat /proc/sys/net/ipv4/tcp_ecn)
    echo 1 >/proc/sys/net/ipv4/tcp_ecn
    pour 5000000 --rate 50m --queue 400k --ecn 20k --delay 2ms
    echo "$old" >/proc/sys/net/ipv4/tcp_ecn
    check 's["ab"]["marked"] > 10 and s["ab"]["queue_full"] == 0 and s["ba"]["marked"] == 0'
}

narrow() { # packets above --mtu are lost, and nobody is told; --for ends it by itself
    cable --mtu 1000 --for 4
    ping -n -q -c 5 -i 0.05 -W 1 -s 1200 10.8.0.2 >"$dir/ping" || true
    contains "$dir/ping" " 0 received"
    ping -n -q -c 5 -i 0.05 -W 1 -s 500 10.8.0.2 >"$dir/ping"
    contains "$dir/ping" " 5 received"
    wait "$cable_pid"
    same "exit status" 0 $?
    tail -n 1 "$dir/cable" >"$dir/report"
    check 's["ab"]["too_big"] >= 5 and s["ab"]["frames_out"] == 5 and 4 <= s["seconds"] < 10' # ping repeats what is not answered
}

single() { # tshark: what comes out of --single-frames has right checksums and no frame above the MTU
    local seen
    : >"$dir/tcpdump.log"
    cable --single-frames
    nsenter -t "$far" --net tcpdump -Z root -n -i t1 -s 2000 --immediate-mode -w "$dir/single.pcap" tcp 2>"$dir/tcpdump.log" &
    local dump=$!
    until_true 10 grep -q 'listening on' "$dir/tcpdump.log"
    head -c 1000000 /dev/urandom >"$dir/poured"
    there timeout 30 nc -l -N 10.8.0.2 5001 >"$dir/caught" </dev/null &
    local catcher=$!
    until_true 10 listening
    timeout 30 nc -N 10.8.0.2 5001 <"$dir/poured"
    wait $catcher
    sleep 0.5
    kill -TERM $dump
    wait $dump || true
    uncable
    cmp "$dir/poured" "$dir/caught"
    seen=$(from_here "frame")
    [ "$seen" -gt 600 ] || fail "only $seen frames"
    wrong_sums # what tshark says of them, should there be any
    same "right checksums" "$seen" "$(from_here "tcp.checksum.status == 1 && ip.checksum.status == 1")"
    same "above the MTU" 0 "$(from_here "frame.len > 1514")"
}
from_here() { # FILTER: how many there are
    summed "$1" | wc -l
}
wrong_sums() { summed "!(tcp.checksum.status == 1 && ip.checksum.status == 1)" -V -x | grep -v '^ *$' || true; }
summed() { # FILTER OPTION…
    decode -r "$dir/single.pcap" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
        -Y "ip.src == 10.8.0.1 && ($1)" "${@:2}"
}

# Vitrine at one end: a bridge joins its TAP with the cable's.
bridge() {
    mkdir "$dir/root"
    make_file some 300000
    serve --root "$dir/root"
    ip address flush dev vt0
    ip link add br0 type bridge
    ip link set dev br0 addrgenmode none up
    ip link set dev vt0 master br0
    bridged=1
}
over() { # a name is curl's to resolve, so the far end needs none
    there curl -sS --max-time 90 --cacert "$ca" --resolve "$host:443:$ip" "https://$host$1" "${@:2}"
}
lossy() { # a page over TLS, and a file up and back, through 20 % loss both ways
    cable --loss 20% --delay 1ms --seed 3
    ip link set dev t0 master br0
    there ip address add 10.9.0.9/24 dev t1
    over / -H 'Accept: application/json' -o "$dir/story"
    same "TLS" '"TLS 1.3"' "$(json "$dir/story" 'json.dumps(s["tls"]["version"])')"
    over /echo -X POST -T "$dir/root/some" -o "$dir/back"
    cmp "$dir/root/some" "$dir/back"
    uncable
    check 's["ab"]["lost"] > 20 and s["ba"]["lost"] > 20'
}

try "ping takes twice the delay" round_trip
try "loss: within its bounds, and the same from the same seed" loss
try "super-segments cross a faultless wire whole" whole
try "a rate splits them" apart
try "every fault at once" everything
try "a queue marks" marks
try "a narrow wire loses what is too large, for a time" narrow
try "tshark: single frames with right checksums" single
bridge
try "curl to Vitrine through 20 % loss both ways" lossy
end_serve
kill $far
done_testing
