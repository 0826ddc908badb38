#!/usr/bin/env bash
# `vitrine ca`, and several certificates by SNI.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mine=$dir/mine

issue() {
    "$vitrine" ca init --dir "$mine"
    "$vitrine" ca issue --dir "$mine" --out one --name one.test --ip 10.9.0.2
    "$vitrine" ca issue --dir "$mine" --out two --name two.test --name '*.two.test' --rsa
    "$vitrine" ca issue --dir "$mine" --out person --name person.test --client --days 1
}

verify() { # openssl is the judge
    openssl verify -x509_strict -CAfile "$mine/ca.pem" -purpose sslserver -verify_hostname one.test "$mine/one.pem"
    openssl verify -x509_strict -CAfile "$mine/ca.pem" -purpose sslserver -verify_ip 10.9.0.2 "$mine/one.pem"
    openssl verify -x509_strict -CAfile "$mine/ca.pem" -purpose sslserver -verify_hostname a.two.test "$mine/two.pem"
    openssl verify -x509_strict -CAfile "$mine/ca.pem" -purpose sslclient "$mine/person.pem"
    ! openssl verify -CAfile "$mine/ca.pem" -purpose sslclient "$mine/one.pem" || fail "a server's is a client's"
    ! openssl verify -CAfile "$mine/ca.pem" -verify_hostname two.test "$mine/one.pem" || fail "any name does"
    openssl x509 -in "$mine/two.pem" -noout -text >"$dir/text"
    contains "$dir/text" 'Public-Key: \(2048 bit\)'
}

private() { # readable by their owner only
    local key
    for key in "$mine"/*.key "$dir"/ca/*.key; do
        same "mode of ${key##*/}" 600 "$(stat -c %a "$key")"
    done
    same "keys" 7 "$(find "$mine" "$dir/ca" -name '*.key' | wc -l)"
}

presented() { # NAME EXPECTED-SUBJECT-CN OPTION…
    local name=$1
    timeout 20 openssl s_client -connect $ip:443 -servername "$name" -CAfile "$mine/ca.pem" "${@:3}" \
        </dev/null >"$dir/client" 2>&1
    contains "$dir/client" "subject=.*CN *= *$2\$"
}

sni() {
    presented one.test one.test
    presented two.test two.test
    presented sub.two.test two.test
    presented elsewhere.test one.test
    presented two.test two.test -tls1_2
    timeout 20 openssl s_client -connect $ip:443 -noservername -CAfile "$mine/ca.pem" \
        </dev/null >"$dir/client" 2>&1
    contains "$dir/client" 'subject=.*CN *= *one.test$'
}

curl_sni() { # NAME: curl verifies chain and name by itself
    curl -sS --max-time 20 --cacert "$mine/ca.pem" --resolve "$1:443:$ip" -o /dev/null "https://$1/"
}

rsa() { # the development CA's RSA certificate
    get /?json >"$dir/story"
    same "key" RSA "$(json "$dir/story" 's["tls"]["certificate"]["key_type"]')"
    get /?json --tls-max 1.2 >"$dir/story"
    same "suite" TLS_ECDHE_RSA_WITH "$(json "$dir/story" 's["tls"]["suite"][:18]')"
}

story_matches() { # the certificate in the story is the one that openssl sees
    get /?json >"$dir/story"
    local seen
    seen=$(openssl x509 -in "$dir/ca/server.pem" -noout -fingerprint -sha256 | cut -d = -f 2 |
        tr -d ':' | tr '[:upper:]' '[:lower:]')
    same "fingerprint" "$seen" "$(json "$dir/story" 's["tls"]["certificate"]["sha256_hex"]')"
    openssl x509 -in "$dir/ca/server.pem" -noout -pubkey | openssl pkey -pubin -outform DER |
        tail -c 65 | od -An -v -tx1 | tr -d ' \n' >"$dir/point"
    same "public key" "$(cat "$dir/point")" "$(json "$dir/story" 's["tls"]["certificate"]["public_key_hex"]')"
}

try "vitrine ca issues certificates" issue
try "openssl verifies them" verify
serve
try "the story's certificate is the real one" story_matches
try "private keys are for their owner only" private
end_serve
serve --rsa
try "--rsa" rsa
end_serve
serve --cert "$mine/one.pem" --key "$mine/one.key" --cert "$mine/two.pem" --key "$mine/two.key"
try "SNI chooses the certificate" sni
try "curl: one.test" curl_sni one.test
try "curl: any.two.test" curl_sni any.two.test
done_testing
