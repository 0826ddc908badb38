#!/usr/bin/env bash
# Active open: `vitrine nc` against servers of the kernel, and against our own service through the
# kernel as a router.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
head -c 10000000 /dev/urandom >"$dir/in"

kernel_server() { # PORT MODE
    : >"$dir/server"
    python3 "$peer" serve-once "$1" "$2" >"$dir/server" 2>&1 &
    server=$!
    until_true 10 grep -q ready "$dir/server"
}
nc_out() { timeout 40 "$vitrine" nc --tap vt0 "$@"; }

half_close() { # 10 MB there, our FIN, then 10 MB back
    kernel_server 5001 echo-late
    nc_out $kernel 5001 <"$dir/in" >"$dir/out"
    cmp "$dir/in" "$dir/out"
    wait $server
}

both_ways() { # 10 MB there and 8 MiB back at the same time
    kernel_server 5002 stream
    nc_out $kernel 5002 <"$dir/in" >"$dir/out"
    wait $server
    same "bytes" 8388608 "$(stat -c %s "$dir/out")"
    same "content" "$(python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 32768)' | sha)" \
        "$(sha <"$dir/out")"
}

with_netcat() { # the kernel's side is a program that everybody has
    timeout 30 nc -l -N -w 20 $kernel 5003 <"$dir/in" >"$dir/seen" &
    local server=$!
    until_true 10 grep -q "$(printf ':%04X 00000000:0000 0A' 5003)" /proc/net/tcp
    # netcat ends when we do, whatever it has still to send: our input stays open.
    nc_out $kernel 5003 >"$dir/out" < <(echo "hello from our TCP" && exec sleep 30)
    wait $server
    cmp "$dir/in" "$dir/out"
    same "what netcat saw" "hello from our TCP" "$(cat "$dir/seen")"
}

refused() {
    local status=0
    nc_out $kernel 5999 </dev/null 2>"$dir/error" || status=$?
    [ $status != 0 ] || fail "status 0"
    contains "$dir/error" 'refused'
}

was_reset() {
    local status=0
    kernel_server 5004 reset
    (echo x; sleep 2) | nc_out $kernel 5004 2>"$dir/error" || status=$?
    [ $status != 0 ] || fail "status 0"
    contains "$dir/error" 'reset'
}

source_port() { # --source-port is what the peer sees
    timeout 30 nc -l -v -n -N -w 20 $kernel 5005 </dev/null >/dev/null 2>"$dir/seen" &
    local server=$!
    until_true 10 grep -q "$(printf ':%04X 00000000:0000 0A' 5005)" /proc/net/tcp
    nc_out --source-port 4321 $kernel 5005 </dev/null
    wait $server
    contains "$dir/seen" '10\.9\.0\.2 4321'
}

through_a_router() { # our TCP to our TCP; the kernel only forwards
    echo 1 >/proc/sys/net/ipv4/ip_forward
    ip tuntap add dev vt1 mode tap
    ip address add 10.9.1.1/24 dev vt1
    ip link set vt1 up
    timeout 40 "$vitrine" nc --tap vt1 --address 10.9.1.2/24 --gateway 10.9.1.1 $ip 7 \
        <"$dir/in" >"$dir/out"
    cmp "$dir/in" "$dir/out"
}

try "connect: 10 MB, half close, 10 MB back" half_close
try "connect: both ways at once" both_ways
try "connect: to netcat" with_netcat
try "connect: refused" refused
try "connect: reset" was_reset
try "connect: --source-port" source_port
serve --gateway $kernel
try "connect: our TCP to our TCP through a router" through_a_router
done_testing
