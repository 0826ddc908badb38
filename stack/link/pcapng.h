/* The blocks of a pcapng file (draft-ietf-opsawg-pcapng), which Wireshark and tshark read: a section header, an interface
 * each, then frames with their times in nanoseconds, their directions and remarks, and the secrets that decrypt them.
 *
 * In the byte order of this machine, which the section header tells. Each block goes to `write` in pieces; what
 * becomes of them is the owner's business.
 */
#ifndef VITRINE_LINK_PCAPNG_H
#define VITRINE_LINK_PCAPNG_H

#include "stack/base/types.h"

#define PCAPNG_COMMENTS 2U

struct pcapng {
    void (*write)(void *arg, const void *data, size_t len);
    void *arg;
    unsigned interfaces; /* so far */
};

struct pcapng_frame {
    unsigned interface;
    bool out;
    nsec at;
    const struct slice *data; /* its bytes, `slices` pieces of them */
    unsigned slices;
    const char *comments[PCAPNG_COMMENTS]; /* NULL: none; bytes beyond 65535 are left out */
    uint64_t missing;                      /* frames that were lost to the file before this one */
};

/* The first block. `application`: who writes it, NULL: not told. */
void pcapng_section(struct pcapng *p, const char *application);
/* All interfaces come before the first frame. Their number, from 0. */
int pcapng_interface(struct pcapng *p, const char *name);
void pcapng_frame(struct pcapng *p, const struct pcapng_frame *f);
size_t pcapng_frame_size(const struct pcapng_frame *f); /* bytes of its block */
/* Lines of an NSS key log, before the first frame that they decrypt. */
void pcapng_secrets(struct pcapng *p, const void *lines, size_t len);
size_t pcapng_secrets_size(size_t len);

#endif
