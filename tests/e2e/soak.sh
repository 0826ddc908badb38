#!/usr/bin/env bash
# 60 seconds of everything at once; then no connection, buffer or timer may be left behind.
# SOAK_SECONDS changes the time.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file big 3000000
make_file small 20000
seconds=${SOAK_SECONDS:-60}
serve --root "$dir/root" --msl 1

# The memory that is in use when nobody is there: asked for after one connection of each kind has come
# and gone. One timer is permanent: that of the neighbour at the other end of the TAP.
rest='sorted((k, p["in_use"]) for k, p in s["pools"].items() if p["in_use"])'
quiet() {
    [ "$(status 's["tcp"]["connections"], s["tcp"]["time_wait"], s["timers_armed"]')" = "(0, 0, 1)" ]
}

warm_up() {
    get /small -o /dev/null
    plain /small -o /dev/null
    echo x | timeout 10 nc -N $ip 7 >/dev/null
    until_true 20 quiet
    status "$rest" >"$dir/rest"
}

# Each worker does one thing again and again; a failure ends it with a line in its file.
worker() { # NAME COMMAND…
    local name=$1 rounds=0
    shift
    while [ $SECONDS -lt "$until" ]; do
        if ! "$@" >"$dir/w.$name.out" 2>&1; then
            echo "failed in round $rounds: $(tail -n 2 "$dir/w.$name.out" | tr '\n' ' ')" >"$dir/w.$name"
            return
        fi
        rounds=$((rounds + 1))
    done
    echo "$rounds" >"$dir/w.$name"
}
fetch() { # SCHEME FILE OPTION…
    same hash "$(cat "$dir/$2.sha")" "$(curl -sS --max-time 60 --cacert "$ca" "${@:3}" "$1://$host/$2" | sha)"
}
upload() { # SCHEME NAME: a file of its own, so that workers do not share
    curl -sS --max-time 60 --cacert "$ca" -X POST -T "$dir/root/big" -o "$dir/up.$2" "$1://$host/echo"
    cmp "$dir/root/big" "$dir/up.$2"
}
echoed() {
    timeout 60 nc -N -w 30 $ip 7 <"$dir/root/big" >"$dir/up.nc"
    cmp "$dir/root/big" "$dir/up.nc"
}
several() { # requests on one connection
    local args=()
    for _ in $(seq 20); do args+=(-o /dev/null "https://$host/small"); done
    curl -sS --max-time 60 --cacert "$ca" "${args[@]}"
}
misbehave() { # all that ends badly
    local case
    for case in "aborted 80" "aborted 443 $ca" "garbage 443" "garbage 80" "half-handshake 443" "half-hello 443" \
        "plain-request 443" "truncated 443 $ca"; do
        # shellcheck disable=SC2086
        python3 "$peer" $case || return 1
    done
    curl -sS --max-time 0.05 --cacert "$ca" "https://$host/big" -o /dev/null || true
    curl -sS --max-time 5 "http://$ip:81/" || true
}

soak() {
    local name
    until=$((SECONDS + seconds))
    worker tls13 fetch https big --tlsv1.3 &
    worker tls12 fetch https small --tls-max 1.2 &
    worker plain fetch http big &
    worker upload upload https a &
    worker upload-plain upload http b &
    worker echo echoed &
    worker keep-alive several &
    worker misbehave misbehave &
    worker ping ping -c 20 -i 0.05 -W 5 -s 1400 $ip &
    wait
    for name in tls13 tls12 plain upload upload-plain echo keep-alive misbehave ping; do
        echo "$name: $(cat "$dir/w.$name")"
    done | tee "$dir/soaked"
    ! grep -vE ': [1-9][0-9]*$' "$dir/soaked" || fail "a worker failed or did nothing"
}

nothing_left() {
    until_true 100 quiet || # files that nobody asks for are kept for a minute, by a timer
         status 's["tcp"]["by_state"], s["timers_armed"]'
    quiet
    same "memory in use" "$(cat "$dir/rest")" "$(status "$rest")"
    same "HTTP connections" 0 "$(status 's["http"]["connections"]')"
    same "refused for lack of memory" 0 "$(status 'sum(p["refused"] for p in s["pools"].values())')"
    same "dropped for lack of memory" 0 "$(status \
        'sum(n for k, n in s["drops"].items() if k in ("TCP_NO_MEMORY", "TCP_NO_BUFFER", "ETH_NO_BUFFER"))')"
}

descriptors() { # of the process: as many descriptors as before
    same "descriptors" "$(cat "$dir/fds")" "$(find "/proc/$serve_pid/fd" -mindepth 1 | wc -l)"
}

try "one connection of each kind" warm_up
find "/proc/$serve_pid/fd" -mindepth 1 | wc -l >"$dir/fds"
try "$seconds s of mixed traffic" soak
sed 's/^/   # /' "$dir/soaked"
try "no connection, buffer or timer is left" nothing_left
try "no descriptor is left open" descriptors
try "and it still answers" get / -o /dev/null
done_testing
