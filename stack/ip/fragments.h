/* Fragments of IPv4 packets, kept until the whole is there (RFC 791 3.2, RFC 815, RFC 1122 3.3.2).
 *
 * A datagram under assembly is one slab that grows up to 64 KiB, with a bit for each 8 bytes that
 * came. So each fragment costs its own length and no more, however many came before it and in
 * whatever order. What RFC 1858, RFC 5722 and RFC 6274 teach:
 *
 *   - Fragments that overlap make the whole datagram void, what is still to come included; one that
 *     says again what is there already is a duplicate, and harmless.
 *   - Nothing may end beyond 65535 bytes, be empty, or be ragged unless it is the last.
 *   - The first fragment of TCP must hold ports, sequence numbers and flags.
 *   - The memory is bounded, for the host and for each source; the oldest gives way.
 *
 * The time to live here is a fixed minute, not the packet's (RFC 1122 3.3.2).
 */
#ifndef VITRINE_IP_FRAGMENTS_H
#define VITRINE_IP_FRAGMENTS_H

#include "stack/base/addr.h"
#include "stack/base/buf.h"
#include "stack/base/pool.h"
#include "stack/base/random.h"
#include "stack/base/siphash.h"
#include "stack/base/timer.h"

#define FRAGMENT_DATAGRAMS 64U               /* under assembly at once */
#define FRAGMENT_SOURCE_DATAGRAMS 16U        /* of them from one source */
#define FRAGMENT_BYTES (2U * 1024U * 1024U)  /* of slabs, all together */
#define FRAGMENT_SOURCE_BYTES (512U * 1024U) /* of slabs for one source */
#define FRAGMENT_TIMEOUT (60 * NS_PER_SEC)   /* RFC 1122 3.3.2: 60 to 120 s */
#define FRAGMENT_BLOCK 8U                    /* bytes in the unit of offsets (RFC 791 3.1) */
#define FRAGMENT_BLOCKS (65536U / FRAGMENT_BLOCK)
#define FRAGMENT_BUCKETS 64U

struct ip;
struct ip_packet;
struct ip4_header;
struct iface;

struct fragment_datagram {
    struct list bucket; /* in fragments.buckets */
    struct list age;    /* in fragments.by_age */
    struct ip_addr src, dst;
    uint16_t id;
    uint8_t protocol;
    uint8_t header_len; /* bytes of fragment zero's header; 0 = it has not come */
    uint8_t ecn_seen;   /* a bit for each ECN codepoint that a fragment had */
    uint8_t ttl, tos;   /* of fragment zero */
    bool broadcast;
    uint32_t first_len; /* payload bytes of fragment zero */
    uint32_t end;       /* payload bytes of the whole; 0 = the last fragment has not come */
    uint32_t highest;   /* where the farthest fragment so far ends, in payload bytes */
    uint32_t got;       /* payload bytes that came */
    nsec expires;
    struct iface *in; /* through which its first fragment came */
    struct buf *buf;  /* header room, then the payload; NULL: the datagram is void */
    uint64_t blocks[FRAGMENT_BLOCKS / 64]; /* a bit for each block that is there */
};

struct fragments {
    struct ip *ip;
    struct wheel *wheel;
    struct siphash_key key;
    struct list buckets[FRAGMENT_BUCKETS]; /* fragment_datagram, by keyed hash */
    struct list by_age;                    /* the oldest first */
    struct timer timer;                    /* the oldest one's end */
    struct pool pool;                      /* struct fragment_datagram */
    size_t bytes;                          /* of slabs in use */
};

void fragments_init(struct fragments *f, struct ip *ip, struct wheel *wheel, struct random *random);
void fragments_done(struct fragments *f);
/* Takes the fragment that `p` is, with the header `h`. True: it completed its datagram, which `p` now
 * is, and which the caller owns. False: `p->buf` is gone. */
bool fragments_add(struct fragments *f, struct ip_packet *p, const struct ip4_header *h);

#endif
