#!/usr/bin/env bash
# `vitrine get`: our client against nginx and openssl's server on the kernel's side of the TAP, with good
# certificates and with each kind of bad one, and against servers that misbehave.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mine=$dir/mine
site=kernel.test # what the other side is called
server=          # the process of the server in hand

fetch() { # OPTION… URL: the body goes to $dir/body, what is said to $dir/said
    timeout 60 "$vitrine" get --tap vt0 --wire "$wire" --msl 0.05 --resolve "$site:$kernel" --cacert "$mine/ca.pem" \
        -o "$dir/body" "$@" 2>"$dir/said"
}
status_of() { # EXPECTED OPTION… URL
    local expected=$1 status=0
    shift
    fetch "$@" || status=$?
    same "exit status ($(tail -n 1 "$dir/said"))" "$expected" $status
}
stop_server() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
    server=
}
trap 'stop_server; rm -rf "$dir"' EXIT
listening() { ss -Hltn "sport = :$1" | grep -q .; }

issue() {
    "$vitrine" ca init --dir "$mine"
    "$vitrine" ca issue --dir "$mine" --out good --name $site --ip $kernel
    "$vitrine" ca issue --dir "$mine" --out rsa --name $site --rsa
    "$vitrine" ca issue --dir "$mine" --out other --name other.test
    "$vitrine" ca issue --dir "$mine" --out person --name person.test --client
    "$vitrine" ca init --dir "$mine/stranger"
    # openssl makes what our CA does not: dates of the past and of the future, and a signature that is none
    : >"$mine/index" && echo 01 >"$mine/serial"
    printf '[ca]\ndefault_ca=a\n[a]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n' \
        "$mine/index" "$mine/serial" "$mine" $site >"$mine/conf"
    openssl req -new -key "$mine/good.key" -subj "/CN=$site" -out "$mine/csr"
    dated old 20200101000000Z 20200201000000Z
    dated young 20400101000000Z 20410101000000Z
    openssl x509 -in "$mine/good.pem" -outform der -out "$mine/der"
    python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); d[-1] ^= 1; open(sys.argv[1], "wb").write(d)' "$mine/der"
    openssl x509 -inform der -in "$mine/der" -out "$mine/forged.pem"
    cp "$mine/good.key" "$mine/forged.key"
}
dated() { # NAME FROM TO
    openssl ca -batch -notext -config "$mine/conf" -extensions x -cert "$mine/ca.pem" -keyfile "$mine/ca.key" \
        -in "$mine/csr" -out "$mine/$1.pem" -startdate "$2" -enddate "$3"
    cp "$mine/good.key" "$mine/$1.key"
}

try "certificates are made" issue

# --- nginx ---

mkdir "$dir/www"
head -c 5000000 /dev/urandom >"$dir/www/big"
echo hello >"$dir/www/small"
cat >"$dir/nginx.conf" <<END
daemon off; error_log stderr; pid $dir/nginx.pid; worker_processes 1; user root;
events {}
http {
    access_log off; root $dir/www;
    client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
    gzip off; ssi on; ssi_types application/octet-stream;
    server {
        listen $kernel:80; listen $kernel:443 ssl;
        ssl_certificate $mine/good.pem; ssl_certificate_key $mine/good.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        location /chunked { alias $dir/www/big; }
    }
    server {
        listen $kernel:4433 ssl; ssl_certificate $mine/rsa.pem; ssl_certificate_key $mine/rsa.key;
        ssl_protocols TLSv1.2 TLSv1.3;
    }
    server { # TLS 1.2 only, so that it has the choice of signatures that a client of both offers
        listen $kernel:4435 ssl; ssl_certificate $mine/rsa.pem; ssl_certificate_key $mine/rsa.key;
        ssl_protocols TLSv1.2;
    }
    server {
        listen $kernel:4434 ssl; ssl_certificate $mine/good.pem; ssl_certificate_key $mine/good.key;
        ssl_client_certificate $mine/ca.pem; ssl_verify_client on;
        location / { return 200 "\$ssl_client_s_dn"; }
    }
}
END
start_nginx() {
    PATH=$PATH:$root/build/tools/usr/sbin:/usr/sbin nginx -p "$dir" -c "$dir/nginx.conf" 2>"$dir/nginx.log" &
    server=$!
    until_true 10 listening 4434
}

