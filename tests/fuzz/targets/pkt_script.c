/* Packet scripts (tests/conformance): any text is read, or refused with a line and a reason. */
#include "tests/conformance/parser.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

/* What a script that can be run consists of. */
static void check_events(const struct script_event *e)
{
    for (; e != NULL; e = e->next) {
        FUZZ_CHECK(e->when.from <= e->when.to && e->line > 0);
        if (e->kind == SCRIPT_PACKET) {
            FUZZ_CHECK(e->u.packet->option_count <= PACKET_OPTIONS);
        } else if (e->kind == SCRIPT_CALL) {
            FUZZ_CHECK(e->u.call->name != NULL && e->u.call->argc <= CALL_ARGS);
        } else {
            FUZZ_CHECK(e->u.text != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script;
    static struct defines defines;
    uint8_t *text = fuzz_copy(data, size);
    script_parse(&script, (const char *)text, size, &defines, NULL);
    if (script.error == NULL && script.unsupported == NULL) {
        check_events(script.events);
    }
    script_done(&script);
    free(text);
    return 0;
}
