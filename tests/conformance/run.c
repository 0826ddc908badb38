#include "tests/conformance/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/text.h"
#include "stack/trace/line.h"
#include "tests/conformance/code.h"
#include "tests/conformance/parser.h"

#define EVENTS_SHOWN_MAX 64U
#define PATH_TEXT 1024U
#define SCRIPT_TIME_MAX (INT64_C(1000000000) * NS_PER_SEC) /* far from the end of nsec */

/* ---- the verdict ---- */

static void note_events(struct run *r)
{
    const struct event *events[EVENTS_SHOWN_MAX];
    char line[EVENT_LINE_MAX];
    size_t max = size_min(r->events_shown, EVENTS_SHOWN_MAX);
    size_t n = recorder_last(&r->world.host.recorder, events, max);
    struct text t = text_of(r->verdict->events, sizeof r->verdict->events);
    for (size_t i = 0; i < n; i++) {
        (void)event_line(events[i], r->origin, line, sizeof line);
        text_addf(&t, "      %s\n", line);
    }
}

void run_end(struct run *r, enum verdict_kind kind, unsigned line, const char *form, ...)
{
    if (r->over) {
        return;
    }
    r->over = true;
    r->verdict->kind = kind;
    r->verdict->line = line;
    va_list args;
    va_start(args, form);
    (void)vsnprintf(r->verdict->text, sizeof r->verdict->text, form, args);
    va_end(args);
    if (kind == VERDICT_FAIL && r->world.host.recorder.ring != NULL) {
        note_events(r);
    }
}

static double seconds(const struct run *r, nsec at)
{
    return (double)(at - r->origin) / (double)NS_PER_SEC;
}

/* ---- calls under way ---- */

/* The call has returned: what it says, and when. */
static void finish_call(struct run *r, const struct attempt *a, const struct outcome *o)
{
    char why[MATCH_TEXT];
    const struct script_event *e = a->event;
    nsec end = a->call->blocks ? a->origin + a->call->end : r->world.now;
    nsec late = r->world.now - end;
    if (late > r->settings.tolerance || late < -r->settings.tolerance) {
        run_end(r, VERDICT_FAIL, e->line, "%s returned at %.6f s, expected at %.6f s",
                a->call->name, seconds(r, r->world.now), seconds(r, end));
    } else if (!call_result_good(r, a->call, o, why)) {
        run_end(r, VERDICT_FAIL, e->line, "%s", why);
    }
}

static void retry_blocked(struct run *r)
{
    struct attempt *a = &r->blocked;
    if (a->event == NULL || r->over) {
        return;
    }
    size_t before = a->done;
    struct outcome o = call_try(r, a);
    if (!o.wait || a->done != before) {
        world_settle(&r->world);
    }
    if (!o.wait) {
        finish_call(r, a, &o);
        a->event = NULL;
    } else if (r->world.now > a->origin + a->call->end + r->settings.tolerance) {
        run_end(r, VERDICT_FAIL, a->event->line, "%s has not returned by %.6f s", a->call->name,
                seconds(r, r->world.now));
    }
}

/* One step of the world; true when `target` is reached. */
static bool step(struct run *r, nsec target)
{
    nsec until = target;
    if (r->blocked.event != NULL) {
        nsec end = r->blocked.origin + r->blocked.call->end + r->settings.tolerance + 1;
        until = nsec_min(until, nsec_min(r->blocked.wake, nsec_max(end, r->world.now)));
    }
    bool reached = world_step(&r->world, until);
    retry_blocked(r);
    return reached && r->world.now >= target;
}

void run_until(struct run *r, nsec target)
{
    while (!r->over && !step(r, target)) {
    }
}

void run_until_packet(struct run *r, nsec target)
{
    while (!r->over && world_sent(&r->world, 0) == NULL && !step(r, target)) {
    }
}

