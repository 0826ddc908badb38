/* An interface: Ethernet (IEEE 802.3, RFC 894), the rules of ARP (RFC 826 "Packet reception",
 * RFC 1122 2.3.2, RFC 5227) and the way of IP packets up and down. */
#include "stack/link/iface.h"

#define ETHERNET_LENGTH_MAX 1500U /* a smaller "type" is a length (IEEE 802.3) */
#define SNAP_HEADER 8U            /* bytes of LLC and SNAP */
#define SNAP_LLC 0xaaaa03U        /* both service access points and unnumbered information */
#define SNAP_ETHERNET 0x000000U   /* the organization whose codes are EtherTypes */

bool iface_is_broadcast(const struct iface *f, struct ip_addr a)
{
    if (!ip_is_v4(a)) {
        return false;
    }
    uint32_t v = ip4_value(a);
    if (v == UINT32_MAX) {
        return true;
    }
    if (f->prefix > 30 || !ip_is_v4(f->addr)) {
        return false;
    }
    uint32_t host_part = UINT32_MAX >> f->prefix;
    bool ours = ((v ^ ip4_value(f->addr)) & ~host_part) == 0;
    return ours && ((v & host_part) == host_part || (v & host_part) == 0);
}

/* ---- out ---- */

static void iface_show(const struct iface *f, bool out, uint64_t number, const struct packet *frame)
{
    f->watch->on_frame(f->watch->arg,
                       &(struct frame_sight){
                           .out = out, .number = number, .at = f->recorder->now, .frame = frame});
}

static bool iface_transmit(struct iface *f, const struct packet *frame, uint16_t ethertype)
{
    size_t len = packet_len(frame);
    if (!f->dev->transmit(f->dev, frame)) {
        trace_drop(f->recorder, DROP_DEV_REFUSED, 0, len);
        return false;
    }
    f->recorder->sent++;
    if (f->watch != NULL) {
        iface_show(f, true, f->recorder->sent, frame);
    }
    TRACE(f->recorder, 0, frame_out, .number = f->recorder->sent, .len = (uint32_t)len,
          .ethertype = ethertype);
    return true;
}

/* Input and timers never send, so an ARP packet waits for the flush. */
static void iface_queue_arp(struct iface *f, const struct arp_packet *packet, struct mac to)
{
    if (f->arp_waiting == IFACE_ARP_OUTBOX) {
        trace_drop(f->recorder, DROP_ARP_OUTBOX_FULL, 0, ARP_PACKET);
        return;
    }
    f->arp_outbox[f->arp_waiting++] =
        (struct arp_waiting){.packet = *packet, .to = to, .cause = f->recorder->cause};
}

/* neighbours.ask */
static void iface_ask(void *arg, const struct neighbour *n, struct mac to)
{
    struct iface *f = arg;
    struct arp_packet request = {
        .operation = ARP_REQUEST, .sha = f->dev->mac, .spa = f->addr, .tpa = n->addr};
    iface_queue_arp(f, &request, to);
}

void iface_announce(struct iface *f)
{
    struct arp_packet announcement = {
        .operation = ARP_REQUEST, .sha = f->dev->mac, .spa = f->addr, .tpa = f->addr};
    iface_queue_arp(f, &announcement, mac_broadcast);
}

static enum iface_result iface_send(struct iface *f, struct packet *p, struct mac dst)
{
    struct ethernet_header header = {.dst = dst, .src = f->dev->mac, .type = ETHERTYPE_IPV4};
    ethernet_push(p, &header);
    return iface_transmit(f, p, header.type) ? IFACE_SENT : IFACE_REFUSED;
}

/* The neighbour has not answered yet: a copy of the frame waits, its destination left blank. */
static enum iface_result iface_wait(struct iface *f, struct packet *p, struct neighbour *n)
{
    struct ethernet_header header = {.src = f->dev->mac, .type = ETHERTYPE_IPV4};
    ethernet_push(p, &header);
    struct buf *frame = packet_to_buf(p, f->pools);
    if (frame == NULL) {
        bool fits = packet_len(p) <= SLAB_SUPER_BYTES; /* not so with NETDEV_BIG */
        trace_drop(f->recorder, fits ? DROP_ETH_NO_BUFFER : DROP_ARP_TOO_BIG, 0, packet_len(p));
        return IFACE_REFUSED;
    }
    neighbour_wait(n, frame);
    return IFACE_QUEUED;
}

