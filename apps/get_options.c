/* The options of `vitrine get`; see get_options.h. */
#include "apps/get_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
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
    "  --events FILE         every event as a line of JSON\n\n"
    "TLS\n"
    "  --cacert FILE         root certificates, PEM [the system's]\n"
    "  -k, --insecure        tell what is wrong with the certificate, and go on\n"
    "  --cert FILE --key FILE  our own certificate, for a server that asks\n"
    "  --tls-min 1.2|1.3     oldest version [1.2]\n"
    "  --tls-max 1.2|1.3     newest version [1.3]\n"
    "  --alpn LIST           protocols, comma-separated, best first [http/1.1]; '' for none\n"
    "  --keylog FILE         secrets for Wireshark and tshark [$SSLKEYLOGFILE]\n\n";

static const char usage_tail[] =
    "\nExit status as curl's: 0 done; 2 usage; 3 URL; 6 unknown host; 7 no connection; 8 no HTTP; "
    "18 cut\n"
    "off; 22 --fail; 23 output; 28 --max-time; 35 TLS; 52 no answer; 56 connection lost; 58 own\n"
    "certificate; 60 the server's certificate; 77 --cacert.\n";

enum {
    OPT_RESOLVE = 256,
    OPT_EVENTS,
    OPT_CACERT,
    OPT_CERT,
    OPT_KEY,
    OPT_TLS_MIN,
    OPT_TLS_MAX,
    OPT_ALPN,
    OPT_KEYLOG,
    OPT_HELP,
};

static const struct option long_options[] = {
    NODE_LONG_OPTIONS,
    {"verbose", no_argument, NULL, 'v'},
    {"output", required_argument, NULL, 'o'},
    {"head", no_argument, NULL, 'I'},
    {"fail", no_argument, NULL, 'f'},
    {"max-time", required_argument, NULL, 'm'},
    {"insecure", no_argument, NULL, 'k'},
    {"resolve", required_argument, NULL, OPT_RESOLVE},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"cacert", required_argument, NULL, OPT_CACERT},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"tls-min", required_argument, NULL, OPT_TLS_MIN},
    {"tls-max", required_argument, NULL, OPT_TLS_MAX},
    {"alpn", required_argument, NULL, OPT_ALPN},
    {"keylog", required_argument, NULL, OPT_KEYLOG},
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

static bool take_tls(int option, const char *value, struct get_options *o)
{
    switch (option) {
    case OPT_CACERT:
        o->tls.trust = value;
        return true;
    case OPT_CERT:
        o->cert = value;
        return true;
    case OPT_KEY:
        o->key = value;
        return true;
    case OPT_TLS_MIN:
        return option_tls_version("tls-min", value, &o->tls.min_version);
    case OPT_TLS_MAX:
        return option_tls_version("tls-max", value, &o->tls.max_version);
    case OPT_ALPN:
        return option_words("alpn", value, o->alpn_text, sizeof o->alpn_text, o->alpn, GET_ALPN);
    case OPT_KEYLOG:
        o->tls.keylog = value;
        return true;
    default:
        fprintf(stderr, "vitrine: vitrine get --help lists the options\n");
        return false;
    }
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
    case 'k':
        o->tls.trust_anything = true;
        return true;
    case OPT_RESOLVE:
        return take_resolve(o, value);
    case OPT_EVENTS:
        o->events = value;
        return true;
    default:
        return take_tls(option, value, o);
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
    if ((o->cert == NULL) != (o->key == NULL)) {
        fprintf(stderr, "vitrine: --cert and --key belong together\n");
        return GET_USAGE;
    }
    if (!url_parse(argv[optind], &o->url, &why)) {
        fprintf(stderr, "vitrine: %s: %s\n", argv[optind], why);
        return GET_BAD_URL;
    }
    o->tls.alpn = o->alpn[0] != NULL ? o->alpn : NULL;
    return GET_OK;
}

enum get_status get_options_parse(int argc, char **argv, struct get_options *out, bool *help)
{
    const char *keylog = getenv("SSLKEYLOGFILE");
    int option;
    *out = (struct get_options){.tls = {.client = true}, .alpn = {"http/1.1"}};
    *help = false;
    node_defaults(&out->node);
    out->tls.keylog = keylog != NULL && keylog[0] != '\0' ? keylog : NULL;
    optind = 1;
    while ((option = getopt_long(argc, argv, "vo:Ifm:k", long_options, NULL)) != -1) {
        enum options_result r = OPTIONS_BAD;
        if (option == OPT_HELP) {
            printf("%s%s%s", usage_head, node_usage, usage_tail);
            r = OPTIONS_HELP;
        } else if (node_has_option(option)) {
            r = node_take_option(option, optarg, &out->node);
        } else if (take_option(option, optarg, out)) {
            r = OPTIONS_GOOD;
        }
        *help = r == OPTIONS_HELP;
        if (r != OPTIONS_GOOD) {
            return *help ? GET_OK : GET_USAGE;
        }
    }
    return agree(argc, argv, out);
}
