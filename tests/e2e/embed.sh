#!/usr/bin/env bash
# The program of docs/embedding.md: it compiles as the page says, and does what it says, over TCP and over TLS.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root" || exit

block() { # the first of that language on the page
    awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } /^```/ { if (inside) exit } inside' docs/embedding.md
}
build_it() {
    block c >"$dir/greet.c"
    local line
    line=$(block sh | grep '^gcc ')
    contains <(echo "$line") '^gcc .* greet\.c \$\(make -s link-flags\)$'
    line=${line/build\/greet/$dir/greet -Wall -Wextra -Werror}
    bash -c "${line/greet.c/$dir/greet.c}"
}
try "the program compiles" build_it

"$vitrine" ca init --dir "$dir/ca" >"$dir/ca.log"
"$vitrine" ca issue --dir "$dir/ca" --out server --name $host >>"$dir/ca.log"
"$dir/greet" vt0 "$dir/ca/server.pem" "$dir/ca/server.key" >"$dir/out" 2>&1 &
greet_pid=$!

plain_echo() {
    until_true 10 nc -z $ip 7007
    head -c 300000 /dev/urandom >"$dir/sent"
    timeout 20 nc -N $ip 7007 <"$dir/sent" >"$dir/got"
    cmp "$dir/sent" "$dir/got"
}
try "it gives back what it gets, over TCP" plain_echo

secure_echo() {
    (echo hello; until_true 10 grep -q hello "$dir/got") |
        timeout 20 openssl s_client -quiet -no_ign_eof -verify_return_error -connect $host:7443 -CAfile "$ca" >"$dir/got" 2>"$dir/said"
    same "over TLS" hello "$(cat "$dir/got")"
}
try "and over TLS" secure_echo

told() {
    until_true 5 grep -q '^closed: ' "$dir/out"
    kill -0 $greet_pid
}
try "it is told of each end" told
kill $greet_pid
done_testing
