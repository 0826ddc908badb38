/* The Ethernet II header (IEEE 802.3, RFC 894). */
#include "stack/link/ethernet.h"

bool ethernet_parse(struct rd *r, struct ethernet_header *out)
{
    rd_copy(r, out->dst.b, sizeof(out->dst.b));
    rd_copy(r, out->src.b, sizeof(out->src.b));
    out->type = rd_be16(r);
    return !r->failed;
}

void ethernet_push(struct packet *p, const struct ethernet_header *h)
{
    struct wr w = wr_of(packet_push(p, ETHERNET_HEADER), ETHERNET_HEADER);
    wr_bytes(&w, h->dst.b, sizeof(h->dst.b));
    wr_bytes(&w, h->src.b, sizeof(h->src.b));
    wr_be16(&w, h->type);
}

void ethernet_set_destination(struct buf *frame, struct mac dst)
{
    struct wr w = wr_of(buf_data(frame), frame->len);
    wr_bytes(&w, dst.b, sizeof(dst.b));
}

struct mac ethernet_group4(struct ip_addr group)
{
    /* The low 23 bits of the address behind 01-00-5e. */
    uint32_t low = ip4_value(group) & 0x7fffffU;
    return (struct mac){
        {0x01, 0x00, 0x5e, (uint8_t)(low >> 16), (uint8_t)(low >> 8), (uint8_t)low}};
}
