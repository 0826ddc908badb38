/* `vitrine explain`: both handshakes, keys and certificates, by real runs in memory (apps/explain). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/commands.h"
#include "apps/explain/chapters.h"
#include "stack/loop.h"

/* `takes`: those of the options below that mean something to it. */
static const struct chapter {
    const char *name;
    explain_chapter *run;
    const char *takes, *what;
} chapters[] = {
    {"tcp", explain_tcp, "p",
     "the three segments of TCP's handshake, and why each number is what it is"},
    {"tls", explain_tls, "pktmPr",
     "a TLS handshake message by message, its keys, and what an eavesdropper is left with"},
    {"compare", explain_compare, "pk",
     "TCP alone and TCP with TLS, side by side: steps, round trips, bytes, differences"},
    {"keys", explain_keys, "",
     "public and private keys: encrypt, sign, verify; and what a symmetric key is for"},
    {"certificate", explain_certificate, "pkt",
     "how a client comes by the server's public key, in eight steps; four bad certificates"},
};

static const char usage[] = "usage: vitrine explain CHAPTER [OPTION…]\n"
                            "\n"
                            "Each chapter runs what it is about, in memory (two hosts of ours on a "
                            "wire; no device, no\n"
                            "root), and shows the values that it has just seen.\n"
                            "\n";

static const char options_text[] =
    "\n"
    "  --json          as JSON\n"
    "  --html          as one page for browsers\n"
    "  --ascii         nothing but ASCII in the text\n"
    "  --width N       columns of the text, 72 to 120; without it what the terminal has\n"
    "  --seed N        the same numbers each time: addresses, ports, secrets and clock come from "
    "N\n"
    "  --tls VERSION   1.3, or 1.2\n"
    "  --mutual        of `tls`: the client shows a certificate too\n"
    "  --psk           of `tls`: a pre-shared key instead of a certificate, with TLS 1.3\n"
    "  --reveal        shows the secrets of TLS: who has them reads the connection\n"
    "  --pcapng FILE   the frames, for Wireshark\n"
    "  --keylog FILE   the keys of TLS for it, appended as NSS key log lines\n";

enum form { FORM_TEXT, FORM_JSON, FORM_HTML };

struct options {
    struct explain_options chapter;
    enum form form;
    struct doc_terminal terminal;
};

static void print_usage(FILE *out)
{
    fputs(usage, out);
    for (size_t i = 0; i < COUNT_OF(chapters); i++) {
        fprintf(out, "  %-13s%s\n", chapters[i].name, chapters[i].what);
    }
    fputs(options_text, out);
}

