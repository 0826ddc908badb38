#!/usr/bin/env bash
# Several hosts behind one address, each with a thread and a queue of the TAP (a lab with --queues).
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file big 20000000
serve --root "$dir/root" --msl 1 --threads 3

of_each() { # EXPRESSION: of the status of each thread, in one line
    rm -f "$dir/status"*
    kill -USR1 "$serve_pid"
    until_true 5 eval "[ -s '$dir/status' ] && [ -s '$dir/status-2' ] && [ -s '$dir/status-3' ]" >&2
    for f in "$dir/status" "$dir/status-2" "$dir/status-3"; do json "$f" "$1"; done | tr '\n' ' '
}

downloads() { # 24 connections at once, each its own
    local i
    for i in $(seq 24); do
        curl -sS --max-time 60 --cacert "$ca" -o "$dir/out$i" "https://$host/big" &
    done
    wait $(jobs -p | grep -v "^$serve_pid\$")
    for i in $(seq 24); do
        same "download $i" "$(cat "$dir/big.sha")" "$(sha <"$dir/out$i")" && rm "$dir/out$i" || return 1
    done
}

# Of 24 connections and more it would be a miracle if one thread had none: less than one in ten thousand.
all_took_part() {
    local each
    each=$(of_each 's["tcp"]["totals"]["established"]')
    echo "   # connections of each: $each"
    [[ " $each" != *" 0 "* ]] || fail "one had none: $each"
}

# Both ways of one connection come to one queue: a stray segment would be answered by a reset.
nothing_strays() {
    same "resets" "0 0 0 " "$(of_each 's["tcp"]["totals"]["resets_out"]')"
}

resumes() { # a ticket of one thread is good with all
    local i
    printf 'GET /threads HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$host" | timeout 10 openssl s_client \
        -connect "$host:443" -CAfile "$ca" -sess_out "$dir/session" -ign_eof >"$dir/first" 2>&1 || :
    [ -s "$dir/session" ] || fail "no session was saved" || return 1
    for i in $(seq 12); do
        openssl s_client -connect "$host:443" -CAfile "$ca" -sess_in "$dir/session" </dev/null >"$dir/again" 2>&1
        grep -q '^Reused, TLSv1.3' "$dir/again" || fail "connection $i did not resume" || return 1
    done
}

pings() { # SIZE: one answer for each
    ping -c 5 -i 0.2 -W 2 -s "$1" $ip >"$dir/ping" || fail "$(tail -n 3 "$dir/ping")" || return 1
    contains "$dir/ping" '5 packets transmitted, 5 received, 0% packet loss'
    ! grep -q DUP "$dir/ping" || fail "answered twice"
}

asks_again() { # ARP: one answer, and all know the neighbour anew
    ip neigh flush dev vt0
    capture "$dir/arp.pcap"
    get /big | sha >/dev/null
    capture_end
    same "answers" 1 "$(decode -r "$dir/arp.pcap" -Y "arp.opcode == 2 && arp.src.proto_ipv4 == $ip" | wc -l)"
}

asleep() { ! cat "/proc/$serve_pid/task/"*/status | grep -q '^State:[[:space:]]*R'; }

refused() { # ARGUMENT…: what has no meaning for several hosts
    ! "$vitrine" serve --tap vt0 --threads 2 "$@" >"$dir/refused" 2>&1
    contains "$dir/refused" 'goes with --threads 1'
}

try "24 downloads over TLS at once, the hashes match" downloads
try "each thread had some of them" all_took_part
try "no segment came to a thread that does not know its connection" nothing_strays
try "a ticket is good with every thread" resumes
try "ping has one answer each" pings 56
try "in fragments, too" pings 5000
try "an ARP request has one answer" asks_again
try "a recording is of one host" refused --record "$dir/tape"
end_serve
serve --root "$dir/root" --msl 1 --threads 3 --busy-poll
try "24 downloads with --busy-poll" downloads
try "after which all threads sleep" until_true 20 asleep
end_serve
try "a TAP with one queue is refused" eval '
    ip tuntap add dev one mode tap && ! "$vitrine" serve --tap one --threads 2 >"$dir/one" 2>&1 && contains "$dir/one" "multi_queue"'
done_testing
