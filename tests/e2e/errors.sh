#!/usr/bin/env bash
# What is said when something is not as it must be: the TAP, the command line, standard output. And that nothing
# of it ends on the wire.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

said() { # STATUS WORDS ARGUMENTS…: so the command ends, and so it says why
    local status=0
    timeout 20 "$vitrine" "${@:3}" >"$dir/said" 2>&1 || status=$?
    same "status of $3" "$1" $status
    grep -qF -- "$2" "$dir/said" || fail "no '$2' in: $(cat "$dir/said")"
}

usage() {
    said 2 '--tap NAME is needed' serve
    said 2 '--tap NAME is needed' get http://10.9.0.1/
    said 2 '--tap NAME is needed' nc 10.9.0.1 80
    said 2 'an ADDRESS and a PORT are needed' nc --tap vt0
    said 2 'takes cubic|newreno|bbr' serve --tap vt0 --tcp cc=vegas
    said 0 'usage: vitrine ca init' ca issue --help
}
try "a command line that lacks something ends with 2" usage

devices() {
    said 1 'an interface of that name is no TAP device' serve --tap lo
    said 7 'an interface of that name is no TAP device' get --tap lo http://10.9.0.1/
}
try "what is no TAP is told from one" devices

far() { # beyond our network, which is another than this TAP's
    said 7 'our network is that of 10.8.0.2/24 (--address), and there is no --gateway' \
        get --tap vt0 --address 10.8.0.2/24 http://10.9.0.1/
    said 1 'our network is that of 10.8.0.2/24 (--address), and there is no --gateway' \
        nc --tap vt0 --address 10.8.0.2/24 10.9.0.1 80
    said 7 '10.9.0.1 port 1: refused by peer' get --tap vt0 http://10.9.0.1:1/
}
try "what is missing to reach an address is told" far

narrow() {
    local command
    for command in serve get nc wire explain tell replay ca; do
        "$vitrine" $command --help >"$dir/said"
        [ "$(wc -L <"$dir/said")" -le 100 ] || fail "$command: $(awk 'length > 100' "$dir/said")"
    done
}
try "each --help fits into 100 columns" narrow

down() { # a TAP that nobody has made or set up
    timeout 2 "$vitrine" serve --tap vt7 --ca-dir "$dir/ca" >"$dir/said" 2>&1 || :
    contains "$dir/said" 'vt7 is down'
    timeout 2 "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" >"$dir/said" 2>&1 || :
    ! grep 'is down' "$dir/said"
}
try "an interface that is down is told" down

full() {
    said_full() {
        local status=0
        "$vitrine" "$@" >/dev/full 2>"$dir/said" || status=$?
        same "status" 1 $status
        contains "$dir/said" 'No space left on device'
    }
    said_full --help
    said_full --version
    said_full explain tcp
}
try "a full disk under standard output is told" full

# The TAP once had the number of a standard output that was closed, and what was printed went out as frames.
closed() {
    capture "$dir/closed.pcap"
    "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --narrate >&- 2>"$dir/said" &
    serve_pid=$!
    until_true 20 plain / -o "$dir/story"
    contains "$dir/story" 'The story of this connection'
    kill -INT $serve_pid
    wait $serve_pid
    capture_end
    decode -r "$dir/closed.pcap" -T fields -e eth.type | sort -u >"$dir/types"
    same "types of frames" '0x0800 0x0806' "$(tr '\n' ' ' <"$dir/types" | sed 's/ $//')"
}
try "with standard output closed nothing but our frames is on the wire" closed

closed_body() {
    python3 -m http.server 8080 --bind $kernel --directory "$dir" >"$dir/server.log" 2>&1 &
    local server=$! status=0
    until_true 10 grep -q 'Serving HTTP' "$dir/server.log" || :
    until_true 10 curl -sS -o /dev/null http://$kernel:8080/
    "$vitrine" get --tap vt0 http://$kernel:8080/ >&- 2>"$dir/said" || status=$?
    kill $server
    same "status" 23 $status
    contains "$dir/said" 'output: Bad file descriptor'
}
try "a body that has nowhere to go is told" closed_body

done_testing
