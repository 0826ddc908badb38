/* Where a host stands, as options, and the values of options; see node_options.h. */
#include "apps/node_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/tcp_settings.h"
#include "stack/base/cursor.h"
#include "tls/tls.h"

const char node_usage[] =
    "network\n"
    "  --tap NAME            TAP device to stand on\n"
    "  --address A/BITS      our address and network [10.9.0.2/24]\n"
    "  --gateway A           next hop for other networks\n"
    "  --mac M               our link address [from the address]\n"
    "  --wire KIND           true-frames: of the MTU's size, checksums finished; coalesced: such, "
    "which\n"
    "                        the kernel joins before its TCP sees them; offload: super-segments of "
    "up\n"
    "                        to 64 KiB, as the kernel's own drivers have them; big: the same, and "
    "to\n"
    "                        the kernel up to 256 KiB, longer than an IPv4 header can say "
    "[true-frames]\n"
    "  --io KIND             calls: a system call for each frame; batches: one for many, by "
    "io_uring\n"
    "                        [calls]\n"
    "  --msl SECONDS         maximum segment lifetime; TIME-WAIT lasts twice as long [120]\n"
    "  --tcp NAME=VALUE,…    how TCP behaves, as cc=newreno,rack=off; --tcp help lists the names\n"
    "  --narrate             what each frame, timer and call was, the check that let it pass or "
    "refused\n"
    "                        it, and all that it led to, a line each\n"
    "  --pcapng FILE         frames with these lines as comments and the keys that decrypt them, "
    "for\n"
    "                        Wireshark and tshark: whoever has FILE can read all that went by\n"
    "  --pcapng-size BYTES   of one file; then come FILE-00002 and so on [no limit]\n"
    "  --pcapng-files N      so many of them are kept, the latest [all]\n";

void node_defaults(struct node_options *o)
{
    *o = (struct node_options){.prefix = 24, .gateway = ip_any};
    o->address = ip4_addr(0x0a090002);
    o->narrate_fd = STDERR_FILENO;
}

bool node_has_option(int option)
{
    return option >= NODE_TAP && option <= NODE_PCAPNG_FILES;
}

static bool take_pcapng_files(const char *value, struct node_options *o)
{
    uint64_t n;
    bool good = option_number("pcapng-files", value, 1, PCAPNG_FILES_MAX, &n);
    o->pcapng.files = good ? (uint32_t)n : 0;
    return good;
}

static bool take_wire(const char *value, enum node_wire *wire)
{
    static const char *const names[] = {[NODE_TRUE_FRAMES] = "true-frames",
                                        [NODE_COALESCED] = "coalesced",
                                        [NODE_OFFLOAD] = "offload",
                                        [NODE_BIG] = "big"};
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            *wire = (enum node_wire)i;
            return true;
        }
    }
    fprintf(stderr, "vitrine: --wire takes true-frames, coalesced, offload or big, not '%s'\n",
            value);
    return false;
}

static bool take_io(const char *value, bool *batches)
{
    *batches = strcmp(value, "batches") == 0;
    if (!*batches && strcmp(value, "calls") != 0) {
        fprintf(stderr, "vitrine: --io takes calls or batches, not '%s'\n", value);
        return false;
    }
    return true;
}

static bool take(int option, const char *value, struct node_options *o)
{
    switch (option) {
    case NODE_TAP:
        o->tap = value;
        return true;
    case NODE_ADDRESS:
        return option_prefix("address", value, &o->address, &o->prefix);
    case NODE_GATEWAY:
        return option_address("gateway", value, &o->gateway);
    case NODE_MAC:
        o->has_mac = true;
        return option_mac("mac", value, &o->mac);
    case NODE_MSL:
        return option_seconds("msl", value, &o->tcp.msl);
    case NODE_WIRE:
        return take_wire(value, &o->wire);
    case NODE_IO:
        return take_io(value, &o->batches);
    case NODE_TCP:
        return tcp_settings_take(value, &o->tcp, &o->each);
    case NODE_NARRATE:
        o->narrate = true;
        return true;
    case NODE_PCAPNG:
        o->pcapng.name = value;
        return true;
    case NODE_PCAPNG_SIZE:
        return option_number("pcapng-size", value, PCAPNG_FILE_SIZE_MIN, INT64_MAX,
                             &o->pcapng.size);
    case NODE_PCAPNG_FILES:
        return take_pcapng_files(value, o);
    default:
        return false;
    }
}

enum options_result node_take_option(int option, const char *value, struct node_options *o)
{
    if (option == NODE_TCP && strcmp(value, "help") == 0) {
        tcp_settings_list(stdout);
        return OPTIONS_HELP;
    }
    return take(option, value, o) ? OPTIONS_GOOD : OPTIONS_BAD;
}

/* Of an address that a host of this network can have: no group, no loopback, neither the network itself nor its broadcast
 * (RFC 1122 3.2.1.3; RFC 3021 gives both to hosts where there are only two). */
