#!/usr/bin/env bash
# A TAP in a bridge: a port that has just got its carrier. The first frame of a program that begins there arrives.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ip link add br0 type bridge mcast_snooping 0
ip address add 10.8.0.1/24 dev br0
ip link set br0 up
ip tuntap add dev vb mode tap
ip link set vb master br0 up

python3 - >"$dir/server.out" 2>&1 <<'PY' &
import socket
with socket.create_server(("10.8.0.1", 7777)) as server:
    print("ready", flush=True)
    while True:
        c, _ = server.accept()
        c.sendall(b"hello")
        c.close()
PY
until_true 10 grep -q ready "$dir/server.out"

# It was a race: each time anew.
first_frames() {
    local i again=0
    for i in $(seq 60); do
        timeout 10 "$vitrine" nc --tap vb --address 10.8.0.11/24 --events "$dir/events" 10.8.0.1 7777 \
            </dev/null >"$dir/got" || fail "turn $i: nc ended with $?"
        same "turn $i" hello "$(cat "$dir/got")"
        ! grep '"event":"arp_out"' "$dir/events" | grep -q '"kind":"timer"' || again=$((again + 1))
    done
    same "turns in which an ARP request went twice" 0 $again
}

try "the first frame into a bridge is not lost" first_frames
done_testing
