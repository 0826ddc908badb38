#!/usr/bin/env bash
# Recordings of real curl and openssl, replayed without anything that the recorded run had: as nobody, in an
# empty network namespace, with the certificates and files gone.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root" || exit
chmod 711 "$dir"
mkdir "$dir/root"
make_file big 5000000
make_file small 200
head -c 1500000 /dev/urandom >"$dir/up"

# alone COMMAND…: as nobody where we are root, without network
alone() {
    local drop=()
    if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --clear-groups true 2>/dev/null; then
        drop=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    fi
    unshare --net "${drop[@]}" "$@"
}
# replay NAME OPTION…: of the recording $dir/NAME.tape; the output is $dir/replay.log
replay() {
    chmod 644 "$dir/$1.tape"
    alone "$vitrine" replay "$dir/$1.tape" "${@:2}" >"$dir/replay.log" 2>&1
}
same_again() { # NAME: every frame and every event, more than once
    rm -f "$dir/again" && : >"$dir/again" && chmod 666 "$dir/again"
    replay "$1" --events "$dir/again" || fail "$(cat "$dir/replay.log")"
    contains "$dir/replay.log" 'all frames are the same'
    cmp "$dir/$1.events" "$dir/again"
    replay "$1"
    ! grep -E 'runtime error|AddressSanitizer' "$dir/replay.log"
}
record() { # NAME OPTION…
    : >"$dir/$1.events"
    serve --root "$dir/root" --record "$dir/$1.tape" --events "$dir/$1.events" "${@:2}"
}
peer() { python3 "$e2e/peer.py" "$@"; }

# ---- a busy service, both versions of TLS, plain and over TLS ----

traffic() {
    local version
    for version in 1.2 1.3; do
        get /big --tls-max $version | sha | cmp - "$dir/big.sha"
        get /echo --tls-max $version --data-binary "@$dir/up" | cmp - "$dir/up"
        openssl s_client -connect "$ip:443" -CAfile "$ca" -servername "$host" "-tls${version/./_}" \
            -sess_out "$dir/session" </dev/null >"$dir/first" 2>&1
        printf 'GET /small HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$host" |
            openssl s_client -connect "$ip:443" -CAfile "$ca" -servername "$host" "-tls${version/./_}" \
                -sess_in "$dir/session" -ign_eof >"$dir/second" 2>&1
    done
    plain /big | sha | cmp - "$dir/big.sha"
    plain /echo --data-binary "@$dir/up" | cmp - "$dir/up"
    plain /big -r 100000-299999 | cmp - <(tail -c +100001 "$dir/root/big" | head -c 200000)
    plain /nothing -o /dev/null
    plain '/?json' -o /dev/null
    seq 200 | xargs -P 20 -I{} curl -sS --max-time 60 --cacert "$ca" -o /dev/null "https://$host/small"
    seq 200 | xargs -P 20 -I{} curl -sS --max-time 60 -o /dev/null "http://$host/small"
    kill -USR1 "$serve_pid"
}
several_resets() {
    peer aborted 80
    peer truncated 443 "$ca"
    peer garbage 443
    peer half-handshake 443
    curl -sS "https://$ip/" || true # it does not know the CA, and says so with an alert
    curl -sS --max-time 2 "http://$ip:81/" || true
}
resumed() { # what is replayed has resumption in it
    [ "$(grep -c '"tls_established".*"resumed":true' "$dir/busy.events")" -ge 1 ] ||
        fail "no session was resumed"
}
announced() {
    contains "$dir/serve.log" '^vitrine: --record .*: SECRETS are written there'
    same "mode" 600 "$(stat -c %a "$dir/busy.tape")"
}
format() { # the file is as docs/recording.md says, read by somebody else
    python3 "$e2e/tape.py" count "$dir/small.tape" >"$dir/types"
    same "frames in" "$(grep -c '"frame_in"' "$dir/small.events")" "$(json "$dir/types" 's["7"]')"
}
gone() { # the recording needs nothing else
    mv "$dir/ca" "$dir/ca.away"
    mv "$dir/root" "$dir/root.away"
    same_again busy || return 1
    mv "$dir/ca.away" "$dir/ca"
    mv "$dir/root.away" "$dir/root"
}

