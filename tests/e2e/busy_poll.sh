#!/usr/bin/env bash
# serve --busy-poll: awake for its time after a frame, asleep when nothing comes, and the same service.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$dir/root"
make_file big 20000000

of_thread() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$serve_pid/status"; } # FIELD: as the kernel sees the first thread
asleep() { ! cat "/proc/$serve_pid/task/"*/status | grep -q '^State:[[:space:]]*R'; }
stays_asleep() { # and uses no processor's time, in ticks of 10 ms
    local before
    until_true 20 asleep
    before=$(ticks)
    sleep 1
    asleep || fail "it runs, and nobody asks"
    [ $(($(ticks) - before)) -le 1 ] || fail "idle it has used $(($(ticks) - before)) ticks in a second"
}
ticks() { # user's and system's, of all threads
    local stat
    stat=$(cat "/proc/$serve_pid/stat")
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    echo $((${12} + ${13}))
}
stays_awake() { # a frame's time is five seconds, and this takes a part of one
    local before
    plain / -o /dev/null
    before=$(of_thread voluntary_ctxt_switches)
    sleep 0.3
    same "state" "R (running)" "$(of_thread State)"
    same "times it went to sleep" "$before" "$(of_thread voluntary_ctxt_switches)"
}
moves() {
    get /big | sha | cmp - "$dir/big.sha"
    plain /big | sha | cmp - "$dir/big.sha"
}
refused() { # VALUE
    ! "$vitrine" serve --tap vt0 --busy-poll="$1" >"$dir/refused" 2>&1
    contains "$dir/refused" '--busy-poll takes a number from 1 to'
}

for io in calls batches; do
    serve --root "$dir/root" --busy-poll=5000000
    try "with $io it stays awake after a frame" stays_awake
    try "with $io downloads of 20 MB arrive whole" moves
    end_serve
    serve --root "$dir/root" --busy-poll --record "$dir/tape"
    try "with $io and the usual time they do, and are recorded" moves
    try "with $io it sleeps when nothing comes" stays_asleep
    end_serve
    try "with $io the recording replays" "$vitrine" replay "$dir/tape"
done
try "no time at all is refused" refused 0
try "what is no number is refused" refused soon
done_testing
