/* The grid of links under virtual time: what a cell is made of, what is measured in it, and what must hold.
 *
 * Two hosts and one wire; the flows run from the first host to the second, all through one queue. No oracle
 * looks on (that is what tests/sim is for), so millions of segments pass in seconds. All sums are whole numbers,
 * so that every machine and compiler writes the same table.
 */
#ifndef VITRINE_SIMGRID_CELL_H
#define VITRINE_SIMGRID_CELL_H

#include <stdio.h>

#include "stack/link/wire.h"

#define GRID_FLOWS 32U
#define GRID_MIX 3U
#define GRID_NAME 64U

/* What must hold in a cell; page.c says what each means. */
enum grid_bar {
    BAR_NO_COLLAPSE = 0x01,
    BAR_FAIR = 0x02,
    BAR_FEW_SPURIOUS = 0x04,
    BAR_INTACT = 0x08,
    BAR_FEW_LOST = 0x10,
    BAR_NO_OVERFLOW = 0x20,
};

struct grid_cell {
    char name[GRID_NAME];     /* no two cells have the same */
    const char *cc[GRID_MIX]; /* flow i has the (i modulo how many there are)-th of them */
    unsigned mixed;           /* how many there are */
    unsigned flows;
    uint64_t rate;  /* bits a second */
    nsec rtt;       /* without queueing */
    uint32_t queue; /* bytes */
    uint32_t mark;  /* bytes held above which the queue marks; 0: never, and nobody asks for ECN */
    uint32_t loss, ack_loss; /* of a million frames, on the way of data and on that of ACKs */
    uint32_t burst_p,
        burst_r;        /* of a million: bursts in which all is lost begin, and end; 0: none */
    uint32_t reorder;   /* of a million data frames ... */
    nsec late;          /* ... come so much later */
    bool no_timestamps; /* of the hosts: neither Eifel (RFC 3522) nor PAWS (RFC 7323 5) */
    nsec lasts;         /* a flow sends for so long ... */
    uint32_t total;     /* ... or so many bytes; 0: as long as it lasts */
    uint32_t seed;
    unsigned bars; /* enum grid_bar */
    bool quick;    /* one of those that `make test` compares with the table */
};

/* What came of it. Bytes are payload. */
struct grid_outcome {
    bool ran;    /* false: it could not be built */
    bool intact; /* what arrived is what was sent, and all of it where the cell has a total */
    nsec took;   /* until the end, or until the last byte of a total arrived */
    uint64_t received[GRID_FLOWS];
    uint64_t sent;      /* first transmissions and retransmissions, in segments */
    uint64_t again;     /* of them retransmissions */
    uint64_t arrived;   /* bytes of all data segments that arrived */
    uint64_t duplicate; /* of them such as had arrived before */
    uint64_t refused;   /* data segments that PAWS refused (RFC 7323 5.3) */
    uint64_t timeouts;  /* of the retransmission timer */
    uint64_t recoveries, undone;
    uint64_t dropped, lost, marked; /* frames: by the full queue, by chance, and marked */
    uint64_t queued;       /* bytes that data frames found held before them, together ... */
    uint64_t queue_frames; /* ... and of so many */
};

/* Runs one cell from beginning to end. */
void grid_run(const struct grid_cell *cell, struct grid_outcome *out);

/* ---- cells.c ---- */

/* All cells, in the order of the page; returns how many. `*cells` stays valid. */
unsigned grid_cells(const struct grid_cell **cells);

/* ---- page.c ---- */

#define GRID_LINE 320U
/* The line of the table for a cell. */
void grid_line(const struct grid_cell *cell, const struct grid_outcome *o, char out[GRID_LINE]);
/* The first bar that the cell falls short of, in words; NULL: it holds all that it has. */
const char *grid_short_of(const struct grid_cell *cell, const struct grid_outcome *o);
/* The whole page, with outcomes in the order of the cells. */
void grid_page(FILE *out, const struct grid_outcome *outcomes);

#endif
