/* The blocks of a pcapng file, in the byte order of this machine, which the section header tells. */
#include "tests/sim/pcapng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET 6U /* enhanced packet block */
#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define LINKTYPE_ETHERNET 1U
#define OPTION_IF_NAME 2U
#define OPTION_IF_TSRESOL 9U
#define OPTION_EPB_FLAGS 2U
#define NANOSECONDS 9U /* if_tsresol: 10^-9 s */
#define INBOUND 1U
#define OUTBOUND 2U

struct pcapng {
    FILE *file;
    unsigned interfaces;
};

static void put32(struct pcapng *p, uint32_t v)
{
    fwrite(&v, sizeof v, 1, p->file);
}

static void put_padded(struct pcapng *p, const void *data, size_t len)
{
    static const uint8_t zeros[3];
    fwrite(data, 1, len, p->file);
    fwrite(zeros, 1, (4 - len % 4) % 4, p->file);
}

static uint32_t padded(size_t len)
{
    return (uint32_t)((len + 3) / 4 * 4);
}

static void put_option(struct pcapng *p, uint16_t code, const void *value, uint16_t len)
{
    uint16_t head[2] = {code, len};
    fwrite(head, sizeof head, 1, p->file);
    put_padded(p, value, len);
}

struct pcapng *pcapng_open(const char *path)
{
    struct pcapng *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->file = fopen(path, "wb");
    if (p->file == NULL) {
        free(p);
        return NULL;
    }
    const uint32_t len = 28;
    put32(p, BLOCK_SECTION);
    put32(p, len);
    put32(p, BYTE_ORDER_MAGIC);
    put32(p, 1); /* version 1.0: two 16-bit numbers; this is right for little-endian machines */
    put32(p, UINT32_MAX);
    put32(p, UINT32_MAX); /* the section's length is not told */
    put32(p, len);
    return p;
}

bool pcapng_close(struct pcapng *p)
{
    if (p == NULL) {
        return true;
    }
    bool good = ferror(p->file) == 0;
    good = fclose(p->file) == 0 && good;
    free(p);
    return good;
}

int pcapng_interface(struct pcapng *p, const char *name)
{
    const uint8_t resolution = NANOSECONDS;
    uint16_t name_len = (uint16_t)strlen(name);
    uint32_t len = 20 + (4 + padded(name_len)) + (4 + 4) + 4;
    put32(p, BLOCK_INTERFACE);
    put32(p, len);
    put32(p, LINKTYPE_ETHERNET);
    put32(p, 0); /* no limit to a frame's length */
    put_option(p, OPTION_IF_NAME, name, name_len);
    put_option(p, OPTION_IF_TSRESOL, &resolution, 1);
    put32(p, 0); /* end of options */
    put32(p, len);
    return (int)p->interfaces++;
}

void pcapng_frame(struct pcapng *p, unsigned interface, bool out, nsec at, struct slice frame)
{
    uint32_t flags = out ? OUTBOUND : INBOUND;
    uint32_t len = 32 + padded(frame.len) + 8 + 4;
    put32(p, BLOCK_PACKET);
    put32(p, len);
    put32(p, interface);
    put32(p, (uint32_t)((uint64_t)at >> 32U));
    put32(p, (uint32_t)at);
    put32(p, (uint32_t)frame.len);
    put32(p, (uint32_t)frame.len);
    put_padded(p, frame.data, frame.len);
    put_option(p, OPTION_EPB_FLAGS, &flags, sizeof flags);
    put32(p, 0);
    put32(p, len);
}
