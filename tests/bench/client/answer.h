/* The head of an HTTP answer, as far as a client needs it that knows whom it asks. */
#ifndef BENCH_CLIENT_ANSWER_H
#define BENCH_CLIENT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer {
    char head[2048];
    size_t head_len;
    bool in_body;
    uint64_t left; /* of the body */
};

/* Takes bytes that came. true: the answer is whole. Ends the program when it is no success. */
bool answer_take(struct answer *a, const char *data, size_t len);

#endif
