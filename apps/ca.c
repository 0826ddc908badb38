/* `vitrine ca`: a development CA, and the certificates that it issues. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/commands.h"
#include "tls/ca.h"

#define LIST_MAX 64 /* names, and addresses, in one certificate */

static const char usage[] =
    "usage: vitrine ca init  --dir DIR\n"
    "       vitrine ca issue --dir DIR --out NAME --name DNS-NAME... [--ip ADDRESS]...\n"
    "                        [--client] [--rsa] [--days N]\n"
    "\n"
    "init   makes a development CA: DIR/ca.pem and DIR/ca.key\n"
    "issue  makes DIR/NAME.pem and DIR/NAME.key, signed by it, replacing what is there\n"
    "\n"
    "  --dir DIR       where the CA is; init makes the directory\n"
    "  --out NAME      names the files of the certificate\n"
    "  --name NAME     a DNS name that it stands for, also *.example; can be given again\n"
    "  --ip ADDRESS    an IPv4 or IPv6 address that it stands for; can be given again\n"
    "  --client        for a client; without it, for a server\n"
    "  --rsa           an RSA key of 2048 bits; without it, ECDSA on P-256\n"
    "  --days N        how long it is valid, 90 when not given\n";

struct options {
    const char *dir, *out;
    const char *names[LIST_MAX + 1], *ips[LIST_MAX + 1];
    int name_count, ip_count;
    bool client, rsa;
    unsigned days;
};

static bool add(const char *list[LIST_MAX + 1], int *count, const char *value)
{
    if (*count == LIST_MAX) {
        fprintf(stderr, "vitrine ca: too many names or addresses\n");
        return false;
    }
    list[(*count)++] = value;
    return true;
}

static bool parse_days(const char *text, unsigned *days)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < 1 || n > CA_DAYS) {
        fprintf(stderr, "vitrine ca: --days %s: a number from 1 to %u\n", text, CA_DAYS);
        return false;
    }
    *days = (unsigned)n;
    return true;
}

/* false: a message is out. */
static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"dir", required_argument, NULL, 'd'},  {"out", required_argument, NULL, 'o'},
        {"name", required_argument, NULL, 'n'}, {"ip", required_argument, NULL, 'i'},
        {"client", no_argument, NULL, 'c'},     {"rsa", no_argument, NULL, 'r'},
        {"days", required_argument, NULL, 't'}, {NULL, 0, NULL, 0},
    };
    bool ok = true;
    int c;
    optind = 1;
    opterr = 0;
    while (ok && (c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'd':
            o->dir = optarg;
            break;
        case 'o':
            o->out = optarg;
            break;
        case 'n':
            ok = add(o->names, &o->name_count, optarg);
            break;
        case 'i':
            ok = add(o->ips, &o->ip_count, optarg);
            break;
        case 'c':
            o->client = true;
            break;
        case 'r':
            o->rsa = true;
            break;
        case 't':
            ok = parse_days(optarg, &o->days);
            break;
        default:
            fprintf(stderr, "vitrine ca: %s: not an option, or its value is missing\n",
                    argv[optind - 1]);
            return false;
        }
    }
    if (ok && optind < argc) {
        fprintf(stderr, "vitrine ca: %s: nothing more was expected\n", argv[optind]);
        ok = false;
    }
    if (ok && o->dir == NULL) {
        fprintf(stderr, "vitrine ca: --dir is missing\n");
        ok = false;
    }
    return ok;
}

static int report(bool ok, const struct options *o, const char *name, const char *error)
{
    if (!ok) {
        fprintf(stderr, "vitrine ca: %s\n", error);
        return 1;
    }
    printf("%s/%s.pem\n%s/%s.key\n", o->dir, name, o->dir, name);
    return 0;
}

static int init(int argc, char **argv)
{
    struct options o = {.dir = NULL};
    char error[512] = "";
    if (!parse(argc, argv, &o)) {
        return 2;
    }
    if (o.out != NULL || o.name_count + o.ip_count > 0 || o.client || o.rsa || o.days != 0) {
        fprintf(stderr, "vitrine ca: init takes only --dir\n");
        return 2;
    }
    return report(ca_create(o.dir, error, sizeof(error)), &o, "ca", error);
}

static int issue(int argc, char **argv)
{
    struct options o = {.dir = NULL};
    char error[512] = "";
    if (!parse(argc, argv, &o)) {
        return 2;
    }
    if (o.out == NULL || o.name_count + o.ip_count == 0) {
        fprintf(stderr, "vitrine ca: issue needs --out and a --name or --ip\n");
        return 2;
    }
    struct ca_request request = {
        .names = o.names,
        .ips = o.ips,
        .client = o.client,
        .key = o.rsa ? CA_KEY_RSA : CA_KEY_EC,
        .days = o.days,
    };
    return report(ca_issue(o.dir, o.out, &request, error, sizeof(error)), &o, o.out, error);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "help") == 0;
}

int cmd_ca(int argc, char **argv)
{
    if (argc > 1 && (is_help(argv[1]) || (argc > 2 && is_help(argv[2])))) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "init") == 0) {
        return init(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "issue") == 0) {
        return issue(argc - 1, argv + 1);
    }
    fputs(usage, stderr);
    return 2;
}
