#!/usr/bin/env bash
# --pcapng: tshark opens what is written, decrypts HTTP with no key file, and agrees with every comment; rows of
# files keep their limits; a disk that is full and a reader that goes end the file and not the service.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
unset SSLKEYLOGFILE
file=$dir/run.pcapng
mkdir "$dir/root"
echo hello >"$dir/root/small"
make_file big 300000

# Not by -E separator=' ': a newer tshark marks each space of a comment with a backslash then.
rows() { decode -r "$1" -Y "$2" -T fields "${@:3}" | tr '\t' ' '; } # FILE FILTER -e FIELD…

# --- one file, seen by tcpdump as well ---

capture "$dir/beside.pcap"
serve --narrate --pcapng "$file" --root "$dir/root"

talk() {
    get /small --tlsv1.3 | grep -q hello
    get /small --tlsv1.2 --tls-max 1.2 | grep -q hello
    plain /big | sha | cmp - "$dir/big.sha"
    ! plain /none -f
    ! curl -sS --max-time 5 http://$ip:81/
}
decrypted() { # both versions, requests and answers; the third is in the clear
    same "requests" "/small /small /big /none" \
        "$(rows "$file" http.request -e http.request.uri | tr '\n' ' ' | sed 's/ $//')"
    same "over TLS" "200 200" \
        "$(rows "$file" 'http.response && tls' -e http.response.code | tr '\n' ' ' | sed 's/ $//')"
    contains <(rows "$file" 'http.response && tls' -e http.file_data) '^hello|^68656c6c6f' # as text or as hex
    same "versions" "0x0304 0x0303" "$(rows "$file" 'tls.handshake.type == 2' -e tls.handshake.version \
        -e tls.handshake.extensions.supported_version | awk '{print $NF}' | tr '\n' ' ' | sed 's/ $//')"
    same "Finished, decrypted" 4 "$(rows "$file" 'tls.handshake.type == 20' -e frame.number | wc -l)"
}
counted() { # frames, and the very same as tcpdump saw
    fields=(-e frame.len -e arp.opcode -e ip.id -e ip.src -e tcp.seq_raw -e tcp.ack_raw -e tcp.len -e udp.length)
    rows "$file" frame "${fields[@]}" | sort >"$dir/ours"
    rows "$dir/beside.pcap" frame "${fields[@]}" | sort >"$dir/theirs"
    cmp "$dir/ours" "$dir/theirs"
    same "capinfos" "$(wc -l <"$dir/theirs")" "$(capinfos -M -c -T -r "$file" | awk '{print $NF}')"
    same "none malformed" "" "$(rows "$file" _ws.malformed -e frame.number)"
    same "checksums" "" "$(decode -r "$file" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
        -Y 'ip.checksum.status == 0 || tcp.checksum.status == 0' -T fields -e frame.number)"
}
directions() { # as the addresses say
    same "in" "" "$(rows "$file" "ip.src == $kernel && frame.packet_flags_direction != 1" -e frame.number)"
    same "out" "" "$(rows "$file" "ip.src == $ip && frame.packet_flags_direction != 2" -e frame.number)"
}
# Each comment against tshark's own decode of its frame.
true_comments() {
    decode -r "$file" -T json -e frame.number -e frame.comment -e ip.src -e tcp.srcport -e tcp.flags.syn -e tcp.flags.ack \
        -e tcp.flags.fin -e tcp.flags.reset -e tcp.seq_raw -e tcp.ack_raw -e tcp.len -e tcp.window_size >"$dir/json"
    python3 - "$dir/json" "$kernel" <<'END'
import json, re, sys
frames = [f["_source"]["layers"] for f in json.load(open(sys.argv[1]))]
one = lambda f, name: f.get(name, [""])[0]
seen = {}
third = []
for f in frames:
    number, comment = one(f, "frame.number"), one(f, "frame.comment")
    assert comment, "frame %s has no comment" % number
    came = re.match(r"(frame|out) (\d+)(, #\d+)?: ", comment)
    assert came, comment
    if one(f, "ip.src"):
        assert (came[1] == "frame") == (one(f, "ip.src") == sys.argv[2]), comment
    seen[came[1], came[2]] = f
    if not one(f, "tcp.seq_raw"):
        continue
    head = re.match(r"\S+ \d+(?:, #\d+)?: ([A-Z ]+) seq (\d+)(?: ack (\d+))?", comment)
    assert head, comment
    for flag, field in (("SYN", "syn"), ("ACK", "ack"), ("FIN", "fin"), ("RST", "reset")):
        assert (flag in head[1].split()) == (one(f, "tcp.flags." + field) in ("1", "True")), comment
    assert head[2] == one(f, "tcp.seq_raw"), comment
    if "ACK" in head[1].split():
        assert head[3] == one(f, "tcp.ack_raw"), comment
    length = re.search(r"[,:] (\d+) B", comment.split(": ")[1])
    assert (length[1] if length else "0") == one(f, "tcp.len"), comment
    if came[1] == "out":
        why = re.search(r"because of (frame|timer|app) (\d+)", comment)
        assert why, comment
        if why[1] == "frame":
            cause = seen["frame", why[2]]
            assert one(cause, "tcp.srcport") != one(f, "tcp.srcport"), comment
            leads = re.search(r"leads to out (\d+)(?: … (\d+))?", one(cause, "frame.comment"))
            assert int(leads[1]) <= int(came[2]) <= int(leads[2] or leads[1]), comment
            if one(f, "tcp.flags.syn") in ("1", "True"):
                assert int(one(f, "tcp.ack_raw")) == (int(one(cause, "tcp.seq_raw")) + 1) % 2**32
                third.append((one(f, "tcp.ack_raw"), str((int(one(f, "tcp.seq_raw")) + 1) % 2**32)))
assert len(third) == 4, third
for seq, ack in third:  # the third segment of each handshake is what establishes
    at = [f for f in frames if (one(f, "tcp.seq_raw"), one(f, "tcp.ack_raw")) == (seq, ack)]
    assert "SYN-RECEIVED → ESTABLISHED" in one(at[0], "frame.comment"), one(at[0], "frame.comment")
    assert not any("→ ESTABLISHED" in one(f, "frame.comment") for f in at[1:])
END
}
tls_in_comments() { # in the frames in which tshark sees them end
    for pair in "1:ClientHello" "2:ServerHello" "11:Certificate" "20:Finished"; do
        rows "$file" "tls.handshake.type == ${pair%:*}" -e frame.comment >"$dir/comments"
        [ -s "$dir/comments" ] || fail "no ${pair#*:}"
    done
    contains <(rows "$file" 'tls.handshake.type == 1' -e frame.comment) 'whole now: ClientHello.*secret CLIENT_HANDSHAKE'
    same "each request is in the comment of its frame" 4 \
        "$(rows "$file" http.request -e frame.comment | grep -c 'HTTP: request GET /')"
}
refusal() { # the port where nobody listens
    contains <(rows "$file" 'tcp.dstport == 81 && tcp.flags.syn == 1' -e frame.comment) \
        'refused, TCP_NO_LISTENER: .*\(RFC 9293 3\.10\.7\.1\)'
}
narrated() { # the same account goes to the terminal
    contains "$dir/serve.log" '#1 +frame [0-9]+ +SYN seq [0-9]+ .*LISTEN → SYN-RECEIVED'
    contains "$dir/serve.log" 'out [0-9]+ +SYN ACK seq [0-9]+ .*because of frame '
}
private() { same "mode" 600 "$(stat -c %a "$1")"; }

