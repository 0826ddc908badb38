/* A program of many steps on a fresh host (program.h). */
#include "tests/fuzz/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct program p;
    struct rd in = rd_of(data, size);
    program_init(&p);
    program_run(&p, &in);
    program_done(&p);
    return 0;
}
