#!/usr/bin/env bash
# Coming back by tickets, and meeting on pre-shared keys from outside: the service with openssl's client, and `vitrine
# get` with nginx and with openssl's server.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mine=$dir/mine
site=kernel.test # what the other side is called
server=          # the process of the server in hand
key=000102030405060708090a0b0c0d0e0f
wrong=ff0102030405060708090a0b0c0d0e0f

issue() {
    "$vitrine" ca init --dir "$mine"
    "$vitrine" ca issue --dir "$mine" --out person --name person.test --client
    "$vitrine" ca issue --dir "$mine" --out good --name $site --ip $kernel
    printf '# people\nann:%s\nbob:%s%s\n' $key $key $key >"$dir/psks"
    printf 'ann:%s\n' $key >"$dir/ann"
    printf 'ann:%s\n' $wrong >"$dir/wrong"
    printf 'eve:%s\n' $key >"$dir/eve"
    printf 'ann:0011\n' >"$dir/short"
}
try "certificates and keys are made" issue

# --- the service, and openssl's client ---

client() { # OPTION…
    printf 'GET /?json HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' $host |
        timeout 20 openssl s_client -connect $ip:443 -servername $host -CAfile "$ca" -verify_return_error \
            -ign_eof "$@" >"$dir/client" 2>&1
}
says() { contains "$dir/client" "$1"; }
drops() { status "s['drops'].get('$1', 0)"; }

rotation() { # -tls1_3 | -tls1_2
    client "$1" -sess_out "$dir/session"
    client "$1" -sess_in "$dir/session"
    says '^Reused, '
    says '"resumed":true,"proof":"ticket"'
    sleep 5 # two lifetimes and more: the key is gone
    client "$1" -sess_in "$dir/session"
    says '^New, '
    says '"resumed":false,"proof":"certificate"'
    # In TLS 1.3 openssl keeps to RFC 8446 4.6.1 and does not offer it any more.
    [ "$1" = -tls1_3 ] || [ "$(drops TLS_TICKET_STRANGE)" -gt 0 ] || fail "no ticket was refused for its key"
}
other_keys() { # a ticket of the service before this one
    client -tls1_3 -sess_in "$dir/old"
    says '^New, '
    says '"resumed":false,"proof":"certificate"'
    same "tickets of other keys" 1 "$(drops TLS_TICKET_STRANGE)"
}
forged() { # a bit of the ticket, where openssl keeps it
    client -tls1_2 -sess_out "$dir/session"
    openssl sess_id -in "$dir/session" -outform der -out "$dir/der"
    python3 - "$dir/der" <<'END'
import re, subprocess, sys
name = sys.argv[1]
text = subprocess.run(["openssl", "sess_id", "-inform", "der", "-in", name, "-noout", "-text"],
                      capture_output=True, text=True).stdout
ticket = bytes.fromhex("".join(re.findall(r"^    [0-9a-f]{4} - ((?:[0-9a-f]{2}[ -])+)", text, re.M))
                       .replace("-", " "))
data = bytearray(open(name, "rb").read())
at = data.index(ticket)
data[at + 40] ^= 1
open(name, "wb").write(data)
END
    openssl sess_id -inform der -in "$dir/der" -out "$dir/session"
    client -tls1_2 -sess_in "$dir/session"
    says '^New, '
    same "forged tickets" 1 "$(drops TLS_TICKET_FORGED)"
}
known_again() { # -tls1_3 | -tls1_2: a resumed session knows its client
    client "$1" -cert "$mine/person.pem" -key "$mine/person.key" -sess_out "$dir/session"
    client "$1" -sess_in "$dir/session"
    says '^Reused, '
    says '"client_certificate":\{"subject":"CN=person.test",'
}
psk() { # IDENTITY KEY
    client -tls1_3 -psk_identity "$1" -psk "$2"
    says '"proof":"pre-shared key","psk_identity":"'"$1"'"'
    says '"certificate":null'
    says '"group":"x25519"' # psk_dhe_ke
}
psk_wrong() {
    ! client -tls1_3 -psk_identity ann -psk $wrong || fail "it was served"
    says 'alert decrypt error.*SSL alert number 51$'
    same "wrong binders" 1 "$(drops TLS_PSK_WRONG)"
}
psk_unknown() { # no reason to fail: the certificate does as well
    client -tls1_3 -psk_identity eve -psk $key
    says '"proof":"certificate","psk_identity":null'
    same "unknown identities" 1 "$(drops TLS_PSK_UNKNOWN)"
}
psk_resumes() {
    client -tls1_3 -psk_identity ann -psk $key -sess_out "$dir/session"
    client -tls1_3 -sess_in "$dir/session"
    says '"resumed":true,"proof":"ticket"'
}

