#!/usr/bin/env bash
# A 1 GiB file down, 100 MiB up and back, and readers that are slow.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file gib $((1 << 30))
make_file hundred $((100 << 20))
make_file big 4000000
serve --root "$dir/root" --msl 1

download() { # OPTION…: its hash, and how fast it was
    local url=$1 got
    shift
    got=$({ curl -sS --max-time 120 --cacert "$ca" "$@" -w '%{stderr}%{speed_download}\n' "$url/gib"; } \
        2>"$dir/speed" | sha)
    same "hash" "$(cat "$dir/gib.sha")" "$got"
}
speed() { awk '{ printf "   # %.2f Gbit/s, curl into sha256sum\n", $1 * 8 / 1e9 }' "$dir/speed"; }

echo_port() { # RFC 862 with netcat
    timeout 60 nc -N -w 20 $ip 7 <"$dir/root/hundred" >"$dir/back"
    cmp "$dir/root/hundred" "$dir/back"
}

echo_post() { # URL OPTION…
    curl -sS --max-time 60 --cacert "$ca" -X POST -T "$dir/root/hundred" -o "$dir/back" "$@"
    cmp "$dir/root/hundred" "$dir/back"
}

slow() { # PORT CA: a reader that lets the window shut first
    same "hash and end" "$(cat "$dir/big.sha") fin" "$(python3 "$peer" slow-reader "$1" "$2")"
}


try "1 GiB over TLS 1.3, the hash matches" download "https://$host" --tlsv1.3
speed
try "1 GiB over TLS 1.2, the hash matches" download "https://$host" --tls-max 1.2
speed
try "1 GiB over plain HTTP, the hash matches" download "http://$host"
speed
try "100 MiB to the echo port and back" echo_port
try "100 MiB by POST over TLS and back" echo_post "https://$host/echo"
try "100 MiB by POST over TLS in chunks and back" echo_post "https://$host/echo" -H 'Transfer-Encoding: chunked'
try "100 MiB by POST over plain HTTP and back" echo_post "http://$host/echo"
try "a slow reader over plain HTTP" slow 80 -
try "a slow reader over TLS" slow 443 "$ca"
try "echo to one who writes until the window is shut" python3 "$peer" pause-writer 7
try "no connection is left" until_true 15 no_connections
done_testing
