#!/usr/bin/env bash
# The lens on TLS: what --handshake and --events tell of each message, and what --reveal shows of the key schedule, against
# tshark's decode of the same packets, openssl's reading of the certificates, and the key log that the peer wrote.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

compare() { python3 "$e2e/lens.py" "$dir/events" "$dir/pcap" "$dir/keys"; }

# ---- as a server ----

serve --events "$dir/events" --reveal --alpn http/1.1

client() { # OPTION…: a request by openssl s_client, which stays for the answer and the tickets
    printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' $host |
        timeout 20 openssl s_client -connect $ip:443 -servername $host -CAfile "$ca" -verify_return_error \
            -ign_eof -alpn h2,http/1.1 -keylogfile "$dir/keys" "$@" >"$dir/client" 2>&1
}
served() { # OPTION…
    rm -f "$dir/keys"
    capture "$dir/pcap"
    client "$@"
    capture_end
    until_true 10 no_connections # which writes the events out, too
    compare
}
resumed() { # VERSION: the first connection leaves a ticket, the second one is looked at
    client "$1" -sess_out "$dir/session"
    served "$1" -sess_in "$dir/session"
    contains "$dir/client" '^Reused, '
}
ticket() { # openssl derives the same key from the ticket (RFC 8446 4.6.1)
    served -tls1_3
    local psk
    psk=$(sed -n 's/^ *Resumption PSK: //p' "$dir/client" | tail -n 1 | tr A-F a-f)
    [ -n "$psk" ] || fail "openssl shows no PSK"
    grep -q "\"PSK of the ticket\".*\"value\":\"$psk\"" "$dir/events" || fail "we have no such PSK: $psk"
}

try "as a server: TLS 1.3" served -tls1_3
try "as a server: TLS 1.3, ChaCha20-Poly1305" served -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256
try "as a server: TLS 1.2" served -tls1_2
try "as a server: TLS 1.2, SHA-384" served -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384
try "as a server: HelloRetryRequest" served -tls1_3 -groups P-521:P-256
try "as a server: TLS 1.3, resumed" resumed -tls1_3
try "as a server: TLS 1.2, resumed" resumed -tls1_2
try "the key of a ticket is openssl's" ticket
end_serve

rm -f "$dir/events"
"$vitrine" ca issue --dir "$dir/ca" --out person --name person.test --client >/dev/null
serve --events "$dir/events" --reveal --rsa --client-ca "$dir/ca/ca.pem"
known() { # OPTION…: a client with a certificate of its own, a server with an RSA key
    served -cert "$dir/ca/person.pem" -key "$dir/ca/person.key" "$@"
    contains "$dir/events" '"message":"Certificate".*"verdict":"good: signed by a trusted root, valid now, for this purpose"'
    contains "$dir/events" '"outgoing":false,.*"message":"CertificateVerify",.*"verdict":"good: the signature'
}
try "as a server: RSA and a client's certificate, TLS 1.3" known -tls1_3
try "as a server: RSA and a client's certificate, TLS 1.2" known -tls1_2
end_serve

# ---- what is shown, and what is not ----

first_line() { # of --reveal, before anything else
    head -n 1 "$dir/serve.log" | grep -q '^reveal: .*keep it like a private key' || fail "$(head -n 1 "$dir/serve.log")"
    head -n 1 "$dir/events" | grep -q '"event":"reveal"' || fail "$(head -n 1 "$dir/events")"
}
try "--reveal says in its first line what it means" first_line

serve_ladder() { # OPTION…: like serve, with the ladder
    "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --status "$dir/status" "$@" >"$dir/serve.log" 2>&1 &
    serve_pid=$!
    until_true 20 serving
}
hidden() { # the same steps, and no secret of the connection in any output
    rm -f "$dir/keys"
    client -tls1_3
    until_true 10 no_connections
    contains "$dir/serve.log" 'key schedule: client_handshake_traffic_secret, (32|48) bytes, as mbedTLS has it'
    contains "$dir/serve.log" 'cipher_suite +TLS_'
    contains "$dir/serve.log" 'verdict +good: verify_data is HMAC'
    same "revealed" 0 "$(grep -c '│ *SECRET \|^reveal' "$dir/serve.log")"
    local secret
    for secret in $(awk 'NF == 3 { print $3 }' "$dir/keys"); do
        ! grep -qi "$secret" "$dir/serve.log" "$dir/events" || fail "a secret is shown: $secret"
    done
}
rm -f "$dir/events"
serve_ladder --events "$dir/events" --handshake
try "without --reveal no secret is shown" hidden
end_serve

# ---- as a client ----

server=
s_server() { # OPTION…
    rm -f "$dir/keys"
    (cd "$dir" && exec openssl s_server -quiet -accept 4443 -cert "$dir/ca/server.pem" -key "$dir/ca/server.key" -WWW \
        -keylogfile "$dir/keys" "$@") >"$dir/s_server" 2>&1 &
    server=$!
    until_true 10 listening
}
listening() { grep -q ':115B 0*:0000 0A' /proc/net/tcp /proc/net/tcp6 2>/dev/null; }
fetched() { # VERSION SERVER-OPTION…
    echo hello >"$dir/small"
    s_server "${@:2}"
    capture "$dir/pcap"
    "$vitrine" get --tap vt0 --msl 0.05 --resolve "$host:$kernel" --cacert "$ca" --tls-max "$1" --reveal \
        --events "$dir/events" "https://$host:4443/small" >"$dir/body" 2>"$dir/said"
    capture_end
    kill $server
    wait $server || true
    same "body" hello "$(cat "$dir/body")"
    head -n 1 "$dir/said" | grep -q '^reveal: ' || fail "$(head -n 1 "$dir/said")"
    compare
}
signed() { # the verdicts on what the server has shown
    fetched 1.3
    contains "$dir/events" '"verdict":"good: signed by a trusted root, valid now, for this purpose and this name"'
    contains "$dir/said" "verdict +good: the signature is by the certificate's key"
}
try "as a client: TLS 1.3" fetched 1.3
try "as a client: TLS 1.2" fetched 1.2
try "as a client: HelloRetryRequest" fetched 1.3 -groups P-384
try "as a client: the verdicts" signed

done_testing