serve --ticket-lifetime 2
try "openssl, TLS 1.3: tickets of rotated keys" rotation -tls1_3
try "openssl, TLS 1.2: tickets of rotated keys" rotation -tls1_2
end_serve
serve --client-ca "$mine/ca.pem"
try "openssl: a ticket for later" client -tls1_3 -cert "$mine/person.pem" -key "$mine/person.key" -sess_out "$dir/old"
try "openssl, TLS 1.3: a ticket knows the client" known_again -tls1_3
try "openssl, TLS 1.2: a ticket knows the client" known_again -tls1_2
end_serve
serve --psk-file "$dir/psks"
try "openssl: a ticket of keys that are gone" other_keys
try "openssl: a forged ticket" forged
try "openssl: a pre-shared key" psk ann $key
try "openssl: another one, of 32 bytes" psk bob $key$key
try "openssl: a wrong key, decrypt_error" psk_wrong
try "openssl: an unknown identity" psk_unknown
try "openssl: a session of a pre-shared key resumes" psk_resumes
end_serve

warned() {
    contains "$dir/serve.log" 'warning: a key on the command line'
    client -tls1_3 -psk_identity carl -psk $key
    says '"psk_identity":"carl"'
}
serve --psk "carl:$key"
try "a key on the command line: a warning" warned
end_serve
refused() { # WORD OPTION…
    ! "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" "${@:2}" >"$dir/out" 2>&1 || fail "it was taken"
    contains "$dir/out" "$1"
}
try "a key that is too short" refused 'line 1: a key has 16' --psk-file "$dir/short"
try "a file that is not there" refused '/nowhere' --psk-file /nowhere
try "keys without TLS 1.3" refused 'TLS 1.3' --psk-file "$dir/psks" --tls-max 1.2

# --- `vitrine get`, and other people's servers ---

stop_server() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
    server=
}
trap 'stop_server; rm -rf "$dir"' EXIT
listening() { ss -Hltn "sport = :$1" | grep -q .; }
fetch() { # OPTION… URL
    timeout 60 "$vitrine" get -v --tap vt0 --msl 0.05 --resolve "$site:$kernel" --cacert "$mine/ca.pem" \
        -o "$dir/body" "$@" 2>"$dir/said"
}
status_of() { # EXPECTED OPTION… URL
    local expected=$1 status=0
    shift
    fetch "$@" || status=$?
    same "exit status ($(tail -n 1 "$dir/said"))" "$expected" $status
}
said() { contains "$dir/said" "$1"; }
s_server() { # OPTION…
    (cd "$dir/www" && exec openssl s_server -quiet -accept 4443 -cert "$mine/good.pem" -key "$mine/good.key" -WWW "$@" \
        >"$dir/s_server" 2>&1) &
    server=$!
    until_true 10 listening 4443
}
mkdir "$dir/www" && echo hello >"$dir/www/small"

