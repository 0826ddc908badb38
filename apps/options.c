/* The options of `vitrine serve`; see options.h. */
#include "apps/options.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage_head[] =
    "usage: vitrine serve --tap NAME [OPTION…]\n\n"
    "Serves HTTP/1.1 over TLS and over plain TCP on a TAP device, and shows both handshakes of "
    "each\n"
    "connection. GET / tells a client the story of its own connection; what is sent to /echo (PUT "
    "or\n"
    "POST) comes back, what is sent to /discard does not.\n\n";

static const char usage_services[] =
    "  --user-timeout S      a peer that acknowledges nothing for so long is given up [900; SYN "
    "190]\n\n"
    "services (0 = off)\n"
    "  --port N              HTTP over TLS [443]\n"
    "  --plain-port N        HTTP over plain TCP [80]\n"
    "  --echo-port N         echo, RFC 862 [7]\n"
    "  --discard-port N      discard, RFC 863 [9]\n"
    "  --chargen-port N      character generator, RFC 864: text without end [0]\n"
    "  --root DIR            files to serve; there is no way out of DIR\n"
    "  --max-connections N   at once, on each port [4096]\n"
    "  --idle-timeout S      between requests [60]\n"
    "  --fast-open           requests in the SYN of clients that were here before (RFC 7413)\n\n";

static const char usage_tail[] =
    "  --ca-dir DIR          development CA, made when it is not there; used without --cert "
    "[build/ca]\n"
    "  --rsa                 the development CA's RSA certificate instead of the ECDSA one\n\n"
    "looking in\n"
    "  --threads N           N hosts behind the one address, each with a thread and a queue of the "
    "TAP;\n"
    "                        there is no account of what happens then [1]\n"
    "  --fast                as fast as it can: --wire big --io batches\n"
    "  --busy-poll[=US]      after a frame, ask for more during so many microseconds before going "
    "to\n"
    "                        sleep: less delay, for a whole core of each thread while frames come "
    "[200]\n"
    "  --quiet               no ladder of the handshakes\n"
    "  --events FILE         every event as a line of JSON\n"
    "  --status FILE         on SIGUSR1 replace FILE by the state of everything, as JSON\n"
    "                        (without it: as text on standard output)\n"
    "  --stats               the same as text at the end\n"
    "  --record FILE         every input, for `vitrine replay FILE` (docs/recording.md)\n"
    "  --no-secrets          record TCP alone: no keys, no randomness of TLS, no files\n"
    "  --record-limit MIB    size at which the recording ends, and the service goes on [4096]\n\n"
    "SIGINT and SIGTERM end it.\n";

enum {
    OPT_USER_TIMEOUT = 256,
    OPT_PORT,
    OPT_PLAIN_PORT,
    OPT_ECHO_PORT,
    OPT_DISCARD_PORT,
    OPT_CHARGEN_PORT,
    OPT_ROOT,
    OPT_MAX_CONNECTIONS,
    OPT_IDLE_TIMEOUT,
    OPT_FAST_OPEN,
    OPT_CA_DIR,
    OPT_RSA,
    OPT_THREADS,
    OPT_FAST,
    OPT_BUSY_POLL,
    OPT_QUIET,
    OPT_EVENTS,
    OPT_STATUS,
    OPT_STATS,
    OPT_RECORD,
    OPT_RECORD_LIMIT,
    OPT_NO_SECRETS,
    OPT_HELP,
};

