/* Steps of recurrent layers, forward and backward.

   A row of the batch never looks at another one, so each thread takes some rows through all steps
   without waiting for the others, while the recurrent weights stay in its second-level cache. A
   tile is a few rows times 16 units of every gate: its sums stay in registers until the gates are
   computed from them.

   Half width (`low`) is there where the processor multiplies bfloat16; see _lanes.h.

   Arrays go by time first, so that what a step touches lies together; a stride of many steps would
   put all rows into the same few places of the caches.

   Letters: B rows of the batch, T steps, U units (a multiple of 32), G gates, S numbers saved. */

#include "_rows.h"
#include "_scan.h"

int64_t pellucid_low(void) { return LOW; }
int64_t pellucid_job(void) { return sizeof(job); }

/* ---- GRU and LSTM forward ---- */

INLINE void gru_cell(job *w, vf *sum, int64_t at, int64_t out, int64_t unit, float *h, void *next,
                     const int low) {
    int64_t U = w->units, in = at * 3 * U + unit;
    const float *bias = w->bias + unit;
    vf rest, left, old = *(vfu *)h;
    vf r = gate(sum[0] + load(w->products, in, low) + *(vfu *)bias, &rest, low);
    vf z = gate(sum[1] + load(w->products, in + U, low) + *(vfu *)(bias + U), &left, low);
    vf hn = sum[2] + *(vfu *)(bias + 3 * U);
    vf n = load(w->products, in + 2 * U, low) + *(vfu *)(bias + 2 * U) + r * hn;
    n = hyperbolic(n, low);
    vf new = left * n + z * old;
    *(vfu *)h = new;
    store(next, 0, new, low);
    store(w->y, at * U + unit, new, low);
    if (w->saved) {
        save(w->saved, out, r, low);
        save(w->saved, out + 1 * LANES, folded(z, left), low);
        save(w->saved, out + 2 * LANES, n, low);
        save(w->saved, out + 3 * LANES, hn, low);
    }
}

INLINE void lstm_cell(job *w, vf *sum, int64_t at, int64_t out, int64_t unit, float *h, float *c,
                      void *next, const int low) {
    int64_t U = w->units, in = at * 4 * U + unit;
    const float *bias = w->bias + unit;
    vf rest, left;
    vf i = gate(sum[0] + load(w->products, in, low) + *(vfu *)bias, &rest, low);
    vf f = gate(sum[1] + load(w->products, in + U, low) + *(vfu *)(bias + U), &left, low);
    vf g = sum[2] + load(w->products, in + 2 * U, low) + *(vfu *)(bias + 2 * U);
    g = hyperbolic(g, low);
    vf o = gate(sum[3] + load(w->products, in + 3 * U, low) + *(vfu *)(bias + 3 * U), &rest, low);
    vf cell = f * *(vfu *)c + i * g;
    vf new = o * hyperbolic(cell, low);
    *(vfu *)c = cell;
    *(vfu *)h = new;
    store(next, 0, new, low);
    store(w->y, at * U + unit, new, low);
    if (w->saved) {
        save(w->saved, out, i, low);
        save(w->saved, out + 1 * LANES, folded(f, left), low);
        save(w->saved, out + 2 * LANES, g, low);
        save(w->saved, out + 3 * LANES, o, low);
        save(w->saved, out + 4 * LANES, cell, low);
    }
}

