/* Softmax, its loss and the gradient of the loss, row by row and in place.

   In separate operations each of them reads and writes all logits once more; here a row goes
   through all of them while it lies in the cache.

   Letters: R rows, V codes. */

#include "_rows.h"

#include <math.h>

typedef struct {
    int64_t rows, codes, threads, learning;
    team parallel;
    void *logits;          /* (R, V) bfloat16, without bias; if learning, softmax less the truth */
    const float *bias;     /* (V) */
    const int64_t *wanted; /* (R) */
    const float *shares;   /* (R): how much a row counts for the bias */
    float *nats;           /* (R) */
    float *dbias;          /* (threads, V), zeros */
    int64_t failed;        /* 1 if there was no memory */
} softmax;

int64_t pellucid_softmax_low(void) { return LOW; }
int64_t pellucid_softmax_job(void) { return sizeof(softmax); }

#if LOW

INLINE float one(const half *from) {
    uint32_t bits = (uint32_t)*from << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* exp(x - most) of all codes of a row, and their sum. */
static float powers(const half *row, const float *bias, float *e, int64_t V) {
    int64_t whole = V / LANES * LANES;
    float most = one(row) + bias[0], sum = 0.0f;
    vf high = all(most), sums = all(0.0f);
    for (int64_t j = 0; j < whole; j += LANES) {
        vf x = load(row, j, 1) + *(const vfu *)(bias + j);
        *(vfu *)(e + j) = x;
        high = (vf)_mm512_max_ps((__m512)high, (__m512)x);
    }
    most = _mm512_reduce_max_ps((__m512)high);
    for (int64_t j = whole; j < V; j++) {
        e[j] = one(row + j) + bias[j];
        most = e[j] > most ? e[j] : most;
    }
    for (int64_t j = 0; j < whole; j += LANES) {
        vf p = exponential(*(vfu *)(e + j) - most, 0);
        *(vfu *)(e + j) = p;
        sums += p;
    }
    for (int64_t j = whole; j < V; j++) sum += e[j] = expf(e[j] - most);
    return sum + _mm512_reduce_add_ps((__m512)sums);
}

static void some_rows(job *nothing, int64_t first, int64_t last, int64_t number,
                      const void *shared) {
    softmax *w = (softmax *)shared;
    int64_t V = w->codes, whole = V / LANES * LANES;
    float *e = malloc((size_t)V * 4), *dbias = w->dbias + number * V;
    (void)nothing;
    if (!e) {
        w->failed = 1;
        return;
    }
    for (int64_t r = first; r < last; r++) {
        half *row = (half *)w->logits + r * V;
        float sum = powers(row, w->bias, e, V), scale = 1.0f / sum, share = w->shares[r];
        w->nats[r] = logf(sum) - logf(e[w->wanted[r]]);
        if (!w->learning) continue;
        e[w->wanted[r]] -= sum;
        for (int64_t j = 0; j < whole; j += LANES) {
            vf wrong = *(vfu *)(e + j) * scale;
            store(row, j, wrong, 1);
            *(vfu *)(dbias + j) += wrong * share;
        }
        for (int64_t j = whole; j < V; j++) {
            row[j] = narrow(e[j] * scale);
            dbias[j] += e[j] * scale * share;
        }
    }
    free(e);
}

int64_t pellucid_softmax(softmax *w) {
    job team_only = {.threads = w->threads, .parallel = w->parallel};
    share(&team_only, w->rows, w, some_rows);
    return w->failed;
}

#endif