record busy
try "recorded: downloads, uploads, ranges, resumption, 400 requests" traffic
try "recorded: resets, alerts, a half handshake" several_resets
end_serve
try "its secrets are announced, and the file is its owner's alone" announced
try "a session was resumed" resumed
try "replayed as nobody, without network, CA and files: all frames, all events" gone

sanitized() { # another build does the same, and finds no fault
    local log=$dir/sanitized.log
    build/asan/vitrine replay "$dir/busy.tape" >"$log" 2>&1 || fail "$(cat "$log")"
    contains "$log" 'recorded by another build of the program'
    contains "$log" 'all frames are the same'
}
if [ -x build/asan/vitrine ]; then
    try "replayed by the build with sanitizers" sanitized
fi

# ---- without loss under load ----

under_load() { # four large downloads, and meanwhile 600 handshakes, 40 at a time
    local i pids=()
    for i in 1 2 3 4; do
        get /big -o "$dir/load.$i" &
        pids+=($!)
    done
    seq 600 | xargs -P 40 -I{} curl -sS --max-time 60 --cacert "$ca" -o /dev/null "https://$host/small"
    for i in 1 2 3 4; do
        wait "${pids[i - 1]}"
        cmp "$dir/load.$i" "$dir/root/big"
    done
}
all_of_it() {
    replay load || fail "$(cat "$dir/replay.log")"
    contains "$dir/replay.log" 'all frames are the same'
    same "handshakes" 604 "$(grep -c '"tls_established"' "$dir/load.events")"
}
record load
try "recorded: 600 handshakes beside four downloads" under_load
end_serve
try "replayed: all frames" all_of_it

# ---- where a replay stops ----

record small
plain /small -o /dev/null
get /small -o /dev/null
end_serve
until_frame() {
    replay small --until 6
    contains "$dir/replay.log" '^stopped at: .* frame 6 +frame_in'
    contains "$dir/replay.log" 'stopped; all frames so far are the same'
}
break_on() { # the second connection is TLS; its state is there
    replay small --break-on tls_established@2
    contains "$dir/replay.log" '^stopped at: .*conn 2 .* tls_established'
    contains "$dir/replay.log" '^---- connection 2, ESTABLISHED'
    contains "$dir/replay.log" 'TLS_AES_'
    replay small --break-on tls_established@1
    contains "$dir/replay.log" 'all frames are the same' # the first has no TLS
    contains "$dir/replay.log" '^tls_established of connection 1 did not come'
    replay small --break-on nonsense && fail "a name that is none"
    contains "$dir/replay.log" "there is no event 'nonsense'"
}
difference() {
    python3 "$e2e/tape.py" change "$dir/small.tape" "$dir/changed.tape" 5
    replay changed && fail "status 0"
    contains "$dir/replay.log" '^outgoing frame 5 differs from byte 49 on'
    contains "$dir/replay.log" '^  recorded: .*TCP 80 > [0-9]+ .*window [0-9]+'
    contains "$dir/replay.log" '^  replayed: .*TCP 80 > [0-9]+ .*window [0-9]+'
    contains "$dir/replay.log" ' 4 frames out, .*DIFFERENT'
}
cut_off() {
    head -c 20000 "$dir/busy.tape" >"$dir/cut.tape"
    replay cut && fail "status 0"
    contains "$dir/replay.log" 'the file is cut off in record [0-9]+, at byte 1[0-9]{4}$'
    contains "$dir/replay.log" ' [1-9][0-9]* frames in, .*all frames so far are the same'
}
damaged() {
    cp "$dir/busy.tape" "$dir/damaged.tape"
    printf 'x' | dd of="$dir/damaged.tape" bs=1 seek=30000 conv=notrunc status=none
    replay damaged && fail "status 0"
    contains "$dir/replay.log" 'the file is damaged in record [0-9]+, at byte'
    contains "$dir/replay.log" 'all frames so far are the same'
}
try "the file is as docs/recording.md describes it" format
try "--until stops at a frame" until_frame
try "--break-on stops at an event of a connection" break_on
try "a frame that differs: both are shown, status 1" difference
try "a file that is cut off replays up to there" cut_off
try "a damaged file replays up to there" damaged