/* Take `tall` rows through one step for 16 units. Rows beyond `count` are computed and dropped. */
INLINE void forward_tile(job *w, int64_t row, int64_t count, int64_t s, int64_t unit,
                         const char *now, char *next, float *h, float *c, const vf *weights,
                         const int tall, const int cell, const int low) {
    const int G = cell == GRU ? 3 : 4, size = low ? 2 : 4;
    int64_t U = w->units;
    vf sums[TALL][4];
    for (int r = 0; r < tall; r++)
        for (int g = 0; g < G; g++) sums[r][g] = all(0.0f);
    tile(sums, now, U * size, weights, low ? U / 2 : U, tall, G, low);
#pragma GCC unroll 8
    for (int r = 0; r < tall; r++) {
        int64_t beyond = (r * U + unit) * size;
        if (r >= count) continue;
        if (s >= real(w, row + r)) {
            memcpy(next + beyond, now + beyond, LANES * size);
            continue;
        }
        int64_t at = place(w, row + r, s);
        float *hr = h + r * U + unit, *cr = c + r * U + unit;
        int64_t out = shelf(w, row + r, s, unit, cell == GRU ? 4 : 5);
        if (cell == GRU) gru_cell(w, sums[r], at, out, unit, hr, next + beyond, low);
        else lstm_cell(w, sums[r], at, out, unit, hr, cr, next + beyond, low);
    }
}

INLINE void forward_rows(job *w, int64_t first, int64_t last, const vf *packed, const int cell,
                         const int low) {
    const int G = cell == GRU ? 3 : 4, size = low ? 2 : 4;
    const int tall = cell == GRU ? TALL : TALL / 2, few = tall > 2 ? 2 : 1;
    int64_t U = w->units, rows = last - first, steps = longest(w, first, last);
    int64_t room = (rows + TALL) * U;
    float *h = calloc((size_t)room * 4, 4); /* h, c, and two operands of products */
    if (!h) {
        w->failed = 1;
        return;
    }
    float *c = h + room;
    char *now = (char *)(c + room), *next = now + room * 4;
    for (int64_t r = 0; r < rows; r++) {
        memcpy(h + r * U, w->state[0] + (first + r) * U, U * 4);
        if (cell == LSTM) memcpy(c + r * U, w->state[1] + (first + r) * U, U * 4);
        for (int64_t u = 0; u < U; u += LANES)
            store(now, r * U + u, *(vfu *)(h + r * U + u), low);
    }
    for (int64_t s = 0; s < steps; s++) {
        for (int64_t unit = 0; unit < U; unit += LANES) {
            const vf *weights = packed + unit / LANES * G * (low ? U / 2 : U);
            for (int64_t r = 0; r < rows;) {
                int64_t left = rows - r;
                int64_t step = left > tall / 2 ? tall : few;
                int64_t count = left < step ? left : step;
                if (s < longest(w, first + r, first + r + count)) {
                    const char *from = now + r * U * size;
                    char *to = next + r * U * size;
                    float *hr = h + r * U, *cr = c + r * U;
                    if (step == tall)
                        forward_tile(w, first + r, count, s, unit, from, to, hr, cr, weights,
                                     tall, cell, low);
                    else
                        forward_tile(w, first + r, count, s, unit, from, to, hr, cr, weights,
                                     few, cell, low);
                }
                r += step;
            }
        }
        char *swap = now;
        now = next;
        next = swap;
    }
    memcpy(w->end[0] + first * U, h, rows * U * 4);
    if (cell == LSTM) memcpy(w->end[1] + first * U, c, rows * U * 4);
    free(h);
}

/* ---- GRU and LSTM backward ---- */

/* Gradients of one row's gates for 16 units; `da` is the operand of the product that follows. */
INLINE void gru_slopes(job *w, int64_t at, int64_t in, vf before, int64_t unit, float *dh, char *da,
                       vf *total, const int low) {
    const int size = low ? 2 : 4;
    int64_t U = w->units, out = at * 4 * U + unit;
    vf left, r = recall(w->saved, in, low);
    vf z = unfolded(recall(w->saved, in + LANES, low), &left);
    vf n = recall(w->saved, in + 2 * LANES, low), hn = recall(w->saved, in + 3 * LANES, low);
    vf up = *(vfu *)dh;
    if (w->dy) up += load(w->dy, at * U + unit, low);
    vf dz = up * (before - n) * z * left;
    vf dn = up * left * (1.0f - n * n);
    vf dr = dn * hn * r * (1.0f - r), dhn = dn * r;
    *(vfu *)dh = up * z;
    store(w->d, out, dn, low);
    store(w->d, out + U, dr, low);
    store(w->d, out + 2 * U, dz, low);
    store(w->d, out + 3 * U, dhn, low);
    store(da, 0, dr, low);
    store(da + U * size, 0, dz, low);
    store(da + 2 * U * size, 0, dhn, low);
    total[0] += dn, total[1] += dr, total[2] += dz, total[3] += dhn;
}

