#!/usr/bin/env bash
# Clients that vanish without a word. Their connections end by timeout, and the service goes on.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file big 100000000
serve --root "$dir/root" --user-timeout 5 --idle-timeout 2 --events "$dir/events"
gone=10.9.0.77

appear() { ip address add $gone/24 dev vt0; }
vanish() { ip address del $gone/24 dev vt0; } # the kernel neither answers for it nor resets

ended_by() { # REASON: the latest connection's end, from the event list
    kill -USR1 "$serve_pid" # writes the events out
    grep -h '"event":"tcp_closed"' "$dir/events" | tail -n 1 | grep -q "\"reason\":\"$1\""
}

in_a_download() {
    local client
    appear
    curl -sS --interface $gone --limit-rate 100k --max-time 60 --cacert "$ca" "https://$host/big" -o /dev/null &
    client=$!
    until_true 10 downloading
    vanish
    until_true 30 no_connections
    kill -KILL $client 2>/dev/null || true
    ended_by "peer stopped answering" || fail "it did not end by timeout"
}
downloading() { [ "$(status 's["tcp"]["totals"]["bytes_out"]')" -gt 200000 ]; }

when_idle() { # after its handshake; the service's idle timeout ends it, and nobody answers the FIN
    local client
    appear
    # shellcheck disable=SC2016
    timeout 60 nc -s $gone $ip 80 < <(sleep 50) &
    client=$!
    until_true 10 one_established
    vanish
    until_true 30 no_connections
    kill -KILL $client 2>/dev/null || true
}
one_established() { [ "$(status 's["tcp"]["by_state"]["ESTABLISHED"]')" = 1 ]; }

stopped() { # a client that is alive but never reads: its kernel answers our probes, its window is shut
    local client
    curl -sS --limit-rate 1000 --max-time 60 "http://$host/big" -o /dev/null &
    client=$!
    until_true 10 one_established
    kill -STOP $client
    sleep 8 # longer than --user-timeout: one whose kernel answers is not given up by TCP
    same "connections" 1 "$(status 's["tcp"]["connections"]')"
    kill -CONT $client
    kill -KILL $client
    until_true 10 no_connections
}

half_open_gone() { # its SYN-ACK came again, nobody answered, the block is gone
    python3 "$peer" half-open 80
    until_true 15 no_connections
    ended_by "peer stopped answering" || fail "it did not end by timeout"
}

fine() { same "answer" 200 "$(get / -o /dev/null -w '%{http_code}')"; }

# --tcp keepalive: an idle client is asked every second, as the wire has it, and one that is gone is found out.
idle_client() { # its address, and a port of the service
    nc -s "$1" $ip "$2" < <(sleep 50) &
    client=$!
    until_true 10 one_established
}

keep_alives() { # an octet before what is next, or none, with the number that was acknowledged (RFC 9293 3.8.4)
    decode -r "$dir/keepalive.pcap" -Y "ip.src == $ip && tcp.port == 7 && tcp.analysis.keep_alive" -T fields \
        -e frame.time_relative
}

asked_and_kept() {
    local client
    capture "$dir/keepalive.pcap"
    idle_client $kernel 7
    sleep 4.5
    same "connections" 1 "$(status 's["tcp"]["connections"]')"
    kill -KILL $client 2>/dev/null || true
    capture_end
    until_true 15 no_connections
    keep_alives | head -n 4 >"$dir/times"
    same "pauses of four keep-alives" "1 1 1" \
        "$(awk 'NR > 1 { printf "%s%d", space, $1 - last + 0.5; space = " " } { last = $1 }' "$dir/times")"
}

asked_in_vain() { # two are not answered, and that is the end
    local client
    appear
    idle_client $gone 7
    vanish
    until_true 10 no_connections
    kill -KILL $client 2>/dev/null || true
    ended_by "peer stopped answering" || fail "it did not end by timeout"
}

try "a client that vanishes after its SYN" half_open_gone
try "a client that vanishes in a download" in_a_download
try "a client that vanishes when idle" when_idle
try "a client that only stopped reading is kept" stopped
try "the service goes on" fine
try "no connection is left" until_true 15 no_connections
end_serve
serve --events "$dir/events" --tcp keepalive=on,keepalive_idle=1s,keepalive_interval=1s,keepalive_probes=2
try "keep-alive: an idle client is asked each second, and kept" asked_and_kept
try "keep-alive: one that is gone is found out" asked_in_vain
done_testing