static void run_call(struct run *r, const struct script_event *e, nsec origin)
{
    struct attempt a = {.call = e->u.call, .event = e, .origin = origin, .since = r->world.now};
    struct outcome o = call_try(r, &a);
    world_settle(&r->world);
    if (!o.wait) {
        finish_call(r, &a, &o);
    } else if (!a.call->blocks) {
        run_end(r, VERDICT_FAIL, e->line, "%s waits, expected it to return at once", a.call->name);
    } else if (r->blocked.event != NULL) {
        run_end(r, VERDICT_SKIP, e->line, "two calls that wait at the same time");
    } else {
        r->blocked = a;
    }
}

/* ---- events ---- */

static void run_code(struct run *r, const struct script_event *e)
{
    char why[CODE_WHY];
    enum code_result result = code_run(e->u.text, true, tcpi_lookup, r, why);
    if (result != CODE_TRUE) {
        enum verdict_kind kind = result == CODE_FALSE ? VERDICT_FAIL : VERDICT_SKIP;
        run_end(r, kind, e->line, "%s", why);
    }
}

static void run_shell(struct run *r, const struct script_event *e)
{
    char why[SETTING_WHY];
    enum setting_result result = shell_run(e->u.text, r->dir, &r->world, &r->sockets, why);
    if (result != SETTING_OK) {
        enum verdict_kind kind = result == SETTING_WRONG ? VERDICT_FAIL : VERDICT_SKIP;
        run_end(r, kind, e->line, "%s", why);
    }
}

static bool is_packet_out(const struct script_event *e)
{
    return e->kind == SCRIPT_PACKET && !e->u.packet->inbound;
}

/* Nothing may have been sent that no line has asked for, unless the next asks for it whenever it came. */
static void check_nothing_sent(struct run *r, const struct script_event *e, unsigned line, nsec now)
{
    run_leave_out_others(r);
    const struct sent_packet *s = world_sent(&r->world, 0);
    struct wire_packet got;
    char text[MATCH_TEXT];
    for (; e != NULL; e = e->next) {
        if (is_packet_out(e)) {
            break;
        }
    }
    bool whenever = r->settings.late_unasked || (e != NULL && e->when.kind == WHEN_ANY);
    if (s == NULL || whenever || s->at >= now - r->settings.tolerance || r->over) {
        return;
    }
    wire_read(&got, s->bytes, s->len);
    show_packet(r->flows.current, &got, text);
    run_end(r, VERDICT_FAIL, line, "unexpected packet at %.6f s: > %s", seconds(r, s->at), text);
}

static void run_event(struct run *r, const struct script_event *e)
{
    nsec origin = e->when.kind == WHEN_ABSOLUTE ? r->origin : r->world.now;
    if (r->world.now - r->origin > SCRIPT_TIME_MAX) {
        run_end(r, VERDICT_FAIL, e->line, "the script takes too long");
        return;
    }
    nsec from = origin + e->when.from;
    nsec to = origin + e->when.to;
    if (is_packet_out(e)) {
        run_packet_out(r, e, from, e->when.kind == WHEN_ANY ? origin + ANY_TIME_MAX : to);
        return;
    }
    run_until(r, nsec_max(from, r->world.now));
    check_nothing_sent(r, e, e->line, r->world.now);
    if (r->over) {
        return;
    }
    switch (e->kind) {
    case SCRIPT_PACKET:
        run_packet_in(r, e);
        break;
    case SCRIPT_CALL:
        run_call(r, e, origin);
        break;
    case SCRIPT_SHELL:
        run_shell(r, e);
        break;
    case SCRIPT_CODE:
        run_code(r, e);
        break;
    }
    retry_blocked(r);
}

static void run_events(struct run *r)
{
    unsigned last = 0;
    for (const struct script_event *e = r->script->events; e != NULL && !r->over; e = e->next) {
        last = e->line;
        run_event(r, e);
    }
    if (r->blocked.event != NULL) {
        run_until(r, r->blocked.origin + r->blocked.call->end + 2 * r->settings.tolerance);
    }
    check_nothing_sent(r, NULL, last, r->world.now);
    if (r->world.lost > 0) {
        run_end(r, VERDICT_FAIL, last, "%u packets too many", r->world.lost);
    }
}

/* ---- before it runs ---- */

static bool zero_for_known(void *arg, const char *name, double *out)
{
    return tcpi_lookup(arg, name, out);
}

