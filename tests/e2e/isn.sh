#!/usr/bin/env bash
# Initial sequence numbers (RFC 9293 3.4.1, RFC 6528), seen from outside.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

one_isn() { python3 "$peer" story 80 40500 >"$dir/story" && json "$dir/story" 's["story"]["tcp"]["server_isn"]'; }

serve
try "ISNs of one four-tuple grow with the clock" python3 "$peer" isns-of-one-tuple 80 4
try "ISNs of different connections do not tell each other" python3 "$peer" isns-of-many-tuples 80 20
end_serve
serve --msl 0.2
try "and so they do when TIME-WAIT is over" python3 "$peer" isns-of-one-tuple 80 4
end_serve
isns=()
for _ in 1 2 3; do
    serve
    isns+=("$(one_isn)")
    end_serve
done
try "no two runs choose the same ISN" same "different ISNs" 3 "$(printf '%s\n' "${isns[@]}" | sort -u | grep -c '^[0-9]')"
done_testing
