#!/usr/bin/env bash
# Super-segments of more than 64 KiB, whose IPv4 header does not say how long they are: the kernel takes them, and so do
# Wireshark and a replay.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
wire=big
mkdir "$dir/root"
make_file hundred $((100 << 20))
counters=/sys/class/net/vt0/statistics

download() { # URL
    same "hash" "$(cat "$dir/hundred.sha")" "$(curl -sS --max-time 60 --cacert "$ca" "$1/hundred" | sha)"
}

long_frames() { # the kernel's own count of what came to it: a frame on the average
    local frames bytes
    frames=$(cat $counters/rx_packets) bytes=$(cat $counters/rx_bytes)
    download "http://$host"
    frames=$(($(cat $counters/rx_packets) - frames)) bytes=$(($(cat $counters/rx_bytes) - bytes))
    echo "$bytes bytes in $frames frames"
    [ $((bytes / frames)) -gt 65549 ]
}

decoded() { # by tshark: as many bytes of TCP's as were sent, in segments longer than IPv4 could say
    tshark -r "$dir/pcapng" -Y 'ip.src == 10.9.0.2 && tcp.len > 0 && !_ws.malformed' -T fields -e tcp.seq -e tcp.len |
        awk '{ end = $1 + $2; if (end > last) last = end; if ($2 > most) most = $2 }
             END { print last - 1 " bytes, " most " at once"; exit !(last > 100 * 1024 * 1024 && most > 65535) }'
}

replayed() {
    "$vitrine" replay "$dir/tape" >"$dir/replay.log" 2>&1 || fail "$(cat "$dir/replay.log")"
    contains "$dir/replay.log" 'all frames are the same'
}

if [ "$(printf '6.4\n%s\n' "$(uname -r)" | sort -V | head -n 1)" != 6.4 ]; then
    serve --root "$dir/root"
    try "big: an older kernel is told of" contains "$dir/serve.log" 'need Linux 6.4'
    try "big: 100 MiB over plain HTTP all the same" download "http://$host"
    done_testing
fi
io=batches
serve --root "$dir/root"
try "big: 100 MiB over TLS, the hash matches" download "https://$host"
try "big: 100 MiB over plain HTTP, in frames of more than 64 KiB" long_frames
end_serve
io=calls
serve --root "$dir/root" --pcapng "$dir/pcapng"
try "big: 100 MiB while frames are kept" download "http://$host"
end_serve
try "big: Wireshark reads them" decoded
serve --root "$dir/root" --record "$dir/tape"
try "big: 100 MiB while it is recorded" download "https://$host"
end_serve
try "big: the recording replays" replayed
done_testing