static const struct option long_options[] = {
    NODE_LONG_OPTIONS,
    TLS_SERVER_LONG_OPTIONS,
    {"user-timeout", required_argument, NULL, OPT_USER_TIMEOUT},
    {"port", required_argument, NULL, OPT_PORT},
    {"plain-port", required_argument, NULL, OPT_PLAIN_PORT},
    {"echo-port", required_argument, NULL, OPT_ECHO_PORT},
    {"discard-port", required_argument, NULL, OPT_DISCARD_PORT},
    {"chargen-port", required_argument, NULL, OPT_CHARGEN_PORT},
    {"root", required_argument, NULL, OPT_ROOT},
    {"max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS},
    {"idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT},
    {"ca-dir", required_argument, NULL, OPT_CA_DIR},
    {"rsa", no_argument, NULL, OPT_RSA},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"fast", no_argument, NULL, OPT_FAST},
    {"busy-poll", optional_argument, NULL, OPT_BUSY_POLL},
    {"fast-open", no_argument, NULL, OPT_FAST_OPEN},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"status", required_argument, NULL, OPT_STATUS},
    {"stats", no_argument, NULL, OPT_STATS},
    {"record", required_argument, NULL, OPT_RECORD},
    {"record-limit", required_argument, NULL, OPT_RECORD_LIMIT},
    {"no-secrets", no_argument, NULL, OPT_NO_SECRETS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void defaults(struct serve_options *o)
{
    *o = (struct serve_options){
        .port = 443,
        .plain_port = 80,
        .echo_port = 7,
        .discard_port = 9,
        .ca_dir = "build/ca",
        .max_connections = 4096,
        .threads = 1,
        .idle_timeout = 60 * NS_PER_SEC,
    };
    node_defaults(&o->node);
    o->node.each.no_delay = true; /* what is written here is whole: nothing gains by waiting */
    o->node.narrate_fd = STDOUT_FILENO; /* in the place of the ladder */
    tls_options_defaults(&o->tls, false);
}

#define TCP_CONNECTIONS 65536U /* that the stack has room for unless it is told more */
#define OTHER_CONNECTIONS 4096U

static bool take_max_connections(struct serve_options *o, const char *value)
{
    uint64_t n;
    if (!option_number("max-connections", value, 1, 1000000, &n)) {
        return false;
    }
    o->max_connections = (size_t)n;
    /* Both of HTTP's ports may be full, and the stack has room for the others beside them. */
    if (2 * n > TCP_CONNECTIONS - OTHER_CONNECTIONS) {
        o->node.tcp.max_connections = (uint32_t)(2 * n + OTHER_CONNECTIONS);
    }
    return true;
}

static bool take_service(int option, const char *value, struct serve_options *o)
{
    switch (option) {
    case OPT_PORT:
        return option_port("port", value, &o->port);
    case OPT_PLAIN_PORT:
        return option_port("plain-port", value, &o->plain_port);
    case OPT_ECHO_PORT:
        return option_port("echo-port", value, &o->echo_port);
    case OPT_DISCARD_PORT:
        return option_port("discard-port", value, &o->discard_port);
    case OPT_CHARGEN_PORT:
        return option_port("chargen-port", value, &o->chargen_port);
    case OPT_ROOT:
        o->root = value;
        return true;
    case OPT_MAX_CONNECTIONS:
        return take_max_connections(o, value);
    case OPT_IDLE_TIMEOUT:
        return option_seconds("idle-timeout", value, &o->idle_timeout);
    case OPT_FAST_OPEN:
        o->node.tcp.fast_open |= TCP_FAST_OPEN_SERVER;
        return true;
    case OPT_CA_DIR:
        o->ca_dir = value;
        return true;
    case OPT_RSA:
        o->rsa = true;
        return true;
    default:
        return false;
    }
}

static bool take_record_limit(struct serve_options *o, const char *value)
{
    uint64_t mib;
    if (!option_number("record-limit", value, 1, UINT64_C(1) << 30U, &mib)) {
        return false;
    }
    o->tape.limit = mib << 20U;
    return true;
}

static bool take_threads(struct serve_options *o, const char *value)
{
    uint64_t n;
    if (!option_number("threads", value, 1, CREW_MAX, &n)) {
        return false;
    }
    o->threads = (unsigned)n;
    return true;
}

#define BUSY_POLL 200U          /* microseconds, unless told otherwise */
#define BUSY_POLL_MAX 10000000U /* microseconds */

static bool take_busy_poll(struct serve_options *o, const char *value)
{
    uint64_t us = BUSY_POLL;
    if (value != NULL && !option_number("busy-poll", value, 1, BUSY_POLL_MAX, &us)) {
        return false;
    }
    o->node.busy_poll = (nsec)us * NS_PER_US;
    return true;
}

/* What shows one host from inside, or is kept by one, there is not of several. */
static bool threads_agree(const struct serve_options *o)
{
    const char *with = o->node.narrate               ? "--narrate"
                       : o->node.pcapng.name != NULL ? "--pcapng"
                       : o->events != NULL           ? "--events"
                       : o->tape.file != NULL        ? "--record"
                       : o->tls.handshake            ? "--handshake"
                       : o->tls.config.early_data    ? "--early-data"
                                                     : NULL;
    if (o->threads > 1 && with != NULL) {
        fprintf(stderr, "vitrine: %s is of one host: it goes with --threads 1\n", with);
        return false;
    }
    return true;
}

static bool recording_agrees(const struct tape_options *o)
{
    if (o->file == NULL && (o->no_secrets || o->limit != 0)) {
        fprintf(stderr, "vitrine: --no-secrets and --record-limit need --record FILE\n");
        return false;
    }
    return true;
}

static bool take_looking(int option, const char *value, struct serve_options *o)
{
    switch (option) {
    case OPT_THREADS:
        return take_threads(o, value);
    case OPT_FAST:
        o->node.wire = NODE_BIG;
        o->node.batches = true;
        return true;
    case OPT_BUSY_POLL:
        return take_busy_poll(o, value);
    case OPT_QUIET:
        o->quiet = true;
        return true;
    case OPT_EVENTS:
        o->events = value;
        return true;
    case OPT_STATUS:
        o->status = value;
        return true;
    case OPT_STATS:
        o->stats = true;
        return true;
    case OPT_RECORD:
        o->tape.file = value;
        return true;
    case OPT_NO_SECRETS:
        o->tape.no_secrets = true;
        return true;
    case OPT_RECORD_LIMIT:
        return take_record_limit(o, value);
    default:
        fprintf(stderr, "vitrine: vitrine serve --help lists the options\n");
        return false;
    }
}

static bool take_option(int option, const char *value, struct serve_options *o)
{
    if (option == OPT_USER_TIMEOUT) {
        return option_seconds("user-timeout", value, &o->node.each.user_timeout);
    }
    if (option >= OPT_PORT && option <= OPT_RSA) {
        return take_service(option, value, o);
    }
    return take_looking(option, value, o);
}

enum options_result serve_options_parse(int argc, char **argv, struct serve_options *out)
{
    int option;
    defaults(out);
    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_HELP) {
            printf("%s%s%s%s%s", usage_head, node_usage, usage_services, tls_server_usage,
                   usage_tail);
            return OPTIONS_HELP;
        }
        if (node_has_option(option)) {
            enum options_result r = node_take_option(option, optarg, &out->node);
            if (r != OPTIONS_GOOD) {
                return r;
            }
            continue;
        }
        if (tls_has_option(option) ? !tls_take_option(option, optarg, &out->tls)
                                   : !take_option(option, optarg, out)) {
            return OPTIONS_BAD;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "vitrine: '%s' is no option; vitrine serve --help lists them\n",
                argv[optind]);
        return OPTIONS_BAD;
    }
    return node_options_agree(&out->node) && tls_options_agree(&out->tls) && threads_agree(out) &&
                   recording_agrees(&out->tape)
               ? OPTIONS_GOOD
               : OPTIONS_BAD;
}
