/* The internet layer over a link rig, with UDP, and a transport of our own in place of TCP. */
#ifndef VITRINE_TESTS_IP_RIG_H
#define VITRINE_TESTS_IP_RIG_H

#include "stack/ip/ip.h"
#include "stack/udp/udp.h"
#include "tests/unit/link/link_rig.h"

struct ip_rig {
    struct link_rig link;
    struct ip ip;
    struct udp udp;
    unsigned received;     /* packets that the transport was given */
    struct ip_packet last; /* the last one, without its buf */
    uint8_t last_bytes[65536];
    uint8_t last_header[60];
    bool had_back; /* it came by a source route */
    struct ip_options last_back;
    size_t last_len;
    unsigned errors; /* ICMP errors that the transport was told */
    struct ip_error last_error;
    uint8_t last_quoted[64];
};

/* We are 10.9.0.2/24; the peer 10.9.0.1 is a known neighbour; default route through 10.9.0.1. */
void ip_rig_init(struct ip_rig *r);
void ip_rig_done(struct ip_rig *r);
void ip_rig_receive(struct ip_rig *r, const struct frame *f);
void ip_rig_flush(struct ip_rig *r);
/* Asserts that a frame is refused with `reason` alone, and that nothing is given up or sent. */
void ip_rig_expect_refused(struct ip_rig *r, const struct frame *f, enum drop_reason reason);
/* Sends a packet of `len` zero bytes as our transport. */
enum ip_result ip_rig_send(struct ip_rig *r, uint32_t dst, size_t len);

#endif
