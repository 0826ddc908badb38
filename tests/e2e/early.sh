#!/usr/bin/env bash
# 0-RTT: the service with openssl's client, and with somebody who recorded it; `vitrine get` with nginx.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mine=$dir/mine
site=kernel.test # what the other side is called
server=          # the process of the server in hand

get_early() { printf 'GET /?json HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' $host; }
post_early() { printf 'POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\n\r\nhello' $host; }
get_early >"$dir/get"
post_early >"$dir/post"

client() { # OPTION…: a request by openssl s_client, from standard input
    timeout 20 openssl s_client -tls1_3 -connect "${to:-$ip:443}" -servername $host -CAfile "$ca" -verify_return_error \
        -alpn http/1.1 -ign_eof "$@" >"$dir/client" 2>&1
}
says() { contains "$dir/client" "$1"; }
drops() { status "s['drops'].get('$1', 0)"; }
requests() { status "s['http']['requests']"; }
ticket() { # a first connection, for its session
    get_early | client -sess_out "$dir/session"
    says '"resumed":false'
}

accepted() {
    ticket
    says 'Max Early Data: 16384'
    client -sess_in "$dir/session" -early_data "$dir/get" </dev/null
    says '^Early data was accepted'
    says '"resumed":true,"proof":"ticket","psk_identity":null,"early_data":"accepted"'
}
post_refused() { # RFC 8470 5.2
    ticket
    client -sess_in "$dir/session" -early_data "$dir/post" </dev/null
    says '^Early data was accepted'
    says '^HTTP/1.1 425 Too Early'
}
post_marked() { # an intermediary says so (RFC 8470 5.1)
    same "status" 425 "$(get /echo -o /dev/null -w '%{http_code}' -H 'Early-Data: 1' --data hello)"
    same "status" 200 "$(get /echo -o /dev/null -w '%{http_code}' --data hello)"
    same "status" 200 "$(get / -o /dev/null -w '%{http_code}' -H 'Early-Data: 1')"
}
used_twice() { # the same ticket, a new ClientHello: single use all the same
    ticket
    client -sess_in "$dir/session" -early_data "$dir/get" </dev/null
    says '^Early data was accepted'
    get_early | client -sess_in "$dir/session" -early_data "$dir/get"
    says '^Early data was rejected'
    says '"resumed":true,"proof":"ticket","psk_identity":null,"early_data":"rejected"'
    same "refused" 1 "$(drops TLS_EARLY_REPLAYED)"
}

# Between the client and the service: passes everything on, and keeps the client's first flight. Then it sends those
# very bytes again, from another connection, and reads to the end.
cat >"$dir/recorder.py" <<'END'
import select, socket, sys
mode, name = sys.argv[1:]
service = socket.create_connection(("10.9.0.2", 443))
if mode == "replay":
    service.sendall(open(name, "rb").read())
    service.settimeout(2)
    got = b""
    try:
        while part := service.recv(65536):
            got += part
    except TimeoutError:
        pass
    print("answered with", len(got), "bytes, record types", sorted({got[0]} if got else {}))
    sys.exit()
listener = socket.create_server(("10.9.0.1", 9443))
client, _ = listener.accept()
flight, answered = b"", False
while True:
    for ready in select.select([client, service], [], [])[0]:
        data = ready.recv(65536)
        if not data:
            open(name, "wb").write(flight)
            sys.exit()
        if ready is client:
            flight += b"" if answered else data
            service.sendall(data)
        else:
            answered = True
            client.sendall(data)
END
replayed() { # really: the captured bytes
    ticket
    python3 "$dir/recorder.py" record "$dir/flight" &
    until_true 10 listening 9443
    to=$kernel:9443 client -sess_in "$dir/session" -early_data "$dir/get" </dev/null || true
    says '^Early data was accepted'
    wait $!
    local before seen
    seen=$(drops TLS_EARLY_REPLAYED)
    before=$(requests)
    [ "$(wc -c <"$dir/flight")" -gt $(($(wc -c <"$dir/get") + 200)) ] || fail "no early data was recorded"
    python3 "$dir/recorder.py" replay "$dir/flight" >"$dir/replay"
    same "refused" $((seen + 1)) "$(drops TLS_EARLY_REPLAYED)"
    same "requests" "$before" "$(requests)"
}
seen_on_the_wire() { # tshark reads the early request with the key log
    ticket
    capture "$dir/pcap"
    client -sess_in "$dir/session" -early_data "$dir/get" </dev/null
    capture_end
    decode -r "$dir/pcap" -o "tls.keylog_file:$dir/keys" -Y 'http.request' -T fields -e http.request.uri >"$dir/uris"
    same "the request" '/?json' "$(cat "$dir/uris")"
}
off() { # unless it is asked for
    ticket
    ! grep -q 'Max Early Data: [1-9]' "$dir/client" || fail "early data was offered"
}
gone() { # early data on a ticket of keys that are gone: passed over, and a full handshake
    get_early | client -sess_in "$dir/old" -early_data "$dir/get"
    says '^Early data was rejected'
    says '"resumed":false,"proof":"certificate","psk_identity":null,"early_data":"rejected"'
    same "answers" 1 "$(grep -c '^HTTP/1.1 200' "$dir/client")"
}