static bool parse_number(const char *option, const char *text, uint64_t least, uint64_t most,
                         uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < least || n > most) {
        fprintf(stderr, "vitrine explain: %s %s: a number from %llu to %llu\n", option, text,
                (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *out = n;
    return true;
}

/* The terminal's columns: COLUMNS, then what it says itself. */
static unsigned find_width(void)
{
    const char *columns = getenv("COLUMNS");
    long n = columns != NULL ? strtol(columns, NULL, 10) : 0;
    struct winsize size;
    if (n <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        n = size.ws_col;
    }
    return n <= 0 ? 100 : n > (long)DOC_WIDTH_MAX ? DOC_WIDTH_MAX : (unsigned)n;
}

static bool set_version(struct options *o, const char *text)
{
    bool old = strcmp(text, "1.2") == 0;
    if (!old && strcmp(text, "1.3") != 0) {
        fprintf(stderr, "vitrine explain: --tls %s: there are 1.2 and 1.3\n", text);
        return false;
    }
    o->chapter.tls = old ? TLS_1_2 : TLS_1_3;
    return true;
}

static bool set_option(struct options *o, int c)
{
    uint64_t n;
    bool good = true;
    switch (c) {
    case 'j':
        o->form = FORM_JSON;
        break;
    case 'h':
        o->form = FORM_HTML;
        break;
    case 'a':
        o->terminal.ascii = true;
        break;
    case 'p':
        o->chapter.pcapng = optarg;
        break;
    case 'k':
        o->chapter.keylog = optarg;
        break;
    case 'm':
        o->chapter.mutual = true;
        break;
    case 'P':
        o->chapter.psk = true;
        break;
    case 'r':
        o->chapter.reveal = true;
        break;
    case 't':
        good = set_version(o, optarg);
        break;
    case 'w':
        good = parse_number("--width", optarg, DOC_WIDTH_MIN, DOC_WIDTH_MAX, &n);
        o->terminal.width = good ? (unsigned)n : 0;
        break;
    case 's':
        good = parse_number("--seed", optarg, 0, UINT64_MAX, &n);
        o->chapter.repeatable = true;
        memset(o->chapter.seed, 0, sizeof o->chapter.seed);
        memcpy(o->chapter.seed, &n, sizeof n);
        o->chapter.now = NS_PER_SEC * 86400; /* a day after the hosts' clock began */
        break;
    default:
        good = false;
    }
    return good;
}

static bool parse(int argc, char **argv, const struct chapter *chapter, struct options *o)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},         {"html", no_argument, NULL, 'h'},
        {"ascii", no_argument, NULL, 'a'},        {"width", required_argument, NULL, 'w'},
        {"seed", required_argument, NULL, 's'},   {"pcapng", required_argument, NULL, 'p'},
        {"keylog", required_argument, NULL, 'k'}, {"tls", required_argument, NULL, 't'},
        {"mutual", no_argument, NULL, 'm'},       {"reveal", no_argument, NULL, 'r'},
        {"psk", no_argument, NULL, 'P'},          {NULL, 0, NULL, 0},
    };
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org */
    int c, which;
    o->terminal.width = find_width();
    o->terminal.colour = isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
    o->chapter.now = loop_now();
    o->chapter.tls = TLS_1_3;
    if (!loop_seed(o->chapter.seed)) {
        fprintf(stderr, "vitrine explain: no randomness\n");
        return false;
    }
    optind = 1;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", known, &which)) != -1) {
        if (c == '?') {
            fprintf(stderr, "vitrine explain: %s: not an option, or its value is missing\n",
                    argv[optind - 1]);
        } else if (strchr("pktmPr", c) != NULL && strchr(chapter->takes, c) == NULL) {
            fprintf(stderr, "vitrine explain: --%s means nothing to the chapter %s\n",
                    known[which].name, chapter->name);
            return false;
        }
        if (c == '?' || !set_option(o, c)) {
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "vitrine explain: %s: nothing more was expected\n", argv[optind]);
        return false;
    }
    if (o->chapter.psk && (o->chapter.mutual || o->chapter.tls != TLS_1_3)) {
        fprintf(stderr, "vitrine explain: --psk is for TLS 1.3, and instead of certificates\n");
        return false;
    }
    return true;
}

static int show(const struct options *o, const struct doc *d)
{
    struct draft out;
    draft_init(&out, DOC_SIZE);
    switch (o->form) {
    case FORM_TEXT:
        doc_text(d, &o->terminal, &out);
        break;
    case FORM_JSON:
        doc_json(d, &out);
        break;
    case FORM_HTML:
        doc_html(d, &out);
        break;
    }
    bool good = !d->failed && !out.failed;
    if (!good) {
        fprintf(stderr, "vitrine explain: no memory\n");
    } else if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
        fprintf(stderr, "vitrine explain: output: %s\n", strerror(errno));
        good = false;
    }
    draft_done(&out);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct chapter *chapter, int argc, char **argv)
{
    struct options o = {.form = FORM_TEXT};
    struct doc d;
    char error[256] = "";
    if (!parse(argc, argv, chapter, &o)) {
        return 2;
    }
    int status = EXIT_FAILURE;
    if (chapter->run(&d, &o.chapter, error, sizeof error)) {
        status = show(&o, &d);
    } else {
        fprintf(stderr, "vitrine explain: %s\n", error);
    }
    doc_done(&d);
    return status;
}

int cmd_explain(int argc, char **argv)
{
    bool asked = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0;
    if (asked) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < COUNT_OF(chapters); i++) {
        if (strcmp(argv[1], chapters[i].name) == 0) {
            return run(&chapters[i], argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "vitrine explain: there is no chapter '%s'; vitrine explain lists them\n",
            argv[1]);
    return 2;
}