same_file() { # URL FILE OPTION…
    fetch "${@:3}" "$1"
    same "hash" "$(sha <"$dir/www/$2")" "$(sha <"$dir/body")"
}
told() { # what -v shows is what tshark sees
    capture "$dir/pcap"
    fetch -v --tls-max 1.3 "https://$site/small"
    capture_end
    contains "$dir/said" '^\* TLS 1.3, TLS_AES_(128_GCM_SHA256|256_GCM_SHA384), x25519, ALPN http/1.1$'
    contains "$dir/said" '^\*   verdict     good$'
    contains "$dir/said" '^< HTTP/1.1 200 OK$'
    local isn cipher
    isn=$(decode -r "$dir/pcap" -Y 'tcp.flags.syn==1 && tcp.flags.ack==0' -T fields -e tcp.seq_raw | head -n 1)
    contains "$dir/said" "SYN  seq $isn "
    isn=$(decode -r "$dir/pcap" -Y 'tcp.flags.syn==1 && tcp.flags.ack==1' -T fields -e tcp.seq_raw | head -n 1)
    contains "$dir/said" "SYN ACK  seq $isn "
    cipher=$(decode -r "$dir/pcap" -Y 'tls.handshake.type==2' -T fields -e tls.handshake.ciphersuite | head -n 1)
    case $cipher in 0x1301) cipher=TLS_AES_128_GCM_SHA256 ;; 0x1302) cipher=TLS_AES_256_GCM_SHA384 ;; esac
    contains "$dir/said" "^\* TLS 1.3, $cipher,"
}
mutual() {
    fetch --cert "$mine/person.pem" --key "$mine/person.key" "$@" "https://$site:4434/"
    contains "$dir/body" 'CN=person.test'
    status_of 22 --fail "$@" "https://$site:4434/"
}
slow_output() { # the window closes and opens again; nothing is lost
    timeout 60 "$vitrine" get --tap vt0 --wire "$wire" --msl 0.05 --resolve "$site:$kernel" --cacert "$mine/ca.pem" \
        "https://$site/big" 2>"$dir/said" | { sleep 1; sha; } >"$dir/hash"
    same "hash" "$(sha <"$dir/www/big")" "$(cat "$dir/hash")"
}
refusals() {
    status_of 0 "https://$site/no/such"
    status_of 22 --fail "https://$site/no/such"
    status_of 7 "https://$site:4/"
    contains "$dir/said" 'port 4: '
    status_of 6 https://nobody.test/
    status_of 3 ftp://$site/
    status_of 2
    status_of 77 --cacert /nowhere "https://$site/"
    status_of 23 -o /nowhere/at/all "https://$site/"
    status_of 28 --max-time 1 http://10.9.0.77/ # nobody answers ARP
}
head_only() {
    fetch -I "http://$site/big"
    contains "$dir/body" '^HTTP/1.1 200 OK'
    contains "$dir/body" '^Content-Length: 5000000'
}

if command -v nginx >/dev/null || [ -x "$root/build/tools/usr/sbin/nginx" ]; then
    start_nginx
    try "nginx: over TLS 1.3" same_file "https://$site/big" big
    try "nginx: over TLS 1.2" same_file "https://$site/big" big --tls-max 1.2
    try "nginx: with RSA" same_file "https://$site:4433/small" small
    try "nginx: with RSA, TLS 1.2" same_file "https://$site:4433/small" small --tls-max 1.2
    try "nginx: with RSA, TLS 1.2 is all it has" same_file "https://$site:4435/small" small
    try "nginx: by address" same_file "https://$kernel/small" small
    try "nginx: without TLS" same_file "http://$site/big" big
    try "nginx: in chunks" same_file "http://$site/chunked" big
    try "nginx: HEAD" head_only
    try "what -v shows is what tshark sees" told
    try "nginx wants to know who we are, TLS 1.3" mutual
    try "nginx wants to know who we are, TLS 1.2" mutual --tls-max 1.2
    try "slow output" slow_output
    try "each refusal has its own status" refusals
    stop_server
else
    echo "# no nginx here: its cases are left out"
fi

# --- certificates, by openssl ---

s_server() { # CERTIFICATE OPTION…
    openssl s_server -quiet -accept 4443 -cert "$mine/$1.pem" -key "$mine/$1.key" -WWW "${@:2}" >"$dir/s_server" 2>&1 &
    server=$!
    until_true 10 listening 4443
}
refused() { # CERTIFICATE WORDS OPTION…
    local version
    for version in 1.2 1.3; do
        status_of 60 --tls-max $version "${@:3}" "https://$site:4443/small"
        contains "$dir/said" "$2"
        fetch --tls-max $version --insecure "${@:3}" "https://$site:4443/small"
        same "body" hello "$(cat "$dir/body")"
    done
}
against() { # CERTIFICATE WORDS OPTION…
    s_server "$1"
    local status=0
    refused "$@" || status=$?
    kill $server
    wait $server || true
    return $status
}
cd "$dir/www" || exit
try "a wrong name" against other 'made out to another name'
try "an expired one" against old 'it has expired'
try "one of the future" against young 'it is not valid yet'
try "a forged signature" against forged 'no trusted root has signed it'
try "one for clients" against person 'its key is not for a server'
try "an unknown root" against good 'no trusted root has signed it' --cacert "$mine/stranger/ca.pem"

# --- servers that misbehave ---

# One server for all: what it says depends on the path, then it closes. TLS is answered by HTTP.
cat >"$dir/odd.py" <<'END'
import socket, time
answers = {
    b"/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour",
    b"/chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfour",
    b"/end": b"HTTP/1.0 200 OK\r\n\r\nall of it",
    b"/early": b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"/nothing": b"",
    b"/ssh": b"SSH-2.0-OpenSSH_9.9\r\n",
    b"/both": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
}
s = socket.create_server(("10.9.0.1", 8080))
kept = []
while True:
    c, _ = s.accept()
    words = c.recv(4096).split()
    path = words[1] if len(words) > 1 else b""
    if path == b"/silent":
        kept.append(c)
        continue
    c.sendall(answers.get(path, b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    c.close()
END
python3 "$dir/odd.py" &
server=$!
until_true 20 listening 8080

odd() { # STATUS PATH [BODY]
    status_of "$1" "http://$site:8080$2"
    [ $# -lt 3 ] || same body "$3" "$(cat "$dir/body")"
}
try "a body cut off" odd 18 /cut
try "chunks cut off" odd 18 /chunk
try "a body to the end" odd 0 /end 'all of it'
try "an interim answer first" odd 0 /early ok
try "no answer" odd 52 /nothing
try "no HTTP" odd 8 /ssh
try "a length and chunks" odd 8 /both
try "HTTP where TLS is wanted" status_of 35 "https://$site:8080/"
try "a silent server and --max-time" status_of 28 --max-time 1 "http://$site:8080/silent"
stop_server

done_testing
