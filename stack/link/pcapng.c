/* See pcapng.h; the section numbers are those of draft-ietf-opsawg-pcapng. */
#include "stack/link/pcapng.h"

#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET 6U /* enhanced packet block */
#define BLOCK_SECRETS 10U
#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define LINKTYPE_ETHERNET 1U
#define SECRETS_TLS_KEY_LOG 0x544c534bU
#define OPTION_END 0U
#define OPTION_COMMENT 1U
#define OPTION_APPLICATION 4U /* shb_userappl */
#define OPTION_IF_NAME 2U
#define OPTION_IF_TSRESOL 9U
#define OPTION_EPB_FLAGS 2U
#define OPTION_EPB_DROPCOUNT 4U
#define NANOSECONDS 9U /* if_tsresol: 10^-9 s */
#define INBOUND 1U
#define OUTBOUND 2U
#define OPTION_HEAD 4U /* bytes */

static void put(struct pcapng *p, const void *data, size_t len)
{
    if (len > 0) {
        p->write(p->arg, data, len);
    }
}

static void put32(struct pcapng *p, uint32_t v)
{
    put(p, &v, sizeof v);
}

static uint32_t padded(size_t len)
{
    return (uint32_t)((len + 3) / 4 * 4);
}

static void pad(struct pcapng *p, size_t len)
{
    static const uint8_t zeros[3];
    put(p, zeros, padded(len) - len);
}

static void put_option(struct pcapng *p, uint16_t code, const void *value, size_t len)
{
    uint16_t head[2] = {code, (uint16_t)len};
    put(p, head, sizeof head);
    put(p, value, len);
    pad(p, len);
}

static size_t text_len(const char *s)
{
    return s != NULL ? strnlen(s, UINT16_MAX) : 0;
}

/* Bytes that an option with `len` bytes takes; without any it is left out. */
static uint32_t option_size(size_t len)
{
    return len > 0 ? OPTION_HEAD + padded(len) : 0;
}

static void put_text(struct pcapng *p, uint16_t code, const char *s)
{
    if (text_len(s) > 0) {
        put_option(p, code, s, text_len(s));
    }
}

void pcapng_section(struct pcapng *p, const char *application)
{
    const uint16_t version[2] = {1, 0};
    uint32_t options = option_size(text_len(application)) + OPTION_HEAD;
    uint32_t len = 28 + options;
    put32(p, BLOCK_SECTION);
    put32(p, len);
    put32(p, BYTE_ORDER_MAGIC);
    put(p, version, sizeof version);
    put32(p, UINT32_MAX);
    put32(p, UINT32_MAX); /* the section's length is not told */
    put_text(p, OPTION_APPLICATION, application);
    put32(p, OPTION_END);
    put32(p, len);
    p->interfaces = 0;
}

int pcapng_interface(struct pcapng *p, const char *name)
{
    const uint8_t resolution = NANOSECONDS;
    uint32_t len = 20 + option_size(text_len(name)) + option_size(sizeof resolution) + OPTION_HEAD;
    put32(p, BLOCK_INTERFACE);
    put32(p, len);
    put32(p, LINKTYPE_ETHERNET);
    put32(p, 0); /* no limit to a frame's length */
    put_text(p, OPTION_IF_NAME, name);
    put_option(p, OPTION_IF_TSRESOL, &resolution, sizeof resolution);
    put32(p, OPTION_END);
    put32(p, len);
    return (int)p->interfaces++;
}

static size_t frame_bytes(const struct pcapng_frame *f)
{
    size_t n = 0;
    for (unsigned i = 0; i < f->slices; i++) {
        n += f->data[i].len;
    }
    return n;
}

size_t pcapng_frame_size(const struct pcapng_frame *f)
{
    size_t size = 32 + padded(frame_bytes(f)) + option_size(sizeof(uint32_t)) + OPTION_HEAD;
    for (unsigned i = 0; i < PCAPNG_COMMENTS; i++) {
        size += option_size(text_len(f->comments[i]));
    }
    return size + (f->missing > 0 ? option_size(sizeof f->missing) : 0);
}

void pcapng_frame(struct pcapng *p, const struct pcapng_frame *f)
{
    const uint32_t flags = f->out ? OUTBOUND : INBOUND;
    uint32_t data = (uint32_t)frame_bytes(f);
    uint32_t len = (uint32_t)pcapng_frame_size(f);
    put32(p, BLOCK_PACKET);
    put32(p, len);
    put32(p, f->interface);
    put32(p, (uint32_t)((uint64_t)f->at >> 32U));
    put32(p, (uint32_t)f->at);
    put32(p, data);
    put32(p, data);
    for (unsigned i = 0; i < f->slices; i++) {
        put(p, f->data[i].data, f->data[i].len);
    }
    pad(p, data);
    for (unsigned i = 0; i < PCAPNG_COMMENTS; i++) {
        put_text(p, OPTION_COMMENT, f->comments[i]);
    }
    put_option(p, OPTION_EPB_FLAGS, &flags, sizeof flags);
    if (f->missing > 0) {
        put_option(p, OPTION_EPB_DROPCOUNT, &f->missing, sizeof f->missing);
    }
    put32(p, OPTION_END);
    put32(p, len);
}

size_t pcapng_secrets_size(size_t len)
{
    return 20 + padded(len);
}

void pcapng_secrets(struct pcapng *p, const void *lines, size_t len)
{
    uint32_t block = (uint32_t)pcapng_secrets_size(len);
    put32(p, BLOCK_SECRETS);
    put32(p, block);
    put32(p, SECRETS_TLS_KEY_LOG);
    put32(p, (uint32_t)len);
    put(p, lines, len);
    pad(p, len);
    put32(p, block);
}
