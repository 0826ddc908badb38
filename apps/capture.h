/* `--pcapng`: the frames of an interface with their causes as remarks, and the secrets that decrypt them.
 *
 * A frame's remark tells what it led to, so each frame is held until its account is given (narrate.h), at the end
 * of the flush. What timers and calls of the application led to stands in a second remark, of the frame behind them. Key log
 * lines are written before the frames that were held when they came: so before the first that needs them.
 */
#ifndef VITRINE_APPS_CAPTURE_H
#define VITRINE_APPS_CAPTURE_H

#include "apps/draft.h"
#include "apps/narrate.h"
#include "apps/pcapng_file.h"
#include "stack/link/iface.h"

#define CAPTURE_REMARKS 16384U          /* bytes of remarks that wait for a frame */
#define CAPTURE_SECRETS (1024U * 1024U) /* bytes of key log lines that wait for room in the file */

struct capture {
    bool open;
    struct listener listener; /* hands on to the narrator's */
    struct frame_watch watch;
    struct narrator narrator;
    struct pcapng_file file;
    struct recorder *recorder;
    struct iface *iface;
    nsec wall; /* the system's time of day at 0 of the stack's clock */
    struct list held;
    struct draft secrets, remarks;
};

/* `name` of the interface must live as long as the capture, which must stay where it is. false: said on stderr. */
bool capture_open(struct capture *c, const struct pcapng_file_options *o, struct iface *iface,
                  const char *name, struct recorder *r);
/* A line of a TLS key log; `arg` is a struct capture, which need not be open. */
void capture_key_line(void *arg, const char *line, size_t len);
void capture_close(
    struct capture *c); /* before the interface goes; also when it was never opened */

#endif
