/* Inside apps/tape: what its files share with each other, and with nobody else. */
#ifndef VITRINE_APPS_TAPE_ROOM_H
#define VITRINE_APPS_TAPE_ROOM_H

#include "apps/tape/tape.h"
#include "apps/tape/writer.h"

enum tape_mode { TAPE_OFF, TAPE_RECORDS_NOW, TAPE_REPLAYS_NOW };

enum tape_mode tape_mode(void);

/* Recording. An error is said on stderr and ends the recording; the service goes on. */
void tape_put(enum tape_type type, const struct slice *parts, size_t count);
void tape_fail(int error); /* a negative errno: the recording cannot go on */
void tape_put_one(enum tape_type type, const void *data, size_t len);

/* Replaying: of what type the next record is; TAPE_NOTHING: there is none that can be read. */
enum tape_type tape_peek(void);
/* Replaying: the next record, which is of that type; anything else is how the replay ends. */
struct rd tape_take(enum tape_type type);
/* All of it has been read, and nothing failed; else the replay ends. */
void tape_taken(const struct rd *r, enum tape_type type);
/* The replay ends, as `outcome`, with this text for people. */
_Noreturn void tape_leave(enum tape_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, for a frame that was sent and now is not. */
_Noreturn void tape_leave_frame(struct slice content, enum tape_type wanted);
struct tape_report *tape_report(void);

/* Drops what is known of files, what was lent to TLS, and who holds which stream. */
void tape_files_forget(void);
void tape_tls_forget(void);
void tape_streams_forget(void);

#endif