enum iface_result iface_output(struct iface *f, struct packet *p, struct ip_addr next_hop, nsec now)
{
    if (iface_is_broadcast(f, next_hop)) {
        return iface_send(f, p, mac_broadcast);
    }
    if (ip_is_multicast(next_hop)) {
        return iface_send(f, p, ethernet_group4(next_hop));
    }
    struct neighbour *n = neighbour_use(&f->neighbours, next_hop, now);
    if (n == NULL) {
        trace_drop(f->recorder, DROP_ARP_CACHE_FULL, 0, packet_len(p));
        return IFACE_REFUSED;
    }
    return neighbour_known(n) ? iface_send(f, p, n->mac) : iface_wait(f, p, n);
}

static void iface_send_arp(struct iface *f, const struct arp_waiting *waiting)
{
    struct packet p;
    packet_init(&p);
    arp_push(&p, &waiting->packet);
    struct ethernet_header header = {.dst = waiting->to, .src = f->dev->mac, .type = ETHERTYPE_ARP};
    ethernet_push(&p, &header);
    f->recorder->cause = waiting->cause;
    TRACE(f->recorder, 0, arp_out, .sender = waiting->packet.spa, .target = waiting->packet.tpa,
          .operation = waiting->packet.operation);
    iface_transmit(f, &p, header.type);
}

void iface_flush(struct iface *f)
{
    struct cause cause = f->recorder->cause;
    for (unsigned i = 0; i < f->arp_waiting; i++) {
        iface_send_arp(f, &f->arp_outbox[i]);
    }
    f->arp_waiting = 0;
    f->recorder->cause = f->released;
    for (struct list *node = list_pop_front(&f->outbox); node; node = list_pop_front(&f->outbox)) {
        struct buf *frame = buf_of_link(node);
        struct packet p;
        packet_init(&p);
        packet_add(&p, buf_slice(frame));
        p.offload = frame->offload;
        iface_transmit(f, &p, ETHERTYPE_IPV4);
        buf_free(frame);
    }
    f->recorder->cause = cause;
}

/* ---- in ---- */

/* Whether an ARP packet's sender can be believed (RFC 1122 2.3.2, RFC 5227 2.4). */
static bool arp_sender_good(const struct iface *f, const struct arp_packet *a)
{
    if (mac_is_group(a->sha) || mac_equal(a->sha, (struct mac){{0}})) {
        return false;
    }
    if (ip_is_any(a->spa)) {
        return a->operation == ARP_REQUEST; /* a probe (RFC 5227 1.1) */
    }
    return !ip_equal(a->spa, f->addr) && ip_same_prefix(a->spa, f->addr, f->prefix) &&
           !iface_is_broadcast(f, a->spa) && !ip_is_multicast(a->spa);
}

/* RFC 5227 2.4 (c): somebody else uses our address. We were told to have it, so we say so, but not more
 * than once in ten seconds: the other may be as sure. */
static void iface_conflict(struct iface *f, size_t len, nsec now)
{
    trace_drop(f->recorder, DROP_ARP_CONFLICT, 0, len);
    if (f->defended == 0 || now - f->defended >= IFACE_DEFEND) {
        f->defended = now;
        iface_announce(f);
    }
}

/* The neighbour told its address: what waited for it goes out at the next flush. */
static void iface_release(struct iface *f, struct neighbour *n)
{
    f->released = f->recorder->cause;
    for (struct buf *b = neighbour_take(n); b != NULL; b = neighbour_take(n)) {
        ethernet_set_destination(b, n->mac);
        list_push_back(&f->outbox, &b->link);
    }
}