# ---- without secrets ----

secrets() { python3 "$e2e/tape.py" secrets "$dir/$1.tape" "$dir/keys" "$dir/ca/server.key"; }
no_secrets() {
    contains "$dir/serve.log" 'no secrets of TLS'
    same "secrets in it" 0 "$(secrets bare)"
    [ "$(secrets busy)" -gt 0 ] || fail "the search finds none in a recording that has some"
    same "TLS connections" True "$([ "$(grep -c '"tls_established"' "$dir/bare.events")" -gt 200 ] && echo True)"
}
tcp_events() { # those below TLS, without their causes: what TLS and HTTP do has no timers here
    grep -E '"event":"(frame|tcp|neighbour)_' "$1" | sed 's/"cause":{[^}]*},//'
}
tcp_alone() {
    rm -f "$dir/again" && : >"$dir/again" && chmod 666 "$dir/again"
    replay bare --events "$dir/again" || fail "$(cat "$dir/replay.log")"
    contains "$dir/replay.log" 'all frames are the same'
    cmp <(tcp_events "$dir/bare.events") <(tcp_events "$dir/again")
}
record bare --no-secrets --keylog "$dir/keys" --idle-timeout 1
try "recorded without secrets: the same traffic" traffic
idle() { # the server's timer ends an idle connection: no call of TCP's leads to it
    (printf 'GET /small HTTP/1.1\r\nHost: x\r\n\r\n'; sleep 3) |
        openssl s_client -connect "$ip:443" -CAfile "$ca" -quiet -ign_eof >"$dir/idle" 2>&1
    several_resets
}
try "recorded without secrets: resets, alerts, a timeout" idle
end_serve
try "no secret of the key log, nothing of the private key is in it" no_secrets
try "replayed: all frames, all events of TCP" tcp_alone

key_in_arguments() { # which are recorded
    "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --record "$dir/psk.tape" --no-secrets --psk me:00112233445566778899aabbccddeeff \
        >"$dir/psk.log" 2>&1 && fail "it was accepted"
    contains "$dir/psk.log" '--no-secrets records the arguments'
    [ ! -e "$dir/psk.tape" ]
}
try "--no-secrets refuses a key on the command line" key_in_arguments

# ---- the recording ends before the service ----

killed() { # at once, so the kernel may have written the last record in part
    local status=0
    replay killed || status=$?
    if grep -q 'the file is cut off in record' "$dir/replay.log"; then
        contains "$dir/replay.log" ' [1-9][0-9]* frames out, .*all frames so far are the same'
        return
    fi
    same "status" 0 "$status"
    contains "$dir/replay.log" 'the recording was not ended'
    contains "$dir/replay.log" ' [1-9][0-9]* frames out, .*all frames are the same'
}
record killed
get /big -o /dev/null
kill -KILL "$serve_pid"
wait "$serve_pid" 2>/dev/null
serve_pid=
try "a killed process leaves all that it recorded" killed

limited() { # the service goes on
    get /big | sha | cmp - "$dir/big.sha"
    get /big | sha | cmp - "$dir/big.sha"
    contains "$dir/serve.log" 'ends here, after [0-9]+ bytes: .*--record-limit'
    [ "$(stat -c %s "$dir/limited.tape")" -le 2097152 ]
    get /small -o /dev/null
}
replayed_to_the_limit() {
    replay limited || fail "$(cat "$dir/replay.log")"
    contains "$dir/replay.log" 'the recording ends here: its file had the size'
}
record limited --record-limit 2
try "at its limit the recording ends, and the service goes on" limited
end_serve
try "what was recorded until then is replayed" replayed_to_the_limit

