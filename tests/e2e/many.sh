#!/usr/bin/env bash
# Many connections: at once, and one after the other.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file some 200000
serve --root "$dir/root" --msl 1

parallel() { # 200 curls at the same time, each with the whole file
    local pids=() i
    for i in $(seq 200); do
        get /some -o "$dir/some.$i" --max-time 100 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    same "hashes" "$(cat "$dir/some.sha")" "$(sha256sum "$dir"/some.[0-9]* | cut -d ' ' -f 1 | sort -u)"
    same "files" 200 "$(find "$dir" -name 'some.[0-9]*' | wc -l)"
    rm "$dir"/some.[0-9]*
}

sequential() { # COUNT URL OPTION…: so many new connections, one after the other, all answered
    local before after
    before=$(status 's["tcp"]["totals"]["established"]')
    curl -sS --max-time 140 --cacert "$ca" -H 'Connection: close' -o /dev/null -w '%{http_code}\n' \
        "${@:3}" "$2?[1-$1]" >"$dir/codes"
    after=$(status 's["tcp"]["totals"]["established"]')
    same "answers" "$1" "$(grep -c '^200$' "$dir/codes")"
    same "connections" "$1" $((after - before))
}


all_gone() { [ "$(status 's["tcp"]["connections"] + s["tcp"]["time_wait"]')" = 0 ]; }

try "200 parallel curls over TLS" parallel
try "1,000 sequential connections, TLS 1.3, a full handshake each" sequential 1000 "https://$host/" --no-sessionid
try "500 sequential connections, TLS 1.2" sequential 500 "https://$host/" --tls-max 1.2
try "500 sequential connections, plain" sequential 500 "http://$host/"
try "no connection and no TIME-WAIT record is left" until_true 20 all_gone
done_testing
