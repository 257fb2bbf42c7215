/* What is to be done, who does which rows of it, and where a row's steps lie. */

#include "_lanes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { GRU, LSTM, MINGRU, MINLSTM };

typedef void (*team)(void (*)(void *), void *, unsigned, unsigned);

typedef struct {
    int64_t rows, steps, units, inputs;
    int64_t cell, low, backwards, threads;
    team parallel;          /* GOMP_parallel of the runtime that torch uses, or NULL */
    const int64_t *lengths; /* (B), or NULL */
    const void *products;   /* (T, B, G U): inputs times weights, without biases */
    const float *bias;      /* gru r, z, n of the input, n of the state; else (G U) */
    const float *weights;   /* (G U, U) */
    const float *state[2];  /* (B, U): h and c before the first step */
    void *y;                /* (T, B, U) */
    void *saved;            /* (T, U / 16, B, S, 16): gru r z n hn; lstm i f g o c; or NULL */
    float *end[2];          /* (B, U): h and c after the last step */
    const void *dy;         /* (T, B, U), or NULL */
    const float *dend[2];   /* (B, U), or NULL */
    void *d;                /* gru (T, B, 4 U) n r z hn; else (T, B, G U) */
    float *dstate[2];       /* (B, U) */
    float *dbias;           /* (threads, 4 U), zeros; as d */
    int64_t failed;         /* 1 if there was no memory */
} job;

/* ---- threads ---- */

/* What is done for the rows (or blocks of weights) from `first` on, as part `number`. */
typedef void (*work)(job *, int64_t first, int64_t last, int64_t number, const void *shared);

typedef struct {
    job *w;
    work part;
    const void *shared;
    int64_t parts, most;
    atomic_long next;
} share_out;

static void take_parts(void *given) {
    share_out *all_parts = given;
    int64_t number;
    while ((number = atomic_fetch_add(&all_parts->next, 1)) < all_parts->parts)
        all_parts->part(all_parts->w, number * all_parts->most / all_parts->parts,
                        (number + 1) * all_parts->most / all_parts->parts, number,
                        all_parts->shared);
}

static void *take_parts_alone(void *given) {
    take_parts(given);
    return NULL;
}

/* Threads come from torch's own pool, whose idle members would otherwise spin against ours. */
static void share(job *w, int64_t most, const void *shared, work part) {
    int64_t threads = w->threads < 1 ? 1 : w->threads > 64 ? 64 : w->threads;
    int64_t parts = threads < most ? threads : most;
    share_out out = {w, part, shared, parts, most, 0};
    if (parts > 1 && w->parallel) {
        w->parallel(take_parts, &out, (unsigned)parts, 0);
    } else if (parts > 1) {
        pthread_t started[64];
        int64_t count = 0;
        while (count < parts - 1 &&
               pthread_create(&started[count], NULL, take_parts_alone, &out) == 0)
            count++;
        take_parts(&out);
        while (count > 0) pthread_join(started[--count], NULL);
    } else {
        take_parts(&out);
    }
}

/* ---- weights as tiles read them ---- */

INLINE half narrow(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (half)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

/* Forward: for every block of 16 units, for every k, the G gates of these units. */
static void pack_forward(job *w, int64_t first, int64_t last, int64_t number, const void *to) {
    int64_t U = w->units, G = w->cell == GRU ? 3 : 4;
    for (int64_t block = first; block < last; block++)
        for (int64_t g = 0; g < G; g++)
            for (int64_t lane = 0; lane < LANES; lane++) {
                const float *row = w->weights + (g * U + block * LANES + lane) * U;
                if (w->low) {
                    half *out = (half *)to + block * U * G * LANES;
                    for (int64_t k = 0; k < U; k++)
                        out[((k / 2 * G + g) * LANES + lane) * 2 + k % 2] = narrow(row[k]);
                } else {
                    float *out = (float *)to + block * U * G * LANES;
                    for (int64_t k = 0; k < U; k++) out[(k * G + g) * LANES + lane] = row[k];
                }
            }
}

/* Backward: for every 32 units, for every k of all gates, these units. */
static void pack_backward(job *w, int64_t first, int64_t last, int64_t number, const void *to) {
    int64_t U = w->units, K = (w->cell == GRU ? 3 : 4) * U;
    for (int64_t block = first; block < last; block++)
        for (int64_t k = 0; k < K; k++) {
            const float *row = w->weights + k * U + block * 2 * LANES;
            if (w->low) {
                half *out = (half *)to + block * K * 2 * LANES + k / 2 * 4 * LANES + k % 2;
                for (int64_t lane = 0; lane < 2 * LANES; lane++) out[2 * lane] = narrow(row[lane]);
            } else {
                memcpy((float *)to + (block * K + k) * 2 * LANES, row, 8 * LANES);
            }
        }
}

/* ---- the way of one row through time ---- */

INLINE int64_t real(const job *w, int64_t row) { return w->lengths ? w->lengths[row] : w->steps; }

/* Where step s of a row lies among T B steps, and where what backward needs of it is saved. */
INLINE int64_t place(const job *w, int64_t row, int64_t s) {
    return (w->backwards ? real(w, row) - 1 - s : s) * w->rows + row;
}
INLINE int64_t earlier(const job *w) { return w->backwards ? w->rows : -w->rows; }
INLINE int64_t shelf(const job *w, int64_t row, int64_t s, int64_t unit, const int numbers) {
    return ((s * w->units + unit) * w->rows + row * LANES) * numbers;
}

INLINE int64_t longest(const job *w, int64_t first, int64_t last) {
    int64_t most = 0;
    for (int64_t row = first; row < last; row++)
        if (real(w, row) > most) most = real(w, row);
    return most;
}
