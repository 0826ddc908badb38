/* The options of `vitrine get`; see get_options.h. */
#include "apps/get_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage_head[] =
    "usage: vitrine get --tap NAME [OPTION…] URL\n\n"
    "Fetches http:// or https:// from a TAP device, by our own TCP and TLS 1.3 or 1.2. The "
    "server's\n"
    "certificate must be good: its chain, its dates, its name, its purpose.\n\n"
    "  -v, --verbose         both handshakes, the certificate, and both heads, on standard error\n"
    "  -o, --output FILE     the body goes there [standard output]\n"
    "  -I, --head            HEAD: print the head of the answer, there is no body\n"
    "  -f, --fail            a status from 400 on is a failure (22)\n"
    "  -m, --max-time S      give up after so many seconds\n"
    "  --resolve NAME:A      the address of a name; again for more [the hosts file]\n"
    "  --events FILE         every event as a line of JSON\n"
    "  --session FILE        come back to the session there, and leave the new one: a secret\n"
    "  --fast-open FILE      the request, or TLS's first flight, goes with the SYN if the file has "
    "the\n"
    "                        server's cookie; the one that comes is left there. It can be "
    "replayed\n"
    "  --early-data          send the request with the first flight (0-RTT): it can be "
    "replayed\n\n";

static const char usage_tail[] =
    "\nExit status as curl's: 0 done; 2 usage; 3 URL; 6 unknown host; 7 no connection; 8 no HTTP; "
    "18 cut\n"
    "off; 22 --fail; 23 output; 28 --max-time; 35 TLS; 52 no answer; 56 connection lost; 58 own\n"
    "certificate; 60 the server's certificate; 77 --cacert.\n";

enum {
    OPT_RESOLVE = 256,
    OPT_EVENTS,
    OPT_SESSION,
    OPT_FAST_OPEN,
    OPT_HELP,
};

static const struct option long_options[] = {
    NODE_LONG_OPTIONS,
    TLS_CLIENT_LONG_OPTIONS,
    {"verbose", no_argument, NULL, 'v'},
    {"output", required_argument, NULL, 'o'},
    {"head", no_argument, NULL, 'I'},
    {"fail", no_argument, NULL, 'f'},
    {"max-time", required_argument, NULL, 'm'},
    {"resolve", required_argument, NULL, OPT_RESOLVE},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"session", required_argument, NULL, OPT_SESSION},
    {"fast-open", required_argument, NULL, OPT_FAST_OPEN},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static bool take_resolve(struct get_options *o, const char *value)
{
    struct ip_addr ip;
    const char *colon = strrchr(value, ':');
    if (colon == NULL || colon == value || !ip_parse(colon + 1, &ip) || !ip_is_v4(ip)) {
        fprintf(stderr, "vitrine: --resolve takes NAME:ADDRESS, not '%s'\n", value);
        return false;
    }
    if (o->resolves == GET_RESOLVE) {
        fprintf(stderr, "vitrine: at most %u times --resolve\n", GET_RESOLVE);
        return false;
    }
    o->resolve[o->resolves++] = value;
    return true;
}

static bool take_option(int option, const char *value, struct get_options *o)
{
    switch (option) {
    case 'v':
        o->verbose = true;
        return true;
    case 'o':
        o->output = value;
        return true;
    case 'I':
        o->head = true;
        return true;
    case 'f':
        o->fail = true;
        return true;
    case 'm':
        return option_seconds("max-time", value, &o->max_time);
    case OPT_RESOLVE:
        return take_resolve(o, value);
    case OPT_EVENTS:
        o->events = value;
        return true;
    case OPT_FAST_OPEN:
        o->fast_open = value;
        return true;
    case OPT_SESSION:
        o->session = value;
        return true;
    default:
        fprintf(stderr, "vitrine: vitrine get --help lists the options\n");
        return false;
    }
}

/* What only all of them together can tell. */
static enum get_status agree(int argc, char **argv, struct get_options *o)
{
    const char *why;
    if (argc - optind != 1) {
        fprintf(stderr, "vitrine: one URL is needed; vitrine get --help says more\n");
        return GET_USAGE;
    }
    if (!node_options_agree(&o->node) || !tls_options_agree(&o->tls)) {
        return GET_USAGE;
    }
    o->verbose = o->verbose || o->tls.handshake;
    if (o->tls.config.early_data && o->session == NULL) {
        fprintf(stderr, "vitrine: --early-data needs a --session\n");
        return GET_USAGE;
    }
    if (!url_parse(argv[optind], &o->url, &why)) {
        fprintf(stderr, "vitrine: %s: %s\n", argv[optind], why);
        return GET_BAD_URL;
    }
    return GET_OK;
}

enum get_status get_options_parse(int argc, char **argv, struct get_options *out, bool *help)
{
    int option;
    *out = (struct get_options){.verbose = false};
    *help = false;
    node_defaults(&out->node);
    tls_options_defaults(&out->tls, true);
    optind = 1;
    while ((option = getopt_long(argc, argv, "vo:Ifm:k", long_options, NULL)) != -1) {
        enum options_result r = OPTIONS_BAD;
        if (option == OPT_HELP) {
            printf("%s%s\n%s%s", usage_head, tls_client_usage, node_usage, usage_tail);
            r = OPTIONS_HELP;
        } else if (node_has_option(option)) {
            r = node_take_option(option, optarg, &out->node);
        } else if (tls_has_option(option) ? tls_take_option(option, optarg, &out->tls)
                                          : take_option(option, optarg, out)) {
            r = OPTIONS_GOOD;
        }
        *help = r == OPTIONS_HELP;
        if (r != OPTIONS_GOOD) {
            return *help ? GET_OK : GET_USAGE;
        }
    }
    return agree(argc, argv, out);
}
