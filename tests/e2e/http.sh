#!/usr/bin/env bash
# HTTP/1.1 from the wire: errors, limits, ranges, pipelining, and no way out of the directory.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir -p "$dir/root/sub"
echo 'hello, world' >"$dir/root/hello"
echo '<p>index</p>' >"$dir/root/sub/index.html"
echo SECRET >"$dir/secret"
ln -s ../secret "$dir/root/link"
ln -s /etc/passwd "$dir/root/absolute"
ln -s /etc "$dir/root/linkdir"
serve --root "$dir/root"

expect_100() { # curl waits for 100 (Continue) before it sends a body like this
    head -c 2000000 /dev/urandom >"$dir/body"
    plain /echo -H 'Expect: 100-continue' --expect100-timeout 30 -T "$dir/body" -X POST -v \
        >"$dir/back" 2>"$dir/verbose"
    contains "$dir/verbose" 'HTTP/1.1 100 Continue'
    cmp "$dir/body" "$dir/back"
}

not_modified() {
    local etag
    etag=$(plain /hello -I | tr -d '\r' | sed -n 's/^ETag: //p')
    same "status" 304 "$(plain /hello -H "If-None-Match: $etag" -o /dev/null -w '%{http_code}')"
}

python3 "$e2e/http_cases.py" || failures=$((failures + 1))
try "http: Expect: 100-continue" expect_100
try "http: If-None-Match" not_modified
try "http: no connection is left" until_true 10 no_connections
done_testing
