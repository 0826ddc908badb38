#!/usr/bin/env bash
# scripts/lab leaves nothing behind, however it ends; what is in it, and joining it. Runs outside of a lab.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root" || exit
lab=scripts/lab

links() { ip -o link | cut -d : -f 2; }
holders() { # NAMESPACE: processes that are in it
    find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/net' -lname "$1" 2>/dev/null | wc -l
}

clean() { # LAB: no process in its network, no file, no link, no name of it
    until_true 10 none_in "$(cat "$dir/$1")"
    same "links" "$(cat "$dir/links")" "$(links)"
    until_true 10 unlisted "$1" # the kernel takes a moment to bury who was killed
    ! grep -q vitrine.test /etc/hosts || fail "the machine's hosts file has changed"
    ! grep -q vitrine-lab /proc/self/mountinfo || fail "a mount is left"
}
unlisted() { ! $lab --list | grep -qx "$1"; }
none_in() { [ "$(holders "$1")" = 0 ]; }

start_lab() { # NAME COMMAND: in the background, until it says which network it is in
    timeout -s KILL 40 $lab --name "$1" sh -c "readlink /proc/self/ns/net >$dir/$1; $2" &
    lab_pid=$!
    until_true 10 test -s "$dir/$1"
}

ends_by_itself() {
    $lab --name e2e-a-$$ sh -c "readlink /proc/self/ns/net >$dir/e2e-a-$$"
    clean e2e-a-$$
}

status_comes_through() {
    local status=0
    $lab --name e2e-b-$$ sh -c 'exit 7' || status=$?
    same "status" 7 $status
}

inside() { # the address and the name that every other test relies on
    $lab --name e2e-c-$$ sh -c '
        ip -o -4 address show dev vt0 | grep -q "10\.9\.0\.1/24" &&
            getent hosts vitrine.test | grep -q "^10\.9\.0\.2 " && ip link show vt0 | grep -q "mtu 1500"'
}

ends_by_signal() { # SIGNAL, with the service running in it
    local name=e2e-$1-$$
    start_lab "$name" "exec $vitrine serve --tap vt0 --ca-dir $dir/ca >$dir/$1.log 2>&1"
    until_true 20 grep -q '^ready' "$dir/$1.log"
    # timeout is our child, the lab is its: the signal goes to the lab itself.
    kill "-$1" "$(pgrep -P "$lab_pid" -f "$lab")"
    wait "$lab_pid" || true
    clean "$name"
}

joins() {
    local name=e2e-join-$$
    start_lab "$name" "sleep 20"
    until_true 10 in_list "$name"
    same "network" "$(cat "$dir/$name")" "$($lab --join "$name" readlink /proc/self/ns/net)"
    kill -TERM "$(pgrep -P "$lab_pid" -f "$lab")"
    wait "$lab_pid" || true
    clean "$name"
}
in_list() { $lab --list | grep -qx "$1"; }

links >"$dir/links"
try "a lab has the TAP, its address and the name" inside
try "a lab ends with its command's status" status_comes_through
try "a lab that ended leaves nothing" ends_by_itself
try "a lab that was interrupted (Ctrl-C) leaves nothing" ends_by_signal INT
try "a lab that was terminated leaves nothing" ends_by_signal TERM
try "a lab that was killed leaves nothing" ends_by_signal KILL
try "joining a lab" joins
done_testing
