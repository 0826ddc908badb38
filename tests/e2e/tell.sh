#!/usr/bin/env bash
# `vitrine tell`: the account of a recording is the one that was told live, and the way of a byte is the one that a
# capture of the same run shows: its record's header stands at that sequence number, and these frames carried it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file big 100000
tape=$dir/run.tape

serve --record "$tape" --pcapng "$dir/run.pcapng" --narrate --root "$dir/root"
talk() {
    get /big --tlsv1.3 -o "$dir/got" && sha <"$dir/got" | cmp - "$dir/big.sha"
    get /big --tls-max 1.2 -o "$dir/got" && sha <"$dir/got" | cmp - "$dir/big.sha"
    plain /big -i -o "$dir/plain"
}
try "the service answers while it is recorded" talk
until_true 10 no_connections
end_serve

tell() { unshare --net "$vitrine" tell "$tape" "$@"; }
told_again() {
    tell >"$dir/told"
    # times count from the start of the process there and of the host here
    strip() { sed -E 's/^ *[0-9]+\.[0-9]+ +//' "$1" | grep -E '^(#[0-9]+ +)?(frame|out|timer|app) '; }
    strip "$dir/serve.log" >"$dir/live"
    strip "$dir/told" >"$dir/after"
    [ "$(wc -l <"$dir/live")" -gt 100 ] || fail "$(wc -l <"$dir/live") lines"
    cmp "$dir/live" "$dir/after"
}
fields_told() { # what the hellos, the certificate and Finished say, beside each
    tell >"$dir/told"
    contains "$dir/told" 'whole now: ClientHello, [0-9]+ B \(vitrine\.test; TLS 1\.[23].* cipher_suites; '
    contains "$dir/told" 'we say ServerHello, [0-9]+ B \(TLS 1\.3; TLS_[A-Z0-9_]+; x25519\)'
    contains "$dir/told" 'we say Certificate, [0-9]+ B, encrypted \(CN=vitrine\.test; '
    contains "$dir/told" 'we say CertificateVerify, [0-9]+ B, encrypted \(ecdsa_secp256r1_sha256\)'
    contains "$dir/told" 'whole now: Finished, [0-9]+ B, encrypted \(good: verify_data'
}
one_connection() {
    tell --conn 2 >"$dir/told"
    same "connections" "#2" "$(awk '{print $2}' "$dir/told" | sort -u)"
    contains "$dir/told" 'SYN-RECEIVED → ESTABLISHED'
}
one_frame() { # the SYN of the first connection
    local n
    n=$(tell --conn 1 | awk '/LISTEN → SYN-RECEIVED/ {print $4}')
    tell --frame "$n" >"$dir/told"
    same "lines" 2 "$(wc -l <"$dir/told")"
    contains "$dir/told" "frame $n +SYN seq"
    contains "$dir/told" "out [0-9]+ +SYN ACK .*because of frame $n,"
}
# Every way that tell prints against the frames of the capture, as tshark decodes them.
true_ways() {
    decode -r "$dir/run.pcapng" -Y 'tcp.srcport == 443 || tcp.srcport == 80' -T fields -E separator='|' -e frame.comment \
        -e tcp.stream -e tcp.seq_raw -e tcp.flags.syn -e tcp.payload >"$dir/frames"
    python3 - "$vitrine" "$tape" "$dir/frames" "$dir/plain" <<'END'
import re, subprocess, sys
program, tape, frames, plain = sys.argv[1:]
streams = {}
for line in open(frames):
    comment, stream, seq, syn, payload = line.rstrip("\n").rsplit("|", 4)
    number = int(re.match(r"out (\d+)", comment)[1])
    streams.setdefault(int(stream), []).append((number, int(seq), syn in ("1", "True"), bytes.fromhex(payload.replace(":", ""))))
answer = open(plain, "rb").read()
assert answer.startswith(b"HTTP/1.1 200"), answer[:40]
assert len(streams) == 3, len(streams)
for conn, sent in ((i + 1, streams[i]) for i in sorted(streams)):
    isn = next(seq for _, seq, syn, _ in sent if syn)
    whole = bytearray()
    for _, seq, _, data in sent:
        at = (seq - isn - 1) % 2**32
        if data:
            whole[at:at + len(data)] = data
    for byte in (0, 1, 999, 20000, 50000, len(answer) - 1):
        out = subprocess.run([program, "tell", tape, "--conn", str(conn), "--byte", str(byte)], capture_output=True, text=True)
        assert out.returncode == 0, (conn, byte, out.stderr)
        first, last = map(int, re.search(r"stream  seq (\d+) … (\d+), acknowledged", out.stdout).groups())
        at, end = (first - isn - 1) % 2**32, (last - isn) % 2**32
        record = re.search(r"record  number (\d+) of .*, (\d+) B, data (\d+) … (\d+): byte (\d+)", out.stdout)
        if record:
            assert whole[at:at + 3] == b"\x17\x03\x03", (conn, byte, whole[at:at + 5].hex())
            assert int.from_bytes(whole[at + 3:at + 5], "big") + 5 == int(record[2]) == end - at
            # of the records of that type the number-th; TLS 1.3 has its encrypted handshake before them
            assert int(record[3]) + int(record[5]) == byte <= int(record[4])
        else:
            assert whole[at:end] == answer[byte:byte + 1], (conn, byte)
        told = set(map(int, re.findall(r"frame   out (\d+) ", out.stdout)))
        seen = {n for n, seq, _, data in sent if data and (seq - isn - 1) % 2**32 < end and at < (seq - isn - 1) % 2**32 + len(data)}
        assert told == seen and told, (conn, byte, told, seen)
    number = {}
    for byte in (0, len(answer) - 1):
        out = subprocess.run([program, "tell", tape, "--conn", str(conn), "--byte", str(byte)], capture_output=True, text=True).stdout
        number[byte] = re.search(r"record  number (\d+)", out)
    if number[0]:  # records in a row have numbers in a row
        at, types = 0, []
        while at + 5 <= len(whole):
            types.append(whole[at])
            at += 5 + int.from_bytes(whole[at + 3:at + 5], "big")
        assert int(number[len(answer) - 1][1]) - int(number[0][1]) < types.count(0x17)
END
}
back() { # from a frame to the bytes of the plain answer
    local n
    n=$(tell --conn 3 --byte 50000 | sed -n 's/.*frame   out \([0-9]*\) .*/\1/p' | head -n 1)
    tell --conn 3 --out "$n" >"$dir/told"
    read -r from to < <(sed -n 's/.*carried bytes \([0-9]*\) … \([0-9]*\) .*/\1 \2/p' "$dir/told")
    if [ "$from" -gt 50000 ] || [ "$to" -lt 50000 ]; then fail "bytes $from to $to"; fi
    contains "$dir/told" "out $n +.*because of frame"
}
refused() { # REGEX ARGUMENT…
    local status=0
    timeout 20 "$vitrine" tell "${@:2}" >"$dir/out" 2>&1 || status=$?
    [ $status != 0 ] || fail "status 0"
    contains "$dir/out" "$1"
}
try "tells the same as the service did" told_again
try "beside each message of TLS what it says" fields_told
try "one connection" one_connection
try "one frame and what it led to" one_frame
try "the way of a byte, TLS 1.3, TLS 1.2 and plain" true_ways
try "and back" back
try "a byte that was never sent" refused 'was not sent' "$tape" --byte 5000000
try "a connection that never was" refused 'nothing of that' "$tape" --conn 99
try "a file that is not there" refused 'none/x' /none/x
try "no recording" refused "$dir/root/big" "$dir/root/big"
try "no file" refused 'takes one FILE'
done_testing
