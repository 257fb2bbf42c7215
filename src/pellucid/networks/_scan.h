/* minGRU and minLSTM: the gates look at the input alone, what remains is a running mean. */

/* What a step of 16 units reads, and how much of it and of the old state is kept. */
typedef struct {
    vf seen, slope; /* what is read, and its slope by its product */
    vf kept, new;   /* they add up to 1 */
    vf rest[2];     /* minlstm: what forget and write gate leave out */
} mean;

INLINE mean weighed(vf a, vf b, vf v, const int cell, const int low) {
    mean m;
    vf left, s = gate(v, &left, low);
    vi up = v >= 0.0f;
    m.seen = pick(up, v + 0.5f, s);
    m.slope = pick(up, all(1.0f), s * left);
    if (cell == MINGRU) {
        m.new = gate(a, &m.kept, low);
    } else {
        vf ea = exponential(-a, low), eb = exponential(-b, low);
        vf share = reciprocal(2.0f + ea + eb, low);
        m.kept = (1.0f + eb) * share;
        m.new = (1.0f + ea) * share;
        m.rest[0] = ea * reciprocal(1.0f + ea, low);
        m.rest[1] = eb * reciprocal(1.0f + eb, low);
    }
    return m;
}

INLINE mean weigh(const job *w, int64_t at, int64_t unit, const int cell, const int low) {
    const int G = cell == MINGRU ? 2 : 3;
    int64_t U = w->units, in = at * G * U + unit;
    const float *bias = w->bias + unit;
    vf parts[3] = {0};
    for (int g = 0; g < G; g++)
        parts[g] = load(w->products, in + g * U, low) + *(vfu *)(bias + g * U);
    return weighed(parts[0], parts[1], parts[G - 1], cell, low);
}

INLINE void scan_rows(job *w, int64_t first, int64_t last, const int cell, const int low) {
    int64_t U = w->units, steps = longest(w, first, last);
    memcpy(w->end[0] + first * U, w->state[0] + first * U, (last - first) * U * 4);
    for (int64_t s = 0; s < steps; s++)
        for (int64_t row = first; row < last; row++) {
            if (s >= real(w, row)) continue;
            int64_t at = place(w, row, s);
            float *h = w->end[0] + row * U;
            for (int64_t unit = 0; unit < U; unit += LANES) {
                mean m = weigh(w, at, unit, cell, low);
                vf new = m.kept * *(vfu *)(h + unit) + m.new * m.seen;
                *(vfu *)(h + unit) = new;
                store(w->y, at * U + unit, new, low);
            }
        }
}

INLINE void unscan_step(job *w, int64_t row, int64_t s, float *dbias, const int cell,
                        const int low) {
    const int G = cell == MINGRU ? 2 : 3;
    int64_t U = w->units, at = place(w, row, s), early = at + earlier(w);
    float *dh = w->dstate[0] + row * U;
    for (int64_t unit = 0; unit < U; unit += LANES) {
        mean m = weigh(w, at, unit, cell, low);
        vf h = s ? load(w->y, early * U + unit, low) : load(w->state[0], row * U + unit, 0);
        vf up = *(vfu *)(dh + unit), slope[3];
        if (w->dy) up += load(w->dy, at * U + unit, low);
        vf turn = up * (h - m.seen) * m.kept * m.new;
        if (cell == MINGRU) {
            slope[0] = -turn;
        } else {
            slope[0] = turn * m.rest[0];
            slope[1] = -turn * m.rest[1];
        }
        slope[G - 1] = up * m.new * m.slope;
        *(vfu *)(dh + unit) = up * m.kept;
        for (int g = 0; g < G; g++) {
            store(w->d, (at * G + g) * U + unit, slope[g], low);
            *(vfu *)(dbias + g * U + unit) += slope[g];
        }
    }
}

INLINE void unscan_rows(job *w, int64_t first, int64_t last, int64_t number, const int cell,
                        const int low) {
    int64_t U = w->units, size = (last - first) * U * 4;
    if (w->dend[0]) memcpy(w->dstate[0] + first * U, w->dend[0] + first * U, size);
    else memset(w->dstate[0] + first * U, 0, size);
    for (int64_t s = longest(w, first, last) - 1; s >= 0; s--)
        for (int64_t row = first; row < last; row++)
            if (s < real(w, row)) unscan_step(w, row, s, w->dbias + number * 4 * U, cell, low);
}