static void iface_input_arp(struct iface *f, struct rd *r, size_t len, uint8_t reach, nsec now)
{
    struct arp_packet a;
    if (!arp_parse(r, &a)) {
        trace_drop(f->recorder, DROP_ARP_MALFORMED, 0, len);
        return;
    }
    TRACE(f->recorder, 0, arp_in, .sender = a.spa, .target = a.tpa, .operation = a.operation);
    if (ip_equal(a.spa, f->addr) && !mac_equal(a.sha, f->dev->mac)) {
        iface_conflict(f, len, now);
        return;
    }
    if (!arp_sender_good(f, &a)) {
        trace_drop(f->recorder, DROP_ARP_BAD_SENDER, 0, len);
        return;
    }
    /* RFC 826: an entry that exists is updated from any packet; only a request for our address
     * makes a new one, so that unasked replies and gratuitous ones cannot fill the cache. */
    bool asks_us = a.operation == ARP_REQUEST && ip_equal(a.tpa, f->addr);
    struct neighbour *n = NULL;
    if (!ip_is_any(a.spa)) {
        n = neighbour_heard(&f->neighbours, a.spa, a.sha, asks_us, now);
    }
    if (n != NULL) {
        iface_release(f, n);
    }
    if (asks_us && reach == BUF_SENT_ON) {
        return; /* the one to whom it came answers for all */
    }
    if (asks_us) {
        struct arp_packet reply = {
            .operation = ARP_REPLY, .sha = f->dev->mac, .spa = f->addr, .tha = a.sha, .tpa = a.spa};
        iface_queue_arp(f, &reply, a.sha);
    } else if (n == NULL) {
        trace_drop(f->recorder, DROP_ARP_NOT_FOR_US, 0, len);
    }
}

/* RFC 1042, RFC 1122 2.3.3: an IEEE 802.3 frame with LLC and SNAP in front of the same payload. What is
 * behind its length is padding. */
static bool iface_strip_snap(struct buf *frame, struct rd *r, struct ethernet_header *h)
{
    uint16_t len = h->type;
    if (len > ETHERNET_LENGTH_MAX || len < SNAP_HEADER || len > rd_left(r)) {
        return false;
    }
    struct rd payload = rd_sub(r, len);
    if (rd_be24(&payload) != SNAP_LLC || rd_be24(&payload) != SNAP_ETHERNET) {
        return false;
    }
    h->type = rd_be16(&payload);
    buf_trim_back(frame, frame->len - ETHERNET_HEADER - len);
    buf_trim_front(frame, SNAP_HEADER); /* the Ethernet header is trimmed by whoever has read it */
    *r = payload;
    return true;
}

static void iface_show_input(const struct iface *f, const struct buf *frame)
{
    struct packet p;
    packet_init(&p);
    packet_add(&p, buf_slice(frame));
    p.offload = frame->offload;
    iface_show(f, false, f->recorder->cause.number, &p);
}

void iface_input(struct iface *f, struct buf *frame, nsec now)
{
    if (f->watch != NULL) {
        iface_show_input(f, frame);
    }
    struct ethernet_header header = {0};
    struct rd r = rd_slice(buf_slice(frame));
    bool whole = ethernet_parse(&r, &header);
    TRACE(f->recorder, 0, frame_in, .len = frame->len, .ethertype = whole ? header.type : 0);
    bool group = mac_is_group(header.dst);
    if (whole && header.type <= ETHERNET_LENGTH_MAX) {
        iface_strip_snap(frame, &r, &header);
    }

    enum drop_reason why;
    if (!whole) {
        why = DROP_ETH_TRUNCATED;
    } else if (mac_is_group(header.src)) {
        why = DROP_ETH_BAD_SOURCE;
    } else if (!mac_equal(header.dst, f->dev->mac) && !mac_equal(header.dst, mac_broadcast)) {
        why = DROP_ETH_NOT_FOR_US;
    } else if (header.type == ETHERTYPE_IPV4) {
        buf_trim_front(frame, ETHERNET_HEADER);
        f->up(f->up_arg, f, frame, group, now);
        return;
    } else if (header.type == ETHERTYPE_ARP) {
        iface_input_arp(f, &r, frame->len, frame->reach, now);
        buf_free(frame);
        return;
    } else {
        why = DROP_ETH_UNKNOWN_TYPE;
    }
    trace_drop(f->recorder, why, 0, frame->len);
    buf_free(frame);
}

/* ---- life ---- */

bool iface_init(struct iface *f, struct netdev *dev, struct ip_addr addr, unsigned prefix,
                struct recorder *recorder, struct slab_pools *pools, struct wheel *wheel,
                struct random *random)
{
    *f = (struct iface){
        .dev = dev, .addr = addr, .prefix = prefix, .recorder = recorder, .pools = pools};
    list_init(&f->outbox);
    if (!neighbours_init(&f->neighbours, recorder, wheel, random)) {
        return false;
    }
    f->neighbours.ask = iface_ask;
    f->neighbours.arg = f;
    return true;
}

void iface_done(struct iface *f)
{
    buf_free_queue(&f->outbox);
    neighbours_done(&f->neighbours);
}
