#!/usr/bin/env bash
# gdb, as docs/gdb.md describes it: its very lines are typed here, in batch mode.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root" || exit
unset DEBUGINFOD_URLS
guide=docs/gdb.md
out=$dir/gdb.out

# under_gdb SCRIPT: the service under gdb in the background, until it is ready
under_gdb() {
    { printf 'set pagination off\nset confirm off\nset width 0\n' && cat "$1"; } >"$dir/commands"
    : >"$out"
    gdb -nx -batch -x "$dir/commands" --args \
        "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --quiet >"$out" 2>&1 &
    gdb_pid=$!
    until_true 30 grep -q '^ready' "$out" || fail "$(cat "$out")"
}
inferior() { pgrep -P "$gdb_pid" -x vitrine; }
finish_gdb() { # ends the service, which ends gdb
    kill -TERM "$(inferior)"
    wait "$gdb_pid"
}


walk() { # the client is answered although the service stops seven times
    sed -n '/<!-- walk/,/<!-- end/s/^(gdb) //p' "$guide" | while read -r line; do
        printf 'echo \\n==> %s\\n\n%s\n' "$line" "$line"
    done >"$dir/walk"
    [ "$(grep -c '^echo' "$dir/walk")" -gt 30 ] || fail "no walk in $guide"
    under_gdb "$dir/walk"
    get / -o "$dir/answer"
    contains "$dir/answer" 'TLS 1\.3'
    finish_gdb
    cp "$out" "$dir/walk.out"
    ! grep -E 'Error in sourced|Traceback|Python Exception|No symbol|not defined' "$out"
}

walked() { # FROM TO REGEX…: between two of the commands gdb said this
    sed -n "/^==> $1/,/^==> $2/p" "$dir/walk.out" >"$dir/section"
    local regex
    for regex in "${@:3}"; do contains "$dir/section" "$regex"; done
}

syn_rcvd() {
    walked run finish '^Breakpoint 1, conn_set_state .*to=.*TCP_SYN_RCVD' '#. .*take_syn' 'stack/tcp/input.c'
    walked 'vt conns' 'tbreak conn_set' '^ +1  SYN-RECEIVED +10\.9\.0\.1:[0-9]+ +443 +they +\+0' \
        'iss +[0-9]+  0x[0-9a-f]{8}' 'flags .*half_open.*syn_due'
}
established() {
    walked 'tbreak conn_set' 'tbreak mbedtls' 'breakpoint 2, conn_set_state .*TCP_ESTABLISHED' \
        'handshake_complete' '^ +1  ESTABLISHED .* \+0 +\+1 +0 +14480'
}
client_hello() {
    walked 'tbreak mbedtls_ssl_handshake_step if ssl->state == MBEDTLS_SSL_CLIENT_HELLO' 'tbreak ssl_tls13' \
        'breakpoint 3.* mbedtls_ssl_handshake_step' 'tls_handshake .*tls' 'host_input .*stack/host.c' \
        'machine +CLIENT_HELLO' 'queue +[1-9][0-9]* +bytes for the application to read'
}
source_of_mbedtls() { # the lines themselves, not only their numbers
    walked list tbreak '^[0-9]+.*(ssl|MBEDTLS_)'
}
finished() {
    walked 'tbreak mbedtls_ssl_handshake_step if ssl->state == MBEDTLS_SSL_SERVER_FINISHED' 'tbreak http' \
        'breakpoint 5.* mbedtls_ssl_handshake_step' 'machine +SERVER_FINISHED' 'version +TLS 1\.3' \
        'SNI +vitrine\.test' '<-- ClientHello' 'secret SERVER_HANDSHAKE' 'breakpoint 6.* mbedtls_ssl_handshake_step'
    walked 'tbreak http' delete 'TLS  established' '<-- Finished' '--> NewSessionTicket' \
        'conn 1 +frame [0-9]+ +(tls_|tcp_|http_)' '0  refused in all'
}

places() { # every breakpoint in the guide's table exists
    local place
    sed -n 's/^| `\([a-z_0-9]*\)\( if [^`]*\)\?` | .*/\1/p' "$guide" >"$dir/places"
    [ "$(wc -l <"$dir/places")" -ge 8 ] || fail "no table in $guide"
    while read -r place; do
        gdb -nx -batch -ex "break $place" "$vitrine" >"$dir/place" 2>&1 </dev/null
        contains "$dir/place" '^Breakpoint 1 at'
    done <"$dir/places"
}

core() { # what a live process shows, its core file shows as well
    cat >"$dir/script" <<GDB
source scripts/gdb/vitrine.py
tbreak http_answer_request
run
vt conn 1
generate-core-file $dir/core
continue
GDB
    under_gdb "$dir/script"
    get / -o /dev/null
    finish_gdb
    gdb -nx -batch -ex 'source scripts/gdb/vitrine.py' -ex 'vt conns' -ex 'vt conn 1' -ex 'vt tls 1' \
        -ex 'vt events 100 1' -ex 'vt host' "$vitrine" "$dir/core" >"$dir/post" 2>&1
    contains "$dir/post" '^ +1  ESTABLISHED +10\.9\.0\.1:[0-9]+ +443'
    contains "$dir/post" 'TLS  established'
    contains "$dir/post" 'tcp_state +from=SYN-RECEIVED to=ESTABLISHED'
    contains "$dir/post" 'pool +tcp_conn +1 in use'
    sed -n '/^connection 1  EST/,/so far/p' "$out" >"$dir/live"
    sed -n '/^connection 1  EST/,/so far/p' "$dir/post" | diff "$dir/live" -
}

