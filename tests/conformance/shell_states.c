#include "tests/conformance/shell_states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/conn.h"
#include "tests/conformance/shell_words.h"

static const struct state_name {
    const char *name;
    enum tcp_state state;
} names[] = {
    {"SYN_SENT", TCP_SYN_SENT},       {"SYN_RCVD", TCP_SYN_RCVD},
    {"ESTABLISHED", TCP_ESTABLISHED}, {"FIN_WAIT_1", TCP_FIN_WAIT_1},
    {"FIN_WAIT_2", TCP_FIN_WAIT_2},   {"CLOSE_WAIT", TCP_CLOSE_WAIT},
    {"CLOSING", TCP_CLOSING},         {"LAST_ACK", TCP_LAST_ACK},
    {"TIME_WAIT", TCP_TIME_WAIT},
};

static const struct state_name *state_named(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i].name, word) == 0) {
            return &names[i];
        }
    }
    return NULL;
}

static long count(const struct tcp *t, enum tcp_state state)
{
    long n = 0;
    for (const struct list *l = t->all.next; l != &t->all; l = l->next) {
        struct tcp_conn room;
        const struct tcp_conn *c = rest_look(handle_of_link(l), &room);
        n += !c->detached && c->state == state ? 1 : 0;
    }
    for (const struct list *l = t->timewaits.next; l != &t->timewaits; l = l->next) {
        n += state == TCP_TIME_WAIT ? 1 : 0;
    }
    return n;
}

enum setting_result shell_count_states(const char **at, const struct world *w,
                                       char why[SETTING_WHY])
{
    const struct state_name *state = NULL;
    char word[WORD_MAX];
    long want = -1;
    for (;;) {
        while (shell_word(at, word)) {
            char *end;
            long n = strtol(word, &end, 10);
            state = state_named(word) != NULL ? state_named(word) : state;
            want = end != word && *end == '\0' ? n : want;
        }
        if (**at != '|') {
            break;
        }
        (*at)++;
    }
    if (state == NULL || want < 0) {
        (void)snprintf(why, SETTING_WHY, "command 'sockstat' without a state and a number");
        return SETTING_UNSUPPORTED;
    }
    long got = w != NULL ? count(&w->host.tcp, state->state) : want;
    if (got != want) {
        (void)snprintf(why, SETTING_WHY, "%ld connections in %s, expected %ld", got, state->name,
                       want);
        return SETTING_WRONG;
    }
    return SETTING_OK;
}