/* Whatever is not supported is found before anything runs. */
static void check_supported(struct run *r)
{
    for (const struct script_event *e = r->script->events; e != NULL && !r->over; e = e->next) {
        char why[CODE_WHY];
        const char *what = NULL;
        if (e->kind == SCRIPT_CALL) {
            what = call_unsupported(e->u.call, &r->script->arena);
        } else if (e->kind == SCRIPT_SHELL &&
                   shell_run(e->u.text, r->dir, NULL, NULL, why) != SETTING_OK) {
            what = why;
        } else if (e->kind == SCRIPT_CODE &&
                   code_run(e->u.text, false, zero_for_known, r, why) == CODE_UNSUPPORTED) {
            what = why;
        }
        if (what != NULL) {
            run_end(r, VERDICT_SKIP, e->line, "%s", what);
        }
    }
}

static void apply_settings(struct run *r, const struct script_setting *s)
{
    char why[SETTING_WHY];
    for (; s != NULL && !r->over; s = s->next) {
        enum setting_result result = settings_set(&r->settings, s->name, s->value, why);
        if (result != SETTING_OK) {
            enum verdict_kind kind = result == SETTING_WRONG ? VERDICT_FAIL : VERDICT_SKIP;
            run_end(r, kind, s->line, "%s", why);
        }
    }
}

static void run_parsed(struct run *r, const struct run_options *options)
{
    settings_init(&r->settings);
    apply_settings(r, r->script->settings);
    apply_settings(r, options->settings);
    check_supported(r);
    if (r->over) {
        return;
    }
    if (!world_init(&r->world, &r->settings.world)) {
        run_end(r, VERDICT_FAIL, 0, "no host with these settings");
        return;
    }
    sockets_init(&r->sockets, &r->world);
    r->sockets.defaults.quick_ack = r->settings.prompt_acks;
    flows_init(&r->flows, &r->sockets);
    r->flows.local_port = r->settings.bind_port;
    r->origin = r->world.now;
    r->rules.any_push = r->settings.any_push;
    r->rules.any_window = r->settings.any_window;
    r->rules.stamp_tick = r->settings.stamp_tick;
    if (r->rules.stamp_tick != 0) {
        nsec tick = r->rules.stamp_tick * NS_PER_US;
        r->rules.tolerance_stamps = (uint32_t)(r->settings.tolerance / tick) + 1;
    }
    run_events(r);
    world_done(&r->world);
    sockets_done(&r->sockets);
}

/* ---- includes ---- */

static const char *read_include(void *arg, struct arena *arena, const char *name, size_t *len)
{
    char path[PATH_TEXT];
    const char *dir = arg;
    int n = snprintf(path, sizeof path, "%s/%s", name[0] == '/' ? "" : dir, name);
    FILE *f = n > 0 && (size_t)n < sizeof path ? fopen(path, "rb") : NULL;
    if (f == NULL) {
        return NULL;
    }
    char *text = arena_get(arena, SCRIPT_BYTES_MAX);
    *len = fread(text, 1, SCRIPT_BYTES_MAX - 1, f);
    (void)fclose(f);
    return text;
}

void run_script(const char *text, size_t len, const char *dir, const struct run_options *options,
                struct verdict *out)
{
    struct script script;
    struct run *r = calloc(1, sizeof *r);
    char folder[PATH_TEXT];
    (void)snprintf(folder, sizeof folder, "%s", dir);
    struct script_reader reader = {.read = read_include, .arg = folder};
    *out = (struct verdict){.kind = VERDICT_PASS};
    if (r == NULL) {
        out->kind = VERDICT_FAIL;
        return;
    }
    script_parse(&script, text, len, options->defines, &reader);
    r->script = &script;
    r->dir = folder;
    r->verdict = out;
    r->events_shown = options->events;
    if (script.unsupported != NULL) {
        run_end(r, VERDICT_SKIP, 0, "%s", script.unsupported);
    } else if (script.error != NULL) {
        run_end(r, VERDICT_FAIL, script.error_line, "cannot be read: %s", script.error);
    } else {
        run_parsed(r, options);
    }
    script_done(&script);
    free(r);
}