come_back() { # URL OPTION…
    rm -f "$dir/kept"
    fetch --session "$dir/kept" "${@:2}" "$1"
    said '^\* certificate: CN=kernel.test'
    same "mode" 600 "$(stat -c %a "$dir/kept")"
    fetch --session "$dir/kept" "${@:2}" "$1"
    said "^\* session of $dir/kept: offered"
    said '^\* resumed: '
    same body hello "$(cat "$dir/body")"
}
reused() { # what nginx thinks of it
    fetch --session "$dir/kept" "https://$site:4444/reused"
    fetch --session "$dir/kept" "https://$site:4444/reused"
    same "nginx' word" r "$(cat "$dir/body")"
}
of_no_use() {
    fetch --session "$dir/kept" "https://$kernel:4443/small"
    said "^\* session of $dir/kept: it was with another server"
    echo rubbish >"$dir/kept"
    fetch --session "$dir/kept" "https://$site:4443/small"
    said 'it is no saved session'
    fetch --insecure --session "$dir/unverified" --cacert "$dir/ca/ca.pem" "https://$site:4443/small"
    fetch --session "$dir/unverified" "https://$site:4443/small"
    said 'its server was not verified'
    said '^\* certificate: '
}
by_psk() { # IDENTITY-FILE
    fetch --psk-file "$1" "https://$site:4443/small"
    said "^\* pre-shared key 'ann'"
    same body hello "$(cat "$dir/body")"
}

s_server
try "s_server, TLS 1.3: get comes back" come_back "https://$site:4443/small"
try "s_server, TLS 1.2: get comes back" come_back "https://$site:4443/small" --tls-max 1.2
try "sessions of no use" of_no_use
stop_server
s_server -psk_identity ann -psk $key -tls1_3
try "s_server: get by a pre-shared key" by_psk "$dir/ann"
try "s_server: a wrong key" status_of 35 --psk-file "$dir/wrong" "https://$site:4443/small"
try "  and get says the alert" said '(decrypt_error|illegal_parameter|handshake_failure|bad_record_mac)'
stop_server
try "a client has one key" status_of 2 --psk-file "$dir/psks" "https://$site:4443/small"

if command -v nginx >/dev/null || [ -x "$root/build/tools/usr/sbin/nginx" ]; then
    cat >"$dir/nginx.conf" <<END
daemon off; error_log stderr; pid $dir/nginx.pid; worker_processes 1; user root;
events {}
http {
    access_log off; root $dir/www;
    client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
    server {
        listen $kernel:4444 ssl; ssl_certificate $mine/good.pem; ssl_certificate_key $mine/good.key;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;
        location /reused { return 200 "\$ssl_session_reused"; }
    }
    server { # asks who the client is
        listen $kernel:4445 ssl; ssl_certificate $mine/good.pem; ssl_certificate_key $mine/good.key;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;
        ssl_client_certificate $mine/ca.pem; ssl_verify_client on;
        location / { return 200 "\$ssl_client_s_dn \$ssl_session_reused"; }
    }
}
END
    known_by_nginx() { # OPTION…: nginx remembers who it was, too
        rm -f "$dir/kept"
        fetch --cert "$mine/person.pem" --key "$mine/person.key" --session "$dir/kept" "$@" "https://$site:4445/"
        fetch --cert "$mine/person.pem" --key "$mine/person.key" --session "$dir/kept" "$@" "https://$site:4445/"
        same "nginx' word" 'CN=person.test r' "$(cat "$dir/body")"
    }
    PATH=$PATH:$root/build/tools/usr/sbin:/usr/sbin nginx -p "$dir" -c "$dir/nginx.conf" 2>"$dir/nginx.log" &
    server=$!
    until_true 10 listening 4445
    rm -f "$dir/kept"
    try "nginx, TLS 1.3: get comes back" come_back "https://$site:4444/small"
    try "nginx, TLS 1.2: get comes back" come_back "https://$site:4444/small" --tls-max 1.2
    try "nginx knows that it is the same session" reused
    try "nginx knows the client again, TLS 1.3" known_by_nginx
    try "nginx knows the client again, TLS 1.2" known_by_nginx --tls-max 1.2
    stop_server
else
    echo "# no nginx here: its cases are left out"
fi
done_testing