INLINE void lstm_slopes(job *w, int64_t at, int64_t in, vf before, int64_t unit, float *dh,
                        float *dc, char *da, vf *total, const int low) {
    const int size = low ? 2 : 4;
    int64_t U = w->units, out = at * 4 * U + unit;
    vf left, i = recall(w->saved, in, low);
    vf f = unfolded(recall(w->saved, in + LANES, low), &left);
    vf g = recall(w->saved, in + 2 * LANES, low), o = recall(w->saved, in + 3 * LANES, low);
    vf c = hyperbolic(recall(w->saved, in + 4 * LANES, low), low);
    vf up = *(vfu *)dh;
    if (w->dy) up += load(w->dy, at * U + unit, low);
    vf slope[4];
    vf back = *(vfu *)dc + up * o * (1.0f - c * c);
    slope[0] = back * g * i * (1.0f - i);
    slope[1] = back * before * f * left;
    slope[2] = back * i * (1.0f - g * g);
    slope[3] = up * c * o * (1.0f - o);
    *(vfu *)dh = all(0.0f);
    *(vfu *)dc = back * f;
    for (int g4 = 0; g4 < 4; g4++) {
        store(w->d, out + g4 * U, slope[g4], low);
        store(da + g4 * U * size, 0, slope[g4], low);
        total[g4] += slope[g4];
    }
}

/* dh += da . weights, for `tall` rows and 32 units. */
INLINE void backward_tile(float *dh, int64_t U, const char *da, int64_t K, const vf *weights,
                          const int tall, const int low) {
    const int size = low ? 2 : 4;
    vf sums[TALL][4];
    for (int r = 0; r < tall; r++) sums[r][0] = sums[r][1] = all(0.0f);
    tile(sums, da, K * size, weights, low ? K / 2 : K, tall, 2, low);
#pragma GCC unroll 8
    for (int r = 0; r < tall; r++) {
        *(vfu *)(dh + r * U) += sums[r][0];
        *(vfu *)(dh + r * U + LANES) += sums[r][1];
    }
}

INLINE void backward_products(float *dh, const char *da, int64_t rows, int64_t U, int64_t K,
                              const vf *packed, const int low) {
    const int size = low ? 2 : 4;
    for (int64_t unit = 0; unit < U; unit += 2 * LANES) {
        const vf *weights = packed + unit / LANES * (low ? K / 2 : K);
        for (int64_t r = 0; r < rows;) {
            int64_t left = rows - r;
            if (left > TALL / 2) {
                backward_tile(dh + r * U + unit, U, da + r * K * size, K, weights, TALL, low);
                r += TALL;
            } else {
                backward_tile(dh + r * U + unit, U, da + r * K * size, K, weights, 2, low);
                r += 2;
            }
        }
    }
}

