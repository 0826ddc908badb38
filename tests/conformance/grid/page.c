/* The grid as a page, and the requirements that its cells hold. */
#include <string.h>

#include "tests/conformance/grid/grid.h"

static const char *const answer_words[ANSWERS] = {
    [NOTHING] = "–",         [ACK] = "ACK",
    [ACK_ALL] = "ACK of it", [SYN] = "SYN",
    [SYN_ACK] = "SYN-ACK",   [RST_AT_ACK] = "RST at SEG.ACK",
    [RST_ACK] = "RST-ACK",   [RST] = "RST",
    [FIN] = "FIN",           [FIN_AGAIN] = "FIN again",
    [DATA] = "data",         [DATA_AGAIN] = "data again",
    [PROBE] = "probe",
};

static const char *const answer_meanings[ANSWERS] = {
    [NOTHING] = "nothing is sent",
    [ACK] = "`<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, numbers as before the event",
    [ACK_ALL] = "`<SEQ=SND.NXT><ACK=SEG.SEQ+SEG.LEN><CTL=ACK>`, at once or within 0.1 s",
    [SYN] = "`<SEQ=ISS><CTL=SYN>`",
    [SYN_ACK] = "`<SEQ=ISS><ACK=IRS+1><CTL=SYN,ACK>`",
    [RST_AT_ACK] = "`<SEQ=SEG.ACK><CTL=RST>`",
    [RST_ACK] = "`<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>`",
    [RST] = "`<SEQ=SND.NXT><CTL=RST>`, with `<ACK=RCV.NXT>` or without",
    [FIN] = "`<SEQ=SND.NXT><ACK=RCV.NXT><CTL=FIN,ACK>`",
    [FIN_AGAIN] = "`<SEQ=SND.UNA><ACK=RCV.NXT><CTL=FIN,ACK>`",
    [DATA] = "`<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>` with what was written",
    [DATA_AGAIN] = "`<SEQ=SND.UNA><ACK=RCV.NXT><CTL=ACK>` with what is in flight",
    [PROBE] = "`<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK>`",
};

static const struct {
    unsigned bit;
    const char *word;
} sees_words[] = {
    {OPENED, "opened"},
    {READS, "readable"},
    {PEER_CLOSED, "peer closed"},
    {DONE, "closed"},
    {RESET, "reset"},
    {REFUSED, "refused"},
    {TIMEOUT, "timed out"},
    {TROUBLE, "R1"},
    {URGENT, "urgent"},
    {REPORT, "soft error"},
    {UNREACHABLE, "unreachable"},
    {FAILS, "the call is refused"},
};

static void put_states(FILE *out, unsigned states)
{
    const char *comma = "";
    if (states == ALL) {
        fputs("every state", out);
        return;
    }
    for (unsigned i = 0; i < GRID_STATES; i++) {
        if ((states & 1U << i) != 0) {
            fprintf(out, "%s%s", comma, grid_state_name(1U << i));
            comma = ", ";
        }
    }
}

static void put_sees(FILE *out, unsigned sees)
{
    const char *comma = "";
    for (size_t i = 0; i < COUNT_OF(sees_words); i++) {
        if ((sees & sees_words[i].bit) != 0) {
            fprintf(out, "%s%s", comma, sees_words[i].word);
            comma = ", ";
        }
    }
}

static void put_event(FILE *out, const struct grid_event *e)
{
    fprintf(out, "\n### %s\n\n%s.\n\n", e->name, e->title);
    fputs("| State | Answer | State after | Application | Refused as | Clause |\n"
          "|---|---|---|---|---|---|\n",
          out);
}

static void put_row(FILE *out, const struct grid_row *row)
{
    fputs("| ", out);
    put_states(out, row->states);
    if (row->absent != NULL) {
        fprintf(out, " | none: %s | | | | |\n", row->absent);
        return;
    }
    fprintf(out, " | %s | %s | ", answer_words[row->answer],
            row->after != SAME ? grid_state_name(row->after) : "");
    put_sees(out, row->sees);
    fprintf(out, " | %s | %s%s%s |\n",
            row->drop != NO_DROP ? drop_name((enum drop_reason)row->drop) : "", row->clause,
            row->ids[0] != '\0' ? "; " : "", row->ids);
}

