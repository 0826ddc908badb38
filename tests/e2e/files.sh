#!/usr/bin/env bash
# Files in memory: one that is cut short or written anew while it is sent, one that changes between requests, and
# several downloads of the same.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file big 40000000
serve --root "$dir/root"
old='2001-09-09 01:46:40 UTC'

slowly() { # FILE: begins a download that takes seconds; its status comes to $dir/status.slow
    rm -f "$dir/got" "$dir/status.slow"
    {
        local status=0
        curl -sS --max-time 60 --limit-rate 4M -o "$dir/got" "http://$host/$1" || status=$?
        echo "$status" >"$dir/status.slow"
    } &
    until_true 10 begun
}
begun() { [ "$(stat -c %s "$dir/got" 2>/dev/null || echo 0)" -gt 1000000 ]; }
over() { test -s "$dir/status.slow"; }
serves() { same "content" "$2" "$(plain "/$1")"; }

cut_short() { # the client must see that the answer is incomplete, and nothing of it is wrong
    head -c 40000000 "$dir/root/big" >"$dir/root/cut"
    touch -d "$old" "$dir/root/cut"
    slowly cut
    truncate -s 2000000 "$dir/root/cut"
    until_true 30 over
    [ "$(cat "$dir/status.slow")" != 0 ] || fail "the download seemed to be whole"
    cmp -n "$(stat -c %s "$dir/got")" "$dir/got" "$dir/root/big"
    same "size" 2000000 "$(plain /cut | wc -c)"
}

written_anew() { # in place, between two requests, with the same size
    echo before >"$dir/root/page"
    touch -d "$old" "$dir/root/page"
    serves page before
    serves page before
    echo behind >"$dir/root/page"
    serves page behind
    echo beyond >"$dir/root/page.new"
    mv "$dir/root/page.new" "$dir/root/page"
    serves page beyond
    rm "$dir/root/page"
    same "status" 404 "$(plain /page -o /dev/null -w '%{http_code}')"
}

at_once() {
    local i
    touch -d "$old" "$dir/root/big"
    for i in 1 2 3 4; do
        plain /big -o "$dir/big.$i" &
    done
    get /big -o "$dir/big.5"
    wait
    for i in 1 2 3 4 5; do
        cmp "$dir/root/big" "$dir/big.$i"
    done
}

try "files: one that is cut short while it is sent" cut_short
try "files: one that changes is another" written_anew
try "files: five downloads of the same, one of them over TLS" at_once
try "files: no connection is left" until_true 10 no_connections
done_testing
