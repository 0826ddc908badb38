#!/usr/bin/env bash
# Mutual TLS: the service asks its clients who they are. curl and openssl's client with good certificates and with
# each kind of bad one; `vitrine get` on the other side of it is in get.sh.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mine=$dir/mine

issue() {
    "$vitrine" ca init --dir "$mine"
    "$vitrine" ca issue --dir "$mine" --out person --name person.test --client
    "$vitrine" ca issue --dir "$mine" --out rsa --name person.test --client --rsa
    "$vitrine" ca issue --dir "$mine" --out server --name person.test
    "$vitrine" ca init --dir "$mine/stranger"
    "$vitrine" ca issue --dir "$mine/stranger" --out person --name person.test --client
    # openssl makes what our CA does not: dates of the past, and another curve
    : >"$mine/index" && echo 01 >"$mine/serial"
    printf '[ca]\ndefault_ca=a\n[a]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n[x]\nextendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n' \
        "$mine/index" "$mine/serial" "$mine" >"$mine/conf"
    openssl ecparam -name secp384r1 -genkey -noout -out "$mine/p384.key"
    signed old person 20200101000000Z 20200201000000Z
    signed p384 p384 20200101000000Z 20400101000000Z
}
signed() { # NAME KEY FROM TO
    openssl req -new -key "$mine/$2.key" -subj "/CN=$1.test" -out "$mine/csr"
    openssl ca -batch -notext -config "$mine/conf" -extensions x -cert "$mine/ca.pem" -keyfile "$mine/ca.key" \
        -in "$mine/csr" -out "$mine/$1.pem" -startdate "$3" -enddate "$4"
    [ -e "$mine/$1.key" ] || cp "$mine/$2.key" "$mine/$1.key"
}
try "certificates are made" issue

client() { # CERTIFICATE|- OPTION…: a request by openssl s_client
    local own=()
    [ "$1" = - ] || own=(-cert "$mine/$1.pem" -key "$mine/$1.key")
    printf 'GET /?json HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' $host |
        timeout 20 openssl s_client -connect $ip:443 -servername $host -CAfile "$ca" -verify_return_error \
            -ign_eof "${own[@]}" "${@:2}" >"$dir/client" 2>&1
}
known() { # CERTIFICATE NAME OPTION…
    client "$1" "${@:3}"
    # In TLS 1.3 mbedTLS does not say which CAs it would like (RFC 8446 4.2.4, a MAY)
    [[ "$*" != *-tls1_2* ]] || contains "$dir/client" '^Acceptable client certificate CA names'
    contains "$dir/client" "\"client_certificate\":\{\"subject\":\"CN=$2\","
    contains "$dir/client" "\"sha256_hex\":\"$(openssl x509 -in "$mine/$1.pem" -outform der | sha)\",\"verified\":true"
}
refused() { # CERTIFICATE ALERT NUMBER OPTION…: the peer reads the alert, and no answer
    local status=0
    client "$1" "${@:4}" || status=$?
    contains "$dir/client" "alert $2.*SSL alert number $3\$"
    ! grep -q '"connection"' "$dir/client" || fail "it was served"
}
curl_known() {
    same "subject" CN=person.test "$(get /?json --cert "$mine/person.pem" --key "$mine/person.key" "$@" |
        json /dev/stdin 's["tls"]["client_certificate"]["subject"]')"
    contains <(get /?text --cert "$mine/person.pem" --key "$mine/person.key" "$@") '^  your certificate +CN=person.test$'
}
curl_refused() { # STATUS OPTION…
    local status=0
    get / "${@:2}" || status=$?
    same "curl's status" "$1" $status
}
ladder() { # what it shows of a good client and of a bad one
    client person -tls1_3
    client old -tls1_3 || true
    until_true 5 grep -q 'certificate_expired' "$dir/serve.log"
    contains "$dir/serve.log" "the client's certificate: CN=person.test, verified"
    contains "$dir/serve.log" "the client's certificate: CN=old.test, it has expired"
    contains "$dir/serve.log" 'CertificateRequest'
    contains "$dir/serve.log" 'alert: certificate_expired \(fatal\)'
}
seen() { # tshark, with the key log, reads the same messages from the wire
    capture "$dir/pcap"
    client person -tls1_3
    client - -tls1_3 || true
    capture_end
    decode -r "$dir/pcap" -o "tls.keylog_file:$dir/keys" -Y tls.handshake -T fields -e tls.handshake.type | tr ',' '\n' |
        sort -n | uniq -c | sed 's/^ *//' >"$dir/types"
    contains "$dir/types" '^2 13$' # CertificateRequest: both times
    contains "$dir/types" '^4 11$' # Certificate: of both sides, both times
    contains "$dir/types" '^3 15$' # CertificateVerify: the second client had nothing to sign with
    decode -r "$dir/pcap" -o "tls.keylog_file:$dir/keys" -Y 'tls.alert_message.level == 2' -T fields \
        -e tls.alert_message.desc >"$dir/alerts"
    same "the alert on the wire" 116 "$(cat "$dir/alerts")"
}

serve --client-ca "$mine/ca.pem" --keylog "$dir/keys"
for v in 1_3 1_2; do
    required='certificate required' number=116
    [ $v = 1_3 ] || required='handshake failure' number=40 # RFC 5246 7.4.6
    try "openssl, TLS $v: known" known person person.test -tls$v
    try "openssl, TLS $v: known by RSA" known rsa person.test -tls$v
    try "openssl, TLS $v: known by P-384" known p384 p384.test -tls$v
    try "openssl, TLS $v: no certificate" refused - "$required" $number -tls$v
    try "openssl, TLS $v: of an unknown CA" refused stranger/person 'unknown ca' 48 -tls$v
    try "openssl, TLS $v: expired" refused old 'certificate expired' 45 -tls$v
    try "openssl, TLS $v: a server's" refused server 'unsupported certificate' 43 -tls$v
    try "curl, TLS $v: known" curl_known --tls-max ${v/_/.}
done
try "curl without a certificate" curl_refused 56 --tlsv1.3
try "curl without a certificate, TLS 1.2" curl_refused 35 --tls-max 1.2
try "tshark reads the same" seen
end_serve

serve --client-ca "$mine/ca.pem" --client-auth optional
try "optional: known" known person person.test -tls1_3
try "optional: none is fine" client - -tls1_3
try "  and is told so" contains "$dir/client" '"client_certificate_asked":true,"client_certificate":null'
try "optional: none is fine, TLS 1.2" client - -tls1_2
try "optional: a bad one is refused" refused old 'certificate expired' 45 -tls1_3
end_serve

: >"$dir/serve.log"
"$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --client-ca "$mine/ca.pem" >"$dir/serve.log" 2>&1 &
serve_pid=$!
until_true 20 serving
try "the ladder shows who it is" ladder
end_serve
try "roots that are not there" test "$("$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --client-ca /nowhere >"$dir/out" 2>&1; echo $?)" = 1
try "  and it says so" contains "$dir/out" '/nowhere'
done_testing
