/* The options that every subcommand on a network has: where its host stands, and how its TCP behaves. */
#ifndef VITRINE_APPS_NODE_OPTIONS_H
#define VITRINE_APPS_NODE_OPTIONS_H

#include "apps/pcapng_file.h"
#include "stack/vitrine.h"

struct node_options {
    const char *tap;                 /* name of the TAP device */
    struct ip_addr address, gateway; /* gateway ip_any: none */
    unsigned prefix;                 /* bits of our network */
    bool has_mac;
    struct mac mac;
    enum node_wire {
        NODE_TRUE_FRAMES,
        NODE_COALESCED, /* true frames, which the kernel joins (IFF_NAPI) */
        NODE_OFFLOAD,   /* super-segments and unfinished checksums cross the TAP (IFF_VNET_HDR) */
        NODE_BIG,       /* and towards the kernel such as no IPv4 header can tell the length of */
    } wire;
    bool queue;     /* one of several of the TAP */
    bool batches;   /* of frames, one system call for each (io_uring) */
    nsec busy_poll; /* as struct loop's */
    struct tcp_config tcp;
    struct tcp_options each; /* connection's, where its program does not say otherwise */
    bool narrate;            /* every cause in words, on narrate_fd */
    int narrate_fd;          /* [standard error] */
    struct pcapng_file_options pcapng;
};

enum options_result {
    OPTIONS_GOOD,
    OPTIONS_HELP, /* was asked for, and shown */
    OPTIONS_BAD,  /* said on stderr */
};

/* Numbers for getopt_long; a subcommand's own begin elsewhere. */
enum {
    NODE_TAP = 0x1000,
    NODE_ADDRESS,
    NODE_GATEWAY,
    NODE_MAC,
    NODE_MSL,
    NODE_WIRE,
    NODE_IO,
    NODE_TCP,
    NODE_NARRATE,
    NODE_PCAPNG,
    NODE_PCAPNG_SIZE,
    NODE_PCAPNG_FILES,
};

/* For a subcommand's table of struct option. */
#define NODE_LONG_OPTIONS                                                                          \
    {"tap", required_argument, NULL, NODE_TAP},                                                    \
        {"address", required_argument, NULL, NODE_ADDRESS},                                        \
        {"gateway", required_argument, NULL, NODE_GATEWAY},                                        \
        {"mac", required_argument, NULL, NODE_MAC}, {"msl", required_argument, NULL, NODE_MSL},    \
        {"tcp", required_argument, NULL, NODE_TCP}, {"narrate", no_argument, NULL, NODE_NARRATE},  \
        {"pcapng", required_argument, NULL, NODE_PCAPNG},                                          \
        {"pcapng-size", required_argument, NULL, NODE_PCAPNG_SIZE},                                \
        {"wire", required_argument, NULL, NODE_WIRE}, {"io", required_argument, NULL, NODE_IO},    \
    {                                                                                              \
        "pcapng-files", required_argument, NULL, NODE_PCAPNG_FILES                                 \
    }

/* The lines of `--help` about them. */
extern const char node_usage[];

/* 10.9.0.2/24, no gateway, no TAP. */
void node_defaults(struct node_options *o);
bool node_has_option(int option);
enum options_result node_take_option(int option, const char *value, struct node_options *o);
/* What only all of them together can tell. false: said on stderr. */
bool node_options_agree(const struct node_options *o);

/* Values of options. Each says on stderr what is wrong, and returns false then. */
bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool option_port(const char *option, const char *text, uint16_t *out); /* 0: off */
bool option_seconds(const char *option, const char *text, nsec *out);
bool option_address(const char *option, const char *text, struct ip_addr *out);
bool option_prefix(const char *option, const char *text, struct ip_addr *out, unsigned *bits);
bool option_mac(const char *option, const char *text, struct mac *out);
bool option_tls_version(const char *option, const char *text, uint16_t *out); /* enum tls_version */
/* A list with commas: `copy` of `size` bytes holds it, `words` of max + 1 gets it, NULL-terminated. */
bool option_words(const char *option, const char *text, char *copy, size_t size, const char **words,
                  unsigned max);

#endif
