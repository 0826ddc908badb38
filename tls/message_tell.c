/* Telling fields: text that is put together in one place, bounded, and handed on. */
#include "tls/message_tell.h"

#include <stdio.h>
#include <string.h>

static const char cut[] = "…";

void tell_fault(struct teller *t, const char *what)
{
    if (t->faulty == NULL) {
        t->faulty = what;
    }
}

struct slice tell_rest(const struct rd *r)
{
    return (struct slice){r->pos, rd_left(r)};
}

void tell_begin(struct teller *t, const char *name, struct slice bytes)
{
    t->len = 0;
    t->is_cut = false;
    t->text[0] = '\0';
    t->field = (struct tls_field){
        .depth = t->depth, .name = name, .value = t->text, .note = "", .bytes = bytes};
}

/* What does not fit is cut off, and the text says so. */
static void add(struct teller *t, const char *text, size_t len)
{
    size_t room = sizeof(t->text) - sizeof(cut) - t->len;
    if (t->is_cut) {
        return;
    }
    if (len > room) {
        memcpy(t->text + t->len, cut, sizeof(cut));
        t->is_cut = true;
        return;
    }
    memcpy(t->text + t->len, text, len);
    t->len += len;
    t->text[t->len] = '\0';
}

void tell_add(struct teller *t, const char *text)
{
    add(t, text, strlen(text));
}

void tell_add_string(struct teller *t, struct slice text)
{
    struct rd r = rd_slice(text);
    while (rd_left(&r) > 0) {
        char c = (char)rd_u8(&r);
        c = c >= ' ' && c < 0x7f ? c : '?';
        add(t, &c, 1);
    }
}

void tell_add_hex(struct teller *t, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct rd r = rd_slice(bytes);
    while (rd_left(&r) > 0) {
        uint8_t b = rd_u8(&r);
        char two[2] = {digits[b >> 4], digits[b & 15]};
        add(t, two, sizeof(two));
    }
}

void tell_add_number(struct teller *t, uint32_t number)
{
    if (t->field.count < TLS_FIELD_NUMBERS) {
        t->numbers[t->field.count++] = number;
    } else {
        t->field.more++;
    }
}

void tell_end(struct teller *t)
{
    t->field.numbers = t->field.count > 0 ? t->numbers : NULL;
    t->told(t->arg, &t->field);
}

void tell_text(struct teller *t, const char *name, const char *value, struct slice bytes)
{
    tell_begin(t, name, bytes);
    tell_add(t, value);
    tell_end(t);
}

void tell_hex(struct teller *t, const char *name, struct slice bytes)
{
    tell_begin(t, name, bytes);
    tell_add_hex(t, bytes);
    tell_end(t);
}

/* RFC 8701: numbers that a client offers so that servers stay used to unknown ones. */
static bool is_grease(uint32_t number)
{
    return (number & 0x0f0f) == 0x0a0a && number >> 8 == (number & 0xff);
}

static void add_name(struct teller *t, uint32_t number, unsigned width, tell_name_fn *names)
{
    char text[32];
    const char *name = names != NULL ? names((uint16_t)number) : "";
    if (name[0] != '\0') {
        tell_add(t, name);
        return;
    }
    snprintf(text, sizeof(text), "%s0x%0*x", width == 2 && is_grease(number) ? "GREASE " : "",
             (int)(2 * width), number);
    tell_add(t, text);
}

void tell_named(struct teller *t, const char *name, uint16_t number, tell_name_fn *names,
                struct slice bytes)
{
    tell_begin(t, name, bytes);
    add_name(t, number, bytes.len == 1 ? 1 : 2, names);
    tell_add_number(t, number);
    tell_end(t);
}

void tell_count(struct teller *t, const char *name, uint32_t number, const char *unit,
                struct slice bytes)
{
    char text[64];
    tell_begin(t, name, bytes);
    snprintf(text, sizeof(text), "%u%s%s", number, unit[0] != '\0' ? " " : "", unit);
    tell_add(t, text);
    tell_add_number(t, number);
    tell_end(t);
}

void tell_parts(struct teller *t, const char *name, struct slice bytes)
{
    tell_begin(t, name, bytes);
    tell_end(t);
}

void tell_numbers(struct teller *t, const char *name, struct rd *list, unsigned width,
                  tell_name_fn *names)
{
    tell_begin(t, name, tell_rest(list));
    while (rd_left(list) > 0) {
        uint32_t number = width == 1 ? rd_u8(list) : rd_be16(list);
        if (list->failed) {
            break;
        }
        if (t->len > 0) {
            tell_add(t, ", ");
        }
        add_name(t, number, width, names);
        tell_add_number(t, number);
    }
    if (list->failed) {
        tell_fault(t, name);
    }
    tell_end(t);
}