/* ---- the overview: events down, states across ---- */

static const struct grid_row *cell_at(size_t event_row, unsigned state)
{
    for (size_t i = event_row + 1; i < grid_row_count(); i++) {
        if ((grid_row(i)->states & state) != 0) {
            return grid_row(i);
        }
    }
    return NULL;
}

static void put_short(FILE *out, const struct grid_row *cell)
{
    if (cell == NULL || cell->absent != NULL) {
        fputs(" |", out);
        return;
    }
    fprintf(out, " %s", answer_words[cell->answer]);
    if (cell->after != SAME) {
        fprintf(out, " → %s", grid_state_name(cell->after));
    }
    fputs(" |", out);
}

static void put_overview(FILE *out)
{
    fputs("\n## All of it\n\n| |", out);
    for (unsigned i = 0; i < GRID_STATES; i++) {
        fprintf(out, " %s |", grid_state_name(1U << i));
    }
    fputs("\n|---|", out);
    for (unsigned i = 0; i < GRID_STATES; i++) {
        fputs("---|", out);
    }
    fputs("\n", out);
    for (size_t i = 0; i < grid_row_count(); i++) {
        const struct grid_event *e = grid_row(i)->event;
        if (e == NULL) {
            continue;
        }
        fprintf(out, "| [%s](#%s) |", e->name, e->name);
        for (unsigned k = 0; k < GRID_STATES; k++) {
            put_short(out, cell_at(i, 1U << k));
        }
        fputs("\n", out);
    }
}

static void put_head(FILE *out)
{
    unsigned cells = 0;
    unsigned events = 0;
    for (size_t i = 0; i < grid_row_count(); i++) {
        const struct grid_row *row = grid_row(i);
        events += row->event != NULL ? 1 : 0;
        for (unsigned k = 0; k < GRID_STATES && row->absent == NULL; k++) {
            cells += (row->states & 1U << k) != 0 ? 1 : 0;
        }
    }
    fprintf(
        out,
        "# The grid\n\n"
        "What each event does in each state of a connection, by RFC 9293 3.10: %u events, %u "
        "cells. "
        "Each cell is a test:\n`build/vitrine-grid` brings a host into the state by exchanges on "
        "the "
        "wire, lets the event happen, and looks at what is sent,\nat the state, at what the "
        "application sees, at what was refused by which name, and whether all memory comes "
        "back.\n\n"
        "This page is made of the tables in `tests/conformance/grid` by `make grid`. "
        "*SYN-RECEIVED* is "
        "that of a passive open,\n*SYN-RECEIVED-CROSSED* that of a simultaneous one. In "
        "ESTABLISHED and CLOSE-WAIT a segment of ours is in flight. A clause\nwithout an RFC is "
        "one "
        "of RFC 9293; \"first\" to \"eighth\" are the checks of 3.10.7.4; `5961-3.2` is RFC 5961, "
        "section 3.2.\n\n| Answer | is |\n|---|---|\n",
        events, cells);
    for (unsigned i = 0; i < ANSWERS; i++) {
        fprintf(out, "| %s | %s |\n", answer_words[i], answer_meanings[i]);
    }
}

void grid_page(FILE *out)
{
    put_head(out);
    put_overview(out);
    fputs("\n## Event by event\n", out);
    for (size_t i = 0; i < grid_row_count(); i++) {
        if (grid_row(i)->event != NULL) {
            put_event(out, grid_row(i)->event);
        } else {
            put_row(out, grid_row(i));
        }
    }
}

void grid_ids(FILE *out)
{
    for (size_t i = 0; i < grid_row_count(); i++) {
        const struct grid_row *row = grid_row(i);
        for (const char *id = row->ids; id != NULL && *id != '\0';) {
            size_t len = strcspn(id, ",");
            for (unsigned k = 0; k < GRID_STATES; k++) {
                if ((row->states & 1U << k) != 0) {
                    fprintf(out, "%.*s\t%s x %s\n", (int)len, id, grid_state_name(1U << k),
                            grid_event_of(i)->name);
                }
            }
            id += len;
            id += strspn(id, ", ");
        }
    }
}
