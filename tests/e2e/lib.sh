# shellcheck shell=bash disable=SC2034
# What the end-to-end tests share. Each tests/e2e/NAME.sh runs in a lab of its own (tests/e2e/run), so
# that all that it starts ends with the lab. It sources this file, calls `serve` and then `try` for
# each case, and prints "ok NAME" or "not ok NAME: why" for each.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
e2e=$root/tests/e2e
vitrine=${VITRINE:-$root/build/vitrine}
peer=$e2e/peer.py
ip=10.9.0.2       # the stack
host=vitrine.test # its name
kernel=10.9.0.1   # the other end of the TAP
wire=${WIRE:-true-frames}
io=${IO:-calls}

# Big files lie in memory, so that no disk is measured.
scratch() {
    local base=${TMPDIR:-/tmp}
    if [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 2500000 ]; then
        base=/dev/shm
    fi
    mktemp -d "$base/vitrine-e2e.XXXXXX"
}
dir=$(scratch)
ca=$dir/ca/ca.pem
serve_pid=
failures=0
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

# try NAME COMMAND…: one case. The command runs in a subshell that ends at the first failure; the last
# line of its output says why.
try() {
    local name=$1 status
    shift
    (
        trap - EXIT
        set -e
        "$@"
    ) >"$dir/case.out" 2>&1
    status=$?
    if [ $status = 0 ]; then
        echo "ok $name"
    else
        failures=$((failures + 1))
        echo "not ok $name: $(tail -n 1 "$dir/case.out" | cut -c 1-300) (status $status)"
        sed 's/^/    | /' "$dir/case.out" | tail -n 30
    fi
}

done_testing() { # the end of each test
    if [ -n "$serve_pid" ]; then end_serve; fi
    exit $((failures > 0))
}

fail() {
    echo "$*"
    return 1
}

same() { # WHAT EXPECTED ACTUAL
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

contains() { # FILE REGEX
    grep -qE -- "$2" "$1" || fail "no '$2' in: $(tail -n 3 "$1" | tr '\n' '~')"
}

until_true() { # SECONDS COMMAND…: waits for a state to come about
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "waited in vain for: $*" || return 1
        sleep 0.05
    done
}

# serve OPTION…: starts the service and waits until it answers. Its output is $dir/serve.log.
serve() {
    : >"$dir/serve.log"
    "$vitrine" serve --tap vt0 --wire "$wire" --io "$io" --ca-dir "$dir/ca" --status "$dir/status" --quiet \
        ${RECORDS:+--records "$RECORDS"} ${ENGINE:+--engine "$ENGINE"} "$@" >"$dir/serve.log" 2>&1 &
    serve_pid=$!
    if ! until_true 20 serving; then
        echo "not ok the service starts: $(tail -n 1 "$dir/serve.log")"
        exit 1
    fi
}
serving() { # it says that it is ready once it listens
    kill -0 "$serve_pid" 2>/dev/null && grep -q '^ready' "$dir/serve.log"
}

# Ctrl-C, and a case for how the service ends. Not inside of a case: only this shell can wait for it.
end_serve() {
    kill -INT "$serve_pid"
    until_true 10 has_ended || kill -KILL "$serve_pid"
    wait "$serve_pid"
    serve_status=$?
    serve_pid=
    try "Ctrl-C ends the service with status 0" ended_well
}
has_ended() { ! grep -q '^State:[[:space:]]*[^Z]' "/proc/$serve_pid/status" 2>/dev/null; }
ended_well() {
    same "exit status" 0 "$serve_status"
    ! grep -E 'runtime error|AddressSanitizer|LeakSanitizer' "$dir/serve.log"
}

# status EXPRESSION: of the service's own report, as Python sees the JSON in `s`.
status() {
    rm -f "$dir/status"
    kill -USR1 "$serve_pid"
    until_true 5 test -e "$dir/status" >&2 || return 1
    python3 -c 'import json, sys; s = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' \
        "$dir/status" "$1"
}
no_connections() { [ "$(status 's["tcp"]["connections"]')" = 0 ]; }

json() { python3 -c 'import json, sys; s = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }

# get URL-PATH OPTION…: over TLS, with the lab's CA. plain: the same without TLS.
get() { curl -sS --max-time 60 --cacert "$ca" "https://$host$1" "${@:2}"; }
plain() { curl -sS --max-time 60 "http://$host$1" "${@:2}"; }

sha() { sha256sum | cut -d ' ' -f 1; }
# make_file NAME BYTES: random content, its hash beside it
make_file() {
    head -c "$2" /dev/urandom >"$dir/root/$1"
    sha <"$dir/root/$1" >"$dir/$1.sha"
}

# capture FILE / capture_end: tcpdump on vt0, from before the first packet to after the last. In the user
# namespace of a lab without root tcpdump cannot drop its privileges and gives up; dumpcap, which comes with
# tshark, takes its place there.
capture() {
    : >"$dir/capture.log"
    if grep -qE '^ +0 +0 ' /proc/self/uid_map; then
        tcpdump -Z root -i vt0 -s 2000 -B 65536 --immediate-mode -w "$1" 2>"$dir/capture.log" &
    else
        dumpcap -q -P -i vt0 -s 2000 -B 64 -w "$1" 2>"$dir/capture.log" &
    fi
    capture_pid=$!
    until_true 10 grep -qE 'listening on|^File: ' "$dir/capture.log"
}
capture_end() { # nothing may be missing
    sleep 1
    kill -INT "$capture_pid"
    wait "$capture_pid"
    contains "$dir/capture.log" "^0 packets dropped by kernel|'vt0': [0-9]+/0 "
}
decode() { tshark -n -o tcp.relative_sequence_numbers:FALSE "$@" 2>/dev/null; }