INLINE void backward_rows(job *w, int64_t first, int64_t last, int64_t number, const vf *packed,
                          const int cell, const int low) {
    const int G = cell == GRU ? 3 : 4, size = low ? 2 : 4;
    int64_t U = w->units, K = G * U, rows = last - first, steps = longest(w, first, last);
    int64_t room = (rows + TALL) * U;
    float *dh = calloc((size_t)room * (2 + G), 4); /* dh, dc, and the operand of products */
    if (!dh) {
        w->failed = 1;
        return;
    }
    float *dc = dh + room;
    char *da = (char *)(dc + room);
    if (w->dend[0]) memcpy(dh, w->dend[0] + first * U, rows * U * 4);
    if (cell == LSTM && w->dend[1]) memcpy(dc, w->dend[1] + first * U, rows * U * 4);
    for (int64_t s = steps - 1; s >= 0; s--) {
        for (int64_t unit = 0; unit < U; unit += LANES) {
            float *bias = w->dbias + number * 4 * U + unit;
            vf total[4];
            for (int g = 0; g < 4; g++) total[g] = *(vfu *)(bias + g * U);
            for (int64_t r = 0; r < rows; r++) {
                if (s >= real(w, first + r)) continue;
                int64_t at = place(w, first + r, s), early = at + earlier(w);
                int64_t in = shelf(w, first + r, s, unit, cell == GRU ? 4 : 5);
                int64_t own = r * U + unit, start = (first + r) * U + unit;
                char *operand = da + (r * K + unit) * size;
                vf h = s ? load(w->y, early * U + unit, low) : load(w->state[0], start, 0);
                if (cell == GRU) {
                    gru_slopes(w, at, in, h, unit, dh + own, operand, total, low);
                } else {
                    int64_t last = shelf(w, first + r, s - 1, unit, 5) + 4 * LANES;
                    vf c = s ? recall(w->saved, last, low)
                             : load(w->state[1], start, 0);
                    lstm_slopes(w, at, in, c, unit, dh + own, dc + own, operand, total, low);
                }
            }
            for (int g = 0; g < 4; g++) *(vfu *)(bias + g * U) = total[g];
        }
        backward_products(dh, da, rows, U, K, packed, low);
    }
    memcpy(w->dstate[0] + first * U, dh, rows * U * 4);
    if (cell == LSTM) memcpy(w->dstate[1] + first * U, dc, rows * U * 4);
    free(dh);
}

/* ---- what is called from outside ---- */

#define EACH_WIDTH(call, cell)                                                                    \
    if (w->low) call(cell, LOW);                                                                  \
    else call(cell, 0);
