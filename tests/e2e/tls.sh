#!/usr/bin/env bash
# TLS with openssl's client: resumption, versions, and clients that do everything wrong.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
serve --tls-min 1.2

client() { # OPTION…: a request by openssl s_client, which stays for the answer and the tickets
    printf 'GET /?json HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' $host |
        timeout 20 openssl s_client -connect $ip:443 -servername $host -CAfile "$ca" -verify_return_error \
            -ign_eof "$@" >"$dir/client" 2>&1
}

resumption() { # -tls1_3 | -tls1_2
    client "$1" -sess_out "$dir/session"
    contains "$dir/client" '^New, '
    contains "$dir/client" '"resumed":false'
    client "$1" -sess_in "$dir/session"
    contains "$dir/client" '^Reused, '
    contains "$dir/client" '"resumed":true'
    contains "$dir/client" '"certificate":null'
}

no_tickets() {
    client -tls1_2 -sess_out "$dir/session"
    client -tls1_2 -sess_in "$dir/session"
    contains "$dir/client" '"resumed":false'
}

only_1_3() { # what --tls-min and --tls-max say is what there is
    local status=0
    client -tls1_3
    client -tls1_2 || status=$?
    same "status of TLS 1.2" 1 $status
    contains "$dir/client" 'alert protocol version'
}

only_1_2() {
    client -tls1_2
    client
    contains "$dir/client" 'Protocol *: TLSv1.2'
}

alpn() { # what both have is chosen; nothing in common is an alert (RFC 7301 3.2)
    client -alpn h2,http/1.1
    contains "$dir/client" '^ALPN protocol: http/1.1'
    ! client -alpn h2 || fail "h2 alone was accepted"
    contains "$dir/client" 'no application protocol'
}

still_fine() { # the service goes on as if nothing had been
    same "answer" 200 "$(get / -o /dev/null -w '%{http_code}')"
    until_true 15 no_connections
}

whose_records() { # what was asked for, or the first engine that the build has
    local named
    case ${RECORDS:-own} in
    mbedtls) named='mbedtls, to the end' ;;
    *) named=${ENGINE:-'(ipsec-mb|libcrypto|mbedtls)'} ;;
    esac
    contains "$dir/serve.log" "^  records  $named\$"
    case ${ENGINE:-first} in
    mbedtls) named=mbedtls ;;
    first) named='(libcrypto|mbedtls)' ;;
    *) named=libcrypto ;;
    esac
    contains "$dir/serve.log" "^  keys     $named\$"
}

try "whose records they are, and whose keys, is said" whose_records
try "openssl: resumption in TLS 1.3" resumption -tls1_3
try "openssl: resumption in TLS 1.2" resumption -tls1_2
try "openssl: the chain verifies" client -tls1_3
try "ALPN" alpn
try "garbage instead of TLS" python3 "$peer" garbage 443
try "  and the service goes on" still_fine
try "half a ClientHello, then FIN: decode_error" python3 "$peer" half-hello 443
try "  and the service goes on" still_fine
try "a plain HTTP request on 443: an alert" python3 "$peer" plain-request 443
try "  and the service goes on" still_fine
try "a ClientHello byte by byte" python3 "$peer" slow-hello 443
try "TLS 1.1: protocol_version" python3 "$peer" old-version 443
try "a client that leaves inside its handshake" python3 "$peer" half-handshake 443
try "FIN without close_notify" python3 "$peer" truncated 443 "$ca"
try "  and the service goes on" still_fine
end_serve
serve --no-tickets
try "--no-tickets" no_tickets
end_serve
serve --tls-min 1.3
try "--tls-min 1.3" only_1_3
end_serve
serve --tls-max 1.2
try "--tls-max 1.2" only_1_2
done_testing