try "the service answers while it writes" talk
until_true 10 no_connections
end_serve
capture_end
try "decrypts TLS 1.3 and 1.2 with no key file" decrypted
try "has every frame that tcpdump saw" counted
try "tells directions" directions
try "comments agree with tshark's decode" true_comments
try "TLS and HTTP stand in the comments of their frames" tls_in_comments
try "a refusal has its clause" refusal
try "--narrate tells the same" narrated
try "nobody else may read it" private "$file"

# --- rows of files ---

row=$dir/row.pcapng
serve --pcapng "$row" --pcapng-size 50000 --pcapng-files 4 --root "$dir/root"
fill() { for _ in 1 2; do plain /big -o "$dir/got" && sha <"$dir/got" | cmp - "$dir/big.sha"; done; }
bounded() {
    same "files" 4 "$(find "$dir" -name 'row-*.pcapng' | wc -l)"
    numbers=$(find "$dir" -name 'row-*.pcapng' | sed 's/.*row-0*\([0-9]*\).*/\1/' | sort -n | tr '\n' ' ')
    first=${numbers%% *}
    same "the latest" "$first $((first + 1)) $((first + 2)) $((first + 3)) " "$numbers"
    [ "$first" -gt 4 ] || fail "only $first"
    [ ! -e "$row" ]
    for f in "$dir"/row-*.pcapng; do
        [ "$(stat -c %s "$f")" -le 50000 ] || fail "$f has $(stat -c %s "$f") bytes"
        capinfos "$f" >/dev/null
        [ "$(rows "$f" frame -e frame.number | wc -l)" -gt 3 ]
    done
    rm "$dir"/row-*.pcapng
}
try "the service answers while files come and go" fill
end_serve
try "a row of files keeps its size and number" bounded