#define EACH_CELL(call)                                                                           \
    switch (w->cell) {                                                                            \
    case GRU: EACH_WIDTH(call##_LOOP, GRU) break;                                                 \
    case LSTM: EACH_WIDTH(call##_LOOP, LSTM) break;                                               \
    case MINGRU: EACH_WIDTH(call##_SCAN, MINGRU) break;                                           \
    default: EACH_WIDTH(call##_SCAN, MINLSTM) break;                                              \
    }

static void forward_part(job *w, int64_t first, int64_t last, int64_t number, const void *packed) {
#define FORWARD_LOOP(cell, low) forward_rows(w, first, last, packed, cell, low)
#define FORWARD_SCAN(cell, low) scan_rows(w, first, last, cell, low)
    EACH_CELL(FORWARD)
}

static void backward_part(job *w, int64_t first, int64_t last, int64_t number, const void *packed) {
#define BACKWARD_LOOP(cell, low) backward_rows(w, first, last, number, packed, cell, low)
#define BACKWARD_SCAN(cell, low) unscan_rows(w, first, last, number, cell, low)
    EACH_CELL(BACKWARD)
}

static int64_t run(job *w, int64_t blocks, work pack, work part) {
    void *packed = NULL;
    w->failed = 0;
    if (w->cell == GRU || w->cell == LSTM) {
        size_t size = (w->cell == GRU ? 3 : 4) * w->units * w->units * (w->low ? 2 : 4);
        packed = aligned_alloc(64, size);
        if (!packed) return 1;
        share(w, blocks, packed, pack);
    }
    share(w, w->rows, packed, part);
    free(packed);
    return w->failed;
}

int64_t pellucid_forward(job *w) { return run(w, w->units / LANES, pack_forward, forward_part); }

int64_t pellucid_backward(job *w) {
    return run(w, w->units / (2 * LANES), pack_backward, backward_part);
}

/* ---- one step alone, in float32 ---- */

typedef struct {
    int64_t cell, rows, inputs, units;
    const float *x, *state[2];                  /* (B, I), (B, U) */
    const float *w_ih, *w_hh, *b_ih, *b_hh;     /* as torch names them */
    float *end[2];                              /* (B, U) */
} one_step;

typedef float vf8 __attribute__((vector_size(32)));
typedef float vf4 __attribute__((vector_size(16)));

INLINE float sum_of(vf x) {
    vf8 half8[2];
    vf4 half4[2];
    memcpy(half8, &x, 64);
    half8[0] += half8[1];
    memcpy(half4, half8, 32);
    half4[0] += half4[1];
    return (half4[0][0] + half4[0][1]) + (half4[0][2] + half4[0][3]);
}

/* out[g] = weights[g] . x + bias[g], for as many rows of weights at a time as sums wait for one
   another. */
static void dots(const float *weights, const float *bias, const float *x, int64_t inputs,
                 int64_t outputs, float *out) {
    for (int64_t g = 0; g < outputs; g += 8) {
        const float *row = weights + g * inputs;
        vf sums[8];
        for (int r = 0; r < 8; r++) sums[r] = all(0.0f);
        int64_t k = 0;
        for (; k + LANES <= inputs; k += LANES)
#pragma GCC unroll 8
            for (int r = 0; r < 8; r++)
                sums[r] += *(vfu *)(row + r * inputs + k) * *(vfu *)(x + k);
#pragma GCC unroll 8
        for (int r = 0; r < 8; r++) {
            float sum = sum_of(sums[r]) + bias[g + r];
            for (int64_t last = k; last < inputs; last++) sum += row[r * inputs + last] * x[last];
            out[g + r] = sum;
        }
    }
}

/* The gates of 16 units from `a`, what the input gives, and `b`, what the state gives. */
INLINE vf stepped(const float *a, const float *b, int64_t U, vf h, vf *c, const int cell) {
    vf rest, left, p[4] = {0}, q[4] = {0};
    const int G = cell == LSTM ? 4 : cell == MINGRU ? 2 : 3;
    for (int g = 0; g < G; g++) {
        p[g] = *(vfu *)(a + g * U);
        if (cell == GRU || cell == LSTM) q[g] = *(vfu *)(b + g * U);
    }
    if (cell == GRU) {
        vf r = gate(p[0] + q[0], &rest, 0), z = gate(p[1] + q[1], &left, 0);
        return left * hyperbolic(p[2] + r * q[2], 0) + z * h;
    }
    if (cell == LSTM) {
        vf i = gate(p[0] + q[0], &rest, 0), f = gate(p[1] + q[1], &rest, 0);
        *c = f * *c + i * hyperbolic(p[2] + q[2], 0);
        return gate(p[3] + q[3], &rest, 0) * hyperbolic(*c, 0);
    }
    mean m = weighed(p[0], p[1], p[G - 1], cell, 0);
    return m.kept * h + m.new * m.seen;
}

int64_t pellucid_step(const one_step *w) {
    int64_t U = w->units, G = w->cell == LSTM ? 4 : w->cell == MINGRU ? 2 : 3;
    float *a = aligned_alloc(64, 2 * G * U * 4);
    if (!a) return 1;
    float *b = a + G * U;
    for (int64_t row = 0; row < w->rows; row++) {
        const float *h = w->state[0] + row * U;
        dots(w->w_ih, w->b_ih, w->x + row * w->inputs, w->inputs, G * U, a);
        if (w->w_hh) dots(w->w_hh, w->b_hh, h, U, G * U, b);
        for (int64_t u = 0; u < U; u += LANES) {
            vf new, old = *(vfu *)(h + u), c = all(0);
            if (w->cell == LSTM) c = *(vfu *)(w->state[1] + row * U + u);
            if (w->cell == GRU) new = stepped(a + u, b + u, U, old, &c, GRU);
            else if (w->cell == LSTM) new = stepped(a + u, b + u, U, old, &c, LSTM);
            else if (w->cell == MINGRU) new = stepped(a + u, b + u, U, old, &c, MINGRU);
            else new = stepped(a + u, b + u, U, old, &c, MINLSTM);
            *(vfu *)(w->end[0] + row * U + u) = new;
            if (w->cell == LSTM) *(vfu *)(w->end[1] + row * U + u) = c;
        }
    }
    free(a);
    return 0;
}
