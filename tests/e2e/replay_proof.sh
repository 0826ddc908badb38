#!/usr/bin/env bash
# Recordings of connections whose clients prove themselves, or come back: a certificate, a pre-shared key, a ticket, early
# data. Each is replayed, frame by frame and event by event; the events say that it was in there.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root" || exit
mine=$dir/mine
key=$(openssl rand -hex 32)

request() { printf 'GET /?json HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' $host; }
request >"$dir/request"
client() { # OPTION…: a request by openssl s_client, from standard input
    timeout 20 openssl s_client -connect $ip:443 -servername $host -CAfile "$ca" -ign_eof "$@" >"$dir/client" 2>&1
}
says() { contains "$dir/client" "$1"; }
record() { # NAME OPTION…
    : >"$dir/$1.events"
    serve --record "$dir/$1.tape" --events "$dir/$1.events" "${@:2}"
}
again() { # NAME: in a network namespace without an interface
    unshare --net "$vitrine" replay "$dir/$1.tape" --events "$dir/again" >"$dir/replay.log" 2>&1 ||
        fail "$(cat "$dir/replay.log")"
    contains "$dir/replay.log" ' [1-9][0-9]* frames out, .*all frames are the same'
    cmp "$dir/$1.events" "$dir/again"
}

with_certificates() {
    local version
    for version in -tls1_2 -tls1_3; do
        request | client $version -cert "$mine/person.pem" -key "$mine/person.key"
        says '"client_certificate":\{"subject":"CN=person.test",'
        request | client $version || true
        ! grep -q '"connection"' "$dir/client" || fail "it was served without one"
    done
}
with_key() {
    request | client -tls1_3 -psk_identity ann -psk "$key"
    says '"proof":"pre-shared key","psk_identity":"ann"'
    ! request | client -tls1_3 -psk_identity ann -psk "${key//[0-7]/8}" || fail "a wrong key was taken"
}
with_early_data() { # then with the same ticket again: rejected
    request | client -tls1_3 -alpn http/1.1 -sess_out "$dir/session"
    client -tls1_3 -alpn http/1.1 -sess_in "$dir/session" -early_data "$dir/request" </dev/null
    says '"resumed":true,"proof":"ticket","psk_identity":null,"early_data":"accepted"'
    request | client -tls1_3 -alpn http/1.1 -sess_in "$dir/session" -early_data "$dir/request"
    says '"early_data":"rejected"'
}
in_the_events() { contains "$dir/$1.events" "$2"; }

certificates() {
    "$vitrine" ca init --dir "$mine"
    "$vitrine" ca issue --dir "$mine" --out person --name person.test --client
}
try "certificates are made" certificates

record mutual --client-ca "$mine/ca.pem"
try "recorded: clients with a certificate, and without" with_certificates
end_serve
try "they are in the events" in_the_events mutual '"event":"tls_client"'
mv "$mine" "$mine.away"
try "replayed without the CA: all frames, all events" again mutual
mv "$mine.away" "$mine"

(umask 077 && printf 'ann:%s\n' "$key" >"$dir/keys")
record psk --psk-file "$dir/keys"
try "recorded: a pre-shared key, and a wrong one" with_key
end_serve
try "the wrong one is in the events" in_the_events psk 'TLS_PSK_WRONG'
try "replayed: all frames, all events" again psk

record early --early-data
try "recorded: early data, and the same ticket again" with_early_data
end_serve
try "what became of it is in the events" in_the_events early '"event":"tls_established".*"early":"accepted"'
try "replayed: all frames, all events" again early
done_testing
