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
    cp "$out" "$dir/walk.out"; [ -z "${KEEP_WALK:-}" ] || cp "$out" "$KEEP_WALK" # for docs/gdb.md
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
        'conn 1 +frame [0-9]+ +(tls_|tcp_|http_)' '[0-9]+  refused in all'
    # A client that gdb kept waiting may have sent something again; nothing else was refused.
    ! grep -E '^ +[0-9]+  [A-Z][A-Z_]+$' "$dir/section" | grep -v TCP_DUPLICATE
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

has_probes() { readelf -n "$vitrine" | grep -q stapsdt; }

probe() { # stops where an event is, by its probe
    has_probes || { echo "   # this build has no probes: <sys/sdt.h> was not there"; return; }
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

# The commands beyond showing, on a live process: stops, causes, secrets, a window that is held.
commands() {
    cat >"$dir/script" <<GDB
handle SIGTERM nostop noprint pass
source scripts/gdb/vitrine.py
vt break state ESTABLISHED
run
echo ==> established\\n
print c->snd_nxt
print c->handle->entry.tuple
delete
vt step-frame
backtrace 1
echo ==> frames\\n
vt step-frame
tbreak http_answer_request
continue
echo ==> request\\n
vt why
vt tls --reveal
vt timers
vt hold
echo ==> held\\n
vt sack
vt conns
generate-core-file $dir/core2
vt release
echo ==> released\\n
vt break drop TCP_NO_LISTENER
continue
echo ==> dropped\\n
backtrace 3
delete
continue
GDB
    { printf 'set pagination off\nset confirm off\nset width 0\n' && cat "$dir/script"; } >"$dir/commands"
    capture "$dir/gdb.pcap"
    gdb -nx -batch -x "$dir/commands" --args "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --quiet --keylog "$dir/keys" \
        >"$out" 2>&1 &
    gdb_pid=$!
    until_true 30 grep -q '^ready' "$out"
    get / -o "$dir/answer"
    contains "$dir/answer" 'TLS 1\.3'
    until_true 20 grep -q '^==> released' "$out"
    sleep 0.5 # it goes on
    curl -sS --max-time 5 "http://$ip:81/" 2>/dev/null || true
    until_true 20 grep -q '^==> dropped' "$out"
    finish_gdb
    capture_end
    cp "$out" "$dir/commands.out"
    ! grep -E 'Error in sourced|Traceback|Python Exception|No symbol|not defined' "$out"
}
said() { # FROM TO REGEX…: between two marks gdb said this
    sed -n "/^==> $1/,/^==> $2/p" "$dir/commands.out" >"$dir/section"
    local regex
    for regex in "${@:3}"; do contains "$dir/section" "$regex"; done
}
field() { # FILTER FIELD: the first one in the capture
    decode -r "$dir/gdb.pcap" -Y "$1" -T fields -e "$2" | head -n 1
}
stops() { # where it stops, and the ISN as tshark reads it from the SYN-ACK
    local isn port
    isn=$(field "tcp.flags.syn == 1 && tcp.flags.ack == 1 && tcp.srcport == 443" tcp.seq_raw)
    port=$(field "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport == 443" tcp.srcport)
    said established frames "^\\\$1 = $((isn + 1)) \(iss \+ 1\)" "local = 10\.9\.0\.2:443, remote = 10\.9\.0\.1:$port" \
        '^frame [0-9]+ comes in' '^#0  host_input'
    said dropped none 'reply_reset|closed_input'
}
causes() { # SYN-RECEIVED to ESTABLISHED: by the ACK of our SYN-ACK, and that by the client's SYN
    local irs isn
    irs=$(field "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport == 443" tcp.seq_raw)
    isn=$(field "tcp.flags.syn == 1 && tcp.flags.ack == 1 && tcp.srcport == 443" tcp.seq_raw)
    said request held 'is in ESTABLISHED, and was in SYN-RECEIVED before' \
        "tcp_state +because of frame [0-9]+: ACK seq $((irs + 1)) ack $((isn + 1)), 0 bytes" \
        "tcp_out +because of frame [0-9]+: SYN seq $irs ack 0, 0 bytes \(the peer began\)"
}
secrets() { # those of the key log, which curl's side shares
    local name
    for name in CLIENT_TRAFFIC_SECRET_0 SERVER_TRAFFIC_SECRET_0; do
        said request held "SECRETS +whoever has these" "$name +$(awk -v n=$name '$1 == n { print $3; exit }' "$dir/keys")\$"
    done
}
held_window() { # a segment with a window of zero went out, and one that opens it again
    said request held '^every window is held: 1 connections have been told'
    said held released '^connection 1  sent and not acknowledged: [0-9]+ bytes in [0-9]+ runs' '^ +[0-9]+ to +[0-9]+  out +sent' '^every window is open'
    local ours="tcp.srcport == 443 && tcp.flags.syn == 0 && tcp.flags.reset == 0"
    decode -r "$dir/gdb.pcap" -Y "$ours" -T fields -e tcp.window_size_value >"$dir/windows"
    contains "$dir/windows" '^0$'
    sed '1,/^0$/d' "$dir/windows" | grep -qv '^0$' || fail "it never opened again"
}
from_core() { # what shows works on a core, what sets going says that it cannot
    gdb -nx -batch -ex 'source scripts/gdb/vitrine.py' -ex 'vt sack' -ex 'vt why' -ex 'vt timers' -ex 'vt tls --reveal' \
        -ex 'vt step-frame' -ex 'vt hold' "$vitrine" "$dir/core2" >"$dir/post" 2>&1 || true # for what it refuses
    contains "$dir/post" '^connection 1  sent and not acknowledged'
    contains "$dir/post" 'tcp_out +because of frame [0-9]+: SYN seq'
    contains "$dir/post" 'conn 1 +(rto|probe) +in'
    contains "$dir/post" "SERVER_TRAFFIC_SECRET_0 +$(awk '$1 == "SERVER_TRAFFIC_SECRET_0" { print $3; exit }' "$dir/keys")\$"
    same "refusals" 2 "$(grep -c 'this needs a process that can go on, not a core file' "$dir/post")"
}
wrong_words() { # each in a gdb of its own: an error ends a script
    local words
    for words in 'break state NOSUCH:no state is called NOSUCH' 'break drop NOSUCH:no reason is called' 'break:vt break state S' \
        'conn x:there is no host yet' 'why:there is no host yet'; do
        gdb -nx -batch -ex 'source scripts/gdb/vitrine.py' -ex "vt ${words%%:*}" "$vitrine" >"$dir/wrong" 2>&1 || true
        contains "$dir/wrong" "${words#*:}"
        ! grep -q Traceback "$dir/wrong" || return 1
    done
}
in_replay() { # the same again from a recording: cwnd gets smaller where it did, and nobody is there to be told of a window
    : >"$dir/tape.log"
    "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --quiet --root "$dir/root" --record "$dir/tape" >"$dir/tape.log" 2>&1 &
    serve_pid=$!
    until_true 20 grep -q '^ready' "$dir/tape.log"
    get / -H 'Connection: close' -o /dev/null
    kill -TERM $serve_pid
    wait $serve_pid
    cat >"$dir/commands" <<GDB
set pagination off
set confirm off
set width 0
source scripts/gdb/vitrine.py
vt break state ESTABLISHED
run
vt step-frame
vt why
delete
vt break state FIN-WAIT-1
continue
vt why
vt hold
GDB
    gdb -nx -batch -x "$dir/commands" --args "$vitrine" replay "$dir/tape" >"$out" 2>&1 || true
    contains "$out" '^frame [0-9]+ comes in'
    contains "$out" 'is in ESTABLISHED, and was in SYN-RECEIVED before'
    contains "$out" 'a replay repeats what has happened'
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

# Two connections that have been silent for long, one of them with TLS: each has a record in place of its control block. What gdb
# reads there is what tshark read from the wire; they wake as if nobody had looked.
at_rest() {
    cat >"$dir/script" <<GDB
handle SIGTERM nostop noprint pass
source scripts/gdb/vitrine.py
run
vt conns
vt conn 1
vt conn 2
vt tls 2
vt sack 1
vt timers
vt timers 2
vt why 1
vt host
generate-core-file $dir/core3
echo ==> seen\\n
continue
GDB
    capture "$dir/rest.pcap"
    under_gdb "$dir/script"
    python3 - "$ip" "$host" "$ca" "$dir" <<'PY' &
import os, socket, ssl, sys, time
ip, name, ca, directory = sys.argv[1:]
plain = socket.create_connection((ip, 80), 10)
secure = ssl.create_default_context(cafile=ca).wrap_socket(socket.create_connection((ip, 443), 10), server_hostname=name)
request = b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % name.encode()

def ask(s):
    got = b""
    s.sendall(request)
    while b"\r\n\r\n" not in got:
        got += s.recv(65536)
    head, body = got.split(b"\r\n\r\n", 1)
    length = int([h for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")][0].split(b":")[1])
    while len(body) < length:
        body += s.recv(65536)
    assert head.startswith(b"HTTP/1.1 200"), head

for turn in range(2):
    ask(plain)
    ask(secure)
    open("%s/asked%d" % (directory, turn), "w").close()
    while turn == 0 and not os.path.exists(directory + "/go"):
        time.sleep(0.05)
PY
    local client=$!
    until_true 20 test -e "$dir/asked0"
    sleep 3 # an RTO, and more
    kill -INT "$(inferior)"
    until_true 20 grep -q '^==> seen' "$out"
    cp "$out" "$dir/rest.out"
    capture_end # before more is said
    touch "$dir/go"
    wait $client
    finish_gdb
    wire_says >"$dir/wire"
    ! grep -E 'Error in sourced|Traceback|Python Exception|No symbol|not defined' "$out"
}
wire_says() { # for each port: the ends of both streams, counted from their first numbers, and the window last told to us
    local port
    for port in 80 443; do
        decode -o tcp.relative_sequence_numbers:TRUE -r "$dir/rest.pcap" -Y "tcp.port == $port" -T fields -e tcp.srcport -e tcp.nxtseq -e tcp.seq -e tcp.window_size |
            awk -v port=$port '{ end = $2 > $3 ? $2 : $3; if ($1 == port) ours = end; else { theirs = end; window = $4 } }
                END { print port, ours, theirs, window }'
    done
}
shown_at_rest() { # FILE: live, or from the core file
    local port ours theirs window id=1
    while read -r port ours theirs window; do
        contains "$1" "^ +$id  ESTABLISHED +10\.9\.0\.1:[0-9]+ +$port  they +\+$ours +\+$ours +$window +[0-9]+ +at rest"
        sed -n "/^connection $id  ESTABLISHED/,/so far/p" "$1" >"$dir/section"
        contains "$dir/section" '^  at rest   since an RTO after [0-9.]+ m?s ago; no control block'
        contains "$dir/section" "^  sequence  snd_nxt \+$ours, peer's window $window bytes; rcv_nxt \+$theirs\$"
        contains "$dir/section" "^  so far    $((theirs - 1)) bytes in, $((ours - 1)) out"
        id=$((id + 1))
    done <"$dir/wire"
    contains "$1" '^connection 2  TLS  established'
    contains "$1" '^connection 1  at rest: nothing is outstanding'
    contains "$1" '^  conn 2     none'
    contains "$1" 'pool +tcp_handle +2 in use'
    contains "$1" 'pool +tcp_conn +0 in use'
}
rest_in_core() {
    gdb -nx -batch -ex 'source scripts/gdb/vitrine.py' -ex 'vt conns' -ex 'vt conn 1' -ex 'vt conn 2' -ex 'vt tls 2' \
        -ex 'vt sack 1' -ex 'vt timers' -ex 'vt timers 2' -ex 'vt host' "$vitrine" "$dir/core3" >"$dir/post" 2>&1
    shown_at_rest "$dir/post"
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
try "gdb: vt break, step-frame, hold and the others run" commands
try "gdb: stops at a state, at frames and at a refusal" stops
try "gdb: vt why tells the chain of causes" causes
try "gdb: vt tls --reveal shows the secrets of the key log" secrets
try "gdb: vt hold shuts the window, vt release opens it" held_window
try "gdb: the same on a core file" from_core
try "gdb: wrong words have an answer" wrong_words
mkdir -p "$dir/root"
make_file slow 24000000
try "gdb: in a replay" in_replay
try "a process that was stopped for three seconds says so, and no timer ran" stopped
try "gdb: three seconds at a breakpoint, and no timer ran" debugged
try "gdb: looks at connections at rest, which wake as before" at_rest
try "gdb: what they hold is what tshark saw" shown_at_rest "$dir/rest.out"
try "gdb: the same on a core file" rest_in_core
try "gdb: says when there is no host" no_host
done_testing