probe() { # stops where an event is, by its probe
    cat >"$dir/script" <<GDB
tbreak -probe-stap vitrine:tcp_state
run
print \$_probe_arg0
print ((struct event *)\$_probe_arg1)->u.tcp_state
continue
GDB
    under_gdb "$dir/script"
    plain / -o /dev/null
    finish_gdb
    contains "$out" '^\$1 = 1$' # the connection
    contains "$out" '^\$2 = \{from = 1 .* to = 3 ' # LISTEN, SYN-RECEIVED
}

interrupt() { # Ctrl-C reaches gdb, not the service; a TIME-WAIT record is shown
    cat >"$dir/script" <<GDB
source scripts/gdb/vitrine.py
run
vt conns
vt drops
continue
GDB
    under_gdb "$dir/script"
    plain / -H 'Connection: close' -o /dev/null
    curl -sS --max-time 5 "http://$ip:81/" || true
    kill -INT "$(inferior)"
    until_true 10 grep -q 'refused in all' "$out"
    plain / -o /dev/null
    finish_gdb
    contains "$out" 'received signal SIGINT'
    contains "$out" '^ +1  TIME-WAIT +10\.9\.0\.1:[0-9]+ +80  ends in 2[34][0-9]\.'
    contains "$out" '^ +1  TCP_NO_LISTENER'
    contains "$out" '^ +1  refused in all'
}

attach() { # to a process that runs already
    local service
    "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --quiet >"$dir/attach.log" 2>&1 &
    service=$!
    until_true 20 grep -q '^ready' "$dir/attach.log"
    get / -o /dev/null
    gdb -nx -batch -p $service -ex 'source scripts/gdb/vitrine.py' -ex 'vt events 100000 1' \
        >"$dir/attached" 2>&1
    contains "$dir/attached" 'http_request +method=GET target="/"'
    get / -o /dev/null # it goes on when gdb leaves
    kill -INT $service
    wait $service
}

# What the events say of a stop of three seconds in the middle of a download: it is told, and the clock has left it out.
left_out() { # EVENTS-FILE
    python3 - "$1" <<'PY'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
events = [e for e in events if e["at"] > 0] # what was before the loop has no time
paused = [e for e in events if e["event"] == "paused"]
assert len(paused) == 1, paused
took = paused[0]["took"] / 1e9
assert 2.8 < took < 10, took
at = [e["at"] / 1e9 for e in events]
gap = max(b - a for a, b in zip(at, at[1:]))
assert gap < 1.5, "the clock leapt by %.3f s" % gap
fired = [e for e in events if e["event"] == "tcp_timer_fired" and e.get("timer") == "rto"]
assert not fired, fired
PY
}

stopped() { # by a signal, as a debugger stops it
    local service client
    "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --quiet --root "$dir/root" --events "$dir/stop.json" >"$dir/stop.log" 2>&1 &
    service=$!
    until_true 20 grep -q '^ready' "$dir/stop.log"
    curl -sS --max-time 40 --limit-rate 8M -o "$dir/stop.out" "http://$host/slow" &
    client=$!
    sleep 1
    kill -STOP $service
    sleep 3
    kill -CONT $service
    wait $client || fail "the download" || return 1
    same "hash" "$(cat "$dir/slow.sha")" "$(sha <"$dir/stop.out")"
    kill -INT $service
    wait $service
    left_out "$dir/stop.json"
}

debugged() { # by gdb, in the midst of the stack's work and in its sleep
    local client
    cat >"$dir/script" <<GDB
handle SIGTERM nostop noprint pass
tbreak send_flush if c->story.bytes_out > 4000000
run
python import time; time.sleep(3)
continue
GDB
    { printf 'set pagination off\nset confirm off\nset width 0\n' && cat "$dir/script"; } >"$dir/commands"
    gdb -nx -batch -x "$dir/commands" --args "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --quiet --root "$dir/root" \
        --events "$dir/debug.json" >"$out" 2>&1 &
    gdb_pid=$!
    until_true 30 grep -q '^ready' "$out"
    curl -sS --max-time 60 --limit-rate 8M -o "$dir/stop.out" "http://$host/slow" || fail "the download" || return 1
    same "hash" "$(cat "$dir/slow.sha")" "$(sha <"$dir/stop.out")"
    finish_gdb
    left_out "$dir/debug.json"
}

no_host() { # before the program runs there is a plain answer and no Python trace
    gdb -nx -batch -ex 'source scripts/gdb/vitrine.py' -ex 'vt conns' "$vitrine" >"$dir/none" 2>&1 || true
    contains "$dir/none" 'there is no host yet'
    ! grep -q Traceback "$dir/none"
}

try "gdb: the lines of docs/gdb.md run as they stand" walk
try "gdb: stops at SYN-RECEIVED, vt conns and vt conn show it" syn_rcvd
try "gdb: stops at ESTABLISHED" established
try "gdb: stops at the ClientHello, inside mbedTLS" client_hello
try "gdb: shows mbedTLS' source" source_of_mbedtls
try "gdb: stops at both Finished, vt tls shows the session" finished
try "gdb: every breakpoint of the guide exists" places
try "gdb: a core file shows what the live process showed" core
try "gdb: Ctrl-C stops the service; TIME-WAIT and drops" interrupt
try "gdb: stops at an event by its probe" probe
try "gdb: attaches and leaves" attach
mkdir -p "$dir/root"
make_file slow 24000000
try "a process that was stopped for three seconds says so, and no timer ran" stopped
try "gdb: three seconds at a breakpoint, and no timer ran" debugged
try "gdb: says when there is no host" no_host
done_testing