static bool is_a_hosts(struct ip_addr a, unsigned prefix)
{
    uint32_t value = ip4_value(a), host = prefix >= 31 ? 1 : UINT32_MAX >> prefix;
    return value >> 24 != 0 && value >> 28 < 0xe && !ip_is_loopback(a) &&
           (prefix >= 31 || ((value & host) != 0 && (value & host) != host));
}

bool node_options_agree(const struct node_options *o)
{
    char text[IP_TEXT_MAX];
    if (o->tap == NULL) {
        fprintf(stderr, "vitrine: --tap NAME is needed: the TAP device to stand on\n");
        return false;
    }
    if (!is_a_hosts(o->address, o->prefix)) {
        fprintf(stderr, "vitrine: --address: %s/%u is no address that a host can have\n",
                ip_text(o->address, text), o->prefix);
        return false;
    }
    if (!ip_is_any(o->gateway) && !ip_same_prefix(o->gateway, o->address, o->prefix)) {
        fprintf(stderr, "vitrine: --gateway: %s is not in our network, so nobody would find it\n",
                ip_text(o->gateway, text));
        return false;
    }
    if (o->pcapng.name == NULL && (o->pcapng.size > 0 || o->pcapng.files > 0)) {
        fprintf(stderr, "vitrine: --pcapng-size and --pcapng-files need --pcapng FILE\n");
        return false;
    }
    if (o->pcapng.files > 0 && o->pcapng.size == 0) {
        fprintf(stderr, "vitrine: --pcapng-files needs --pcapng-size: a row of files has a size\n");
        return false;
    }
    return true;
}

/* ---- values of options ---- */

/* An argument that is no option has its name in capitals. */
static const char *dashes(const char *name)
{
    return name[0] >= 'A' && name[0] <= 'Z' ? "" : "--";
}

bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min ||
        value > max) {
        fprintf(stderr, "vitrine: %s%s takes a number from %llu to %llu, not '%s'\n",
                dashes(option), option, (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    *out = value;
    return true;
}

bool option_port(const char *option, const char *text, uint16_t *out)
{
    uint64_t value;
    if (!option_number(option, text, 0, UINT16_MAX, &value)) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

bool option_seconds(const char *option, const char *text, nsec *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0 && value <= 86400)) {
        fprintf(stderr, "vitrine: %s%s takes seconds, above 0 and up to 86400, not '%s'\n",
                dashes(option), option, text);
        return false;
    }
    *out = (nsec)(value * 1e9);
    return true;
}

bool option_address(const char *option, const char *text, struct ip_addr *out)
{
    if (!ip_parse(text, out) || !ip_is_v4(*out)) {
        fprintf(stderr, "vitrine: %s%s takes an IPv4 address, not '%s'\n", dashes(option), option,
                text);
        return false;
    }
    return true;
}

bool option_prefix(const char *option, const char *text, struct ip_addr *out, unsigned *bits)
{
    if (!ip_parse_prefix(text, out, bits) || !ip_is_v4(*out)) {
        fprintf(stderr,
                "vitrine: %s%s takes an IPv4 address and its network, as 10.9.0.2/24, not '%s'\n",
                dashes(option), option, text);
        return false;
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_mac(const char *text, struct mac *out)
{
    struct rd r = rd_of(text, strlen(text));
    for (unsigned i = 0; i < sizeof out->b; i++) {
        bool separated = i == 0 || rd_u8(&r) == ':';
        int high = hex_digit(rd_u8(&r));
        int low = hex_digit(rd_u8(&r));
        if (r.failed || !separated || high < 0 || low < 0) {
            return false;
        }
        out->b[i] = (uint8_t)(high * 16 + low);
    }
    return rd_left(&r) == 0;
}

bool option_mac(const char *option, const char *text, struct mac *out)
{
    if (!parse_mac(text, out) || mac_is_group(*out)) {
        fprintf(stderr, "vitrine: %s%s takes a link address, as 02:00:00:00:00:02, not '%s'\n",
                dashes(option), option, text);
        return false;
    }
    return true;
}

bool option_tls_version(const char *option, const char *text, uint16_t *out)
{
    if (strcmp(text, "1.2") == 0) {
        *out = TLS_1_2;
    } else if (strcmp(text, "1.3") == 0) {
        *out = TLS_1_3;
    } else {
        fprintf(stderr, "vitrine: --%s takes 1.2 or 1.3, not '%s'\n", option, text);
        return false;
    }
    return true;
}

bool option_words(const char *option, const char *text, char *copy, size_t size, const char **words,
                  unsigned max)
{
    unsigned n = 0;
    if (strlen(text) >= size) {
        fprintf(stderr, "vitrine: --%s is too long\n", option);
        return false;
    }
    memcpy(copy, text, strlen(text) + 1);
    for (char *rest = copy, *item; (item = strsep(&rest, ",")) != NULL;) {
        if (*item == '\0') {
            continue;
        }
        if (n == max) {
            fprintf(stderr, "vitrine: --%s takes at most %u\n", option, max);
            return false;
        }
        words[n++] = item;
    }
    words[n] = NULL;
    return true;
}