listening() { ss -Hltn "sport = :$1" | grep -q .; }
serve
try "off unless asked for" off
end_serve
serve --early-data --keylog "$dir/keys"
try "openssl: accepted" accepted
try "openssl: a ticket is good for it once" used_twice
try "replayed bytes are refused" replayed
try "an early POST: 425" post_refused
try "a POST that an intermediary marks: 425" post_marked
try "tshark reads it" seen_on_the_wire
try "  a ticket for later" ticket
mv "$dir/session" "$dir/old"
end_serve
serve --early-data
try "openssl: a ticket of keys that are gone" gone
end_serve
serve
try "  also where early data is off" gone
end_serve

# --- `vitrine get` ---

issue() {
    "$vitrine" ca init --dir "$mine"
    "$vitrine" ca issue --dir "$mine" --out good --name $site --ip $kernel
}
try "certificates are made" issue
stop_server() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
    server=
}
trap 'stop_server; rm -rf "$dir"' EXIT
fetch() { # OPTION… URL
    timeout 60 "$vitrine" get -v --tap vt0 --msl 0.05 --resolve "$site:$kernel" --cacert "$mine/ca.pem" \
        --session "$dir/kept" -o "$dir/body" "$@" 2>"$dir/said"
}
said() { contains "$dir/said" "$1"; }
mkdir "$dir/www"

needs_session() {
    local status=0
    "$vitrine" get --tap vt0 --early-data https://$site/ 2>"$dir/said" || status=$?
    same status 2 $status
    said 'needs a --session'
}
by_get() { # URL: with the ticket of the first connection; the server's word for it is in its EncryptedExtensions
    rm -f "$dir/kept"
    fetch --early-data "$1"
    said '^vitrine get: warning: --early-data'
    said '^\* early data: not sent'
    capture "$dir/pcap"
    fetch --early-data --keylog "$dir/got.keys" "$1"
    capture_end
    said '^\* early data: accepted'
    decode -r "$dir/pcap" -o "tls.keylog_file:$dir/got.keys" -Y 'tls.handshake.type == 8' \
        -T fields -e tls.handshake.extension.type >"$dir/extensions"
    contains "$dir/extensions" '(^|,)42(,|$)' # RFC 8446 4.2.10
    same body served "$(cat "$dir/body")"
}
rejected() { # by a server that cannot open the ticket: the request goes again
    fetch --early-data "https://$site:4447/"
    said '^\* early data: rejected'
    said '^\* certificate: CN=kernel.test'
    same body plain "$(cat "$dir/body")"
}
try "get: --early-data needs a --session" needs_session
if command -v nginx >/dev/null || [ -x "$root/build/tools/usr/sbin/nginx" ]; then
    cat >"$dir/nginx.conf" <<END
daemon off; error_log stderr; pid $dir/nginx.pid; worker_processes 1; user root;
events {}
http {
    access_log off; root $dir/www;
    client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
    ssl_certificate $mine/good.pem; ssl_certificate_key $mine/good.key; ssl_protocols TLSv1.3;
    server { listen $kernel:4446 ssl; ssl_early_data on; location / { return 200 served; } }
    server { listen $kernel:4447 ssl; location / { return 200 plain; } }
}
END
    PATH=$PATH:$root/build/tools/usr/sbin:/usr/sbin nginx -p "$dir" -c "$dir/nginx.conf" 2>"$dir/nginx.log" &
    server=$!
    until_true 10 listening 4447
    try "nginx: get's early data is accepted" by_get "https://$site:4446/"
    try "nginx: get's early data is rejected, and sent again" rejected
    stop_server
else
    echo "# no nginx here: its cases are left out"
fi
done_testing
