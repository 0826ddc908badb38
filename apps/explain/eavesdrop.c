/* Frames as streams and records; see eavesdrop.h. */
#include "apps/explain/eavesdrop.h"

#include <stdlib.h>
#include <string.h>

bool eavesdrop(const struct world *w, struct eavesdropper *out)
{
    size_t room[2] = {0};
    *out = (struct eavesdropper){0};
    for (size_t i = 0; i < w->frame_count; i++) {
        room[w->frames[i].from] += w->frames[i].payload_len;
    }
    for (unsigned from = 0; from < 2; from++) {
        out->stream[from] = malloc(room[from] + 1);
        if (out->stream[from] == NULL) {
            eavesdropper_done(out);
            return false;
        }
    }
    for (size_t i = 0; i < w->frame_count; i++) {
        const struct world_frame *f = &w->frames[i];
        memcpy(out->stream[f->from] + out->len[f->from], f->data + f->payload, f->payload_len);
        out->len[f->from] += f->payload_len;
    }
    return true;
}

void eavesdropper_done(struct eavesdropper *e)
{
    free(e->stream[0]);
    free(e->stream[1]);
    *e = (struct eavesdropper){0};
}

bool record_next(struct rd *stream, struct record *out)
{
    const uint8_t *from = stream->pos;
    if (rd_left(stream) == 0) {
        return false;
    }
    out->type = rd_u8(stream);
    out->version = rd_be16(stream);
    out->fragment = rd_take(stream, rd_be16(stream));
    out->whole = (struct slice){from, (size_t)(stream->pos - from)};
    return !stream->failed;
}

const char *record_name(uint8_t type)
{
    switch (type) {
    case RECORD_CHANGE_CIPHER_SPEC:
        return "change_cipher_spec";
    case RECORD_ALERT:
        return "alert";
    case RECORD_HANDSHAKE:
        return "handshake";
    case RECORD_DATA:
        return "application_data";
    default:
        return "unknown";
    }
}