serve --pcapng "$row" --pcapng-size 50000 --root "$dir/root"
whole() { # put together they are the run
    mergecap -a -w "$dir/all.pcapng" "$dir"/row-*.pcapng
    rows "$dir/all.pcapng" 'http.response && !tls' -e http.content_length >"$dir/lengths"
    same "answers" 300000 "$(uniq "$dir/lengths")"
    same "hello" 1 "$(rows "$dir/row-00001.pcapng" 'tls.handshake.type == 2' -e frame.number | wc -l)"
    same "decrypted" 200 "$(rows "$dir/row-00001.pcapng" 'http.response && tls' -e http.response.code)"
}
try "the first is decrypted like any other" get /small -o "$dir/got"
try "and more follow" fill
end_serve
try "all files together are the whole run" whole

# --- what goes wrong ---

refused() { # OPTION…: does not start, and says why
    local status=0
    timeout 20 "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" "$@" >"$dir/out" 2>&1 || status=$?
    [ $status != 0 ] || fail "it starts"
    contains "$dir/out" "$want"
}
want='/none/x.pcapng: No such file' try "a directory that is not there" refused --pcapng /none/x.pcapng
want='No space left on device' try "a device that is full" refused --pcapng /dev/full
want='needs --pcapng-size' try "a number of files without a size" refused --pcapng "$file" --pcapng-files 3
want='need --pcapng FILE' try "a size without a file" refused --pcapng-size 50000
want='from 4096' try "a size that holds nothing" refused --pcapng "$file" --pcapng-size 10

still_serves() { # until it says REGEX, and then
    until_true 20 still_serves_until "$1"
    same "says so once" 1 "$(grep -c 'no more frames are written' "$dir/serve.log")"
    plain /small | grep -q hello
}
still_serves_until() {
    plain /big -o "$dir/got"
    sha <"$dir/got" | cmp - "$dir/big.sha"
    grep -qE "$1" "$dir/serve.log"
}
# A limit of 100 KiB to a file is a disk that fills up: the write is cut short, and the next is refused.
(trap '' XFSZ && ulimit -f 100 && exec "$vitrine" serve --tap vt0 --ca-dir "$dir/ca" --quiet --root "$dir/root" \
    --pcapng "$dir/cut.pcapng" --status "$dir/status" >"$dir/serve.log" 2>&1) &
serve_pid=$!
until_true 20 serving
cut_whole() { # what there is can be read to its end
    capinfos "$dir/cut.pcapng" >"$dir/capinfos" 2>&1
    ! grep -qi 'cut short' "$dir/capinfos"
    [ "$(rows "$dir/cut.pcapng" frame -e frame.number | wc -l)" -gt 20 ]
}
try "a disk that fills up ends the file, not the service" still_serves 'cut.pcapng: File too large'
end_serve
try "and the file ends with a whole frame" cut_whole

mkfifo "$dir/fifo"
head -c 3000 "$dir/fifo" >/dev/null &
serve --pcapng "$dir/fifo" --root "$dir/root"
try "a reader that goes ends the file, not the service" still_serves 'fifo: Broken pipe'
end_serve

sleep 60 <"$dir/fifo" & # a reader that never reads
reader=$!
serve --pcapng "$dir/fifo" --root "$dir/root"
many() { for _ in $(seq 40); do plain /big -o "$dir/got" && sha <"$dir/got" | cmp - "$dir/big.sha"; done; }
try "a reader that sleeps stops nobody" many
kill $reader
end_serve
try "what is missing is told" contains "$dir/serve.log" 'frames are missing in it|Broken pipe'

# --- the client ---

"$vitrine" ca init --dir "$dir/mine" >/dev/null
"$vitrine" ca issue --dir "$dir/mine" --out good --name kernel.test --ip $kernel >/dev/null
openssl s_server -accept $kernel:8443 -cert "$dir/mine/good.pem" -key "$dir/mine/good.key" -www -quiet >"$dir/openssl.log" 2>&1 &
server=$!
until_true 10 sh -c "ss -Hltn 'sport = :8443' | grep -q ."
client() { # --tls-max
    "$vitrine" get --tap vt0 --msl 0.05 --resolve kernel.test:$kernel --cacert "$dir/mine/ca.pem" --pcapng "$dir/get.pcapng" \
        --tls-max "$1" --narrate https://kernel.test:8443/ >"$dir/body" 2>"$dir/said"
    grep -q 'Cipher is' "$dir/body"
    decode -r "$dir/get.pcapng" -q -z follow,tls,ascii,0 >"$dir/followed" # without Content-Length no http.response
    contains "$dir/followed" 'GET / HTTP/1.1'
    contains "$dir/followed" 'Cipher is'
    contains <(rows "$dir/get.pcapng" 'tcp.flags.syn == 1 && tcp.flags.ack == 1' -e frame.comment) 'SYN-SENT → ESTABLISHED'
    contains "$dir/said" 'SYN-SENT → ESTABLISHED'
}
try "vitrine get --pcapng, TLS 1.3" client 1.3
try "vitrine get --pcapng, TLS 1.2" client 1.2
kill $server

done_testing