full() {
    get /big | sha | cmp - "$dir/big.sha"
    get /big | sha | cmp - "$dir/big.sha"
    contains "$dir/serve.log" 'ends here, after [0-9]+ bytes: No space left'
    cp "$dir/little/full.tape" "$dir/full.tape"
}
replayed_up_to_the_full_disk() {
    replay full || fail "$(cat "$dir/replay.log")"
    contains "$dir/replay.log" 'the recording ends here: it could not be written'
}
mkdir "$dir/little"
if mount -t tmpfs -o size=6m none "$dir/little" 2>/dev/null; then
    serve --root "$dir/root" --record "$dir/little/full.tape"
    try "a full disk ends the recording, and the service goes on" full
    end_serve
    try "what was recorded until then is replayed, too" replayed_up_to_the_full_disk
    umount "$dir/little"
fi

# ---- a bad link: the far end is a namespace behind a cable that loses, reorders and duplicates ----

there() { nsenter -t "$far" --net "$@"; }
ours() { [ "$(readlink "/proc/$far/ns/net")" = "$(readlink /proc/self/ns/net)" ]; }
bad_link() {
    ip address flush dev vt0
    ip link add br0 type bridge
    ip link set dev br0 addrgenmode none up
    ip link set dev vt0 master br0
    "$vitrine" wire --a t0 --b "t1@$far" --loss 4% --reorder 5%,3ms --duplicate 2% --delay 2ms --seed 7 \
        >"$dir/cable" 2>&1 &
    until_true 10 grep -q ^ready "$dir/cable"
    ip link set dev t0 addrgenmode none master br0 up
    there ip link set dev t1 addrgenmode none up
    there ip address add 10.9.0.9/24 dev t1
}
over() {
    there curl -sS --max-time 60 --cacert "$ca" --resolve "$host:443:$ip" "https://$host$1" "${@:2}"
}
lossy() {
    over /big -r 0-999999 | cmp - <(head -c 1000000 "$dir/root/big")
    over /echo --data-binary "@$dir/root/small" | cmp - "$dir/root/small"
    seq 30 | xargs -P 10 -I{} nsenter -t "$far" --net curl -sS --max-time 60 -o /dev/null "http://$ip/small"
}
unshare --net sleep infinity &
far=$!
until_true 10 eval '! ours'
record lossy
bad_link
try "recorded: over a link that loses, reorders and duplicates" lossy
end_serve
retransmitted() { [ "$(grep -c '"retransmission":true' "$dir/lossy.events")" -gt 10 ]; }
try "much of it was sent again" retransmitted
try "replayed: all frames, all events" same_again lossy

# ---- under gdb ----

debugger() { # at a frame, with TLS as it was; then on to the next stop, and again from the beginning
    cat >"$dir/script" <<GDB
set pagination off
source scripts/gdb/vitrine.py
run
echo \n==> first\n
backtrace 6
vt conns
vt tls 2
continue
echo \n==> second\n
vt tls 2
run
echo \n==> third\n
vt conns
kill
GDB
    gdb -nx -batch -x "$dir/script" --args "$vitrine" replay "$dir/small.tape" \
        --break-on tls_secret@2 >"$dir/gdb.out" 2>&1 </dev/null
    sed -n '/==> first/,/==> second/p' "$dir/gdb.out" >"$dir/section"
    contains "$dir/section" 'replay_stop_here'
    contains "$dir/section" '^ +2  ESTABLISHED +10\.9\.0\.1:[0-9]+ +443'
    contains "$dir/section" 'machine +SERVER_HELLO'
    contains "$dir/section" 'SNI +vitrine\.test'
    contains "$dir/section" 'secret CLIENT_HANDSHAKE'
    sed -n '/==> second/,/==> third/p' "$dir/gdb.out" >"$dir/section"
    contains "$dir/section" 'secret SERVER_HANDSHAKE'
    sed -n '/==> third/,$p' "$dir/gdb.out" >"$dir/section"
    contains "$dir/section" '^ +2  ESTABLISHED +10\.9\.0\.1:[0-9]+ +443'
    ! grep -E 'Traceback|Python Exception' "$dir/gdb.out"
}
try "gdb halts at an event, goes on, and comes back" debugger
done_testing
