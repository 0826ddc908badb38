#!/usr/bin/env bash
# `vitrine explain`: its values against tshark's decode of the same run, what it is told, and what it refuses.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lists_chapters() {
    "$vitrine" explain >"$dir/list"
    for chapter in tcp tls compare keys certificate; do contains "$dir/list" "^  $chapter  "; done
}

refuses() { # WHAT ARGUMENT…
    local what=$1 status=0
    shift
    "$vitrine" explain "$@" >"$dir/out" 2>"$dir/err" || status=$?
    same "status" 2 "$status"
    same "output" "" "$(cat "$dir/out")"
    contains "$dir/err" "$what"
}

no_colour_in_a_file() {
    "$vitrine" explain tcp >"$dir/out"
    ! grep -q $'\033' "$dir/out" || fail "colour in a file"
    COLUMNS=72 "$vitrine" explain tls --ascii >"$dir/out"
    ! LC_ALL=C grep -q '[^ -~]' "$dir/out" || fail "not ASCII: $(LC_ALL=C grep -m 1 '[^ -~]' "$dir/out")"
    same "the widest line" 72 "$(awk '{ if (length > n) n = length } END { print n }' "$dir/out")"
}

a_seed_repeats() {
    for chapter in tcp certificate; do
        "$vitrine" explain $chapter --seed 11 >"$dir/one"
        "$vitrine" explain $chapter --seed 11 >"$dir/two"
        cmp "$dir/one" "$dir/two"
    done
    "$vitrine" explain tls --seed 12 >"$dir/one"
    "$vitrine" explain tls >"$dir/two"
    ! cmp -s "$dir/one" "$dir/two" || fail "without a seed it says the same"
}

secrets_only_when_asked() { # the key log has them: none of them is shown without --reveal
    local keys=$dir/keys secret
    for version in 1.2 1.3; do
        rm -f "$keys"
        "$vitrine" explain tls --tls $version --seed 13 --json --keylog "$keys" >"$dir/hidden"
        "$vitrine" explain tls --tls $version --seed 13 --json --reveal >"$dir/shown"
        while read -r _ _ secret; do
            ! grep -q "$secret" "$dir/hidden" || fail "TLS $version: a secret is shown"
            contains "$dir/shown" "$secret"
        done <"$keys"
        contains "$keys" .
        contains "$dir/shown" 'Secrets are shown here'
    done
}

nothing_stays() {
    mkdir "$dir/tmp"
    TMPDIR=$dir/tmp "$vitrine" explain certificate >/dev/null
    same "left behind" "" "$(ls "$dir/tmp")"
}

python3 "$e2e/explain_cases.py" "$vitrine" || failures=$((failures + 1))
try "explain: lists its chapters" lists_chapters
try "explain: another chapter" refuses "no chapter 'love'" love
try "explain: another version" refuses "there are 1.2 and 1.3" tls --tls 1.1
try "explain: a seed that is no number" refuses "a number from" tcp --seed x
try "explain: --psk and certificates" refuses "instead of certificates" tls --psk --mutual
try "explain: an option of another chapter" refuses "--pcapng means nothing to the chapter keys" keys --pcapng f
try "explain: too narrow" refuses "a number from 72 to 120" tcp --width 71
try "explain: one thing too many" refuses "nothing more was expected" tcp now
try "explain: no colour in a file, and ASCII" no_colour_in_a_file
try "explain: a seed repeats" a_seed_repeats
try "explain: secrets only when asked" secrets_only_when_asked
try "explain: nothing stays in TMPDIR" nothing_stays
done_testing
