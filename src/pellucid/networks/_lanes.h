/* Sixteen numbers at a time: their arithmetic in two widths, and the products of a tile.

   full: everything is float32. low: inputs, outputs and operands of products are bfloat16, sums
   and state float32, and what backward needs again is float16. */

#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif
#if defined(__AVX512F__) && defined(__AVX512BF16__) && defined(__AVX512BW__)
#define LOW 1
#else
#define LOW 0
#endif
#if defined(__AVX512F__)
#define TALL 8 /* rows of a tile; with three gates 24 of the 32 registers hold sums */
#else
#define TALL 2
#endif

#define LANES 16
#define INLINE static inline __attribute__((always_inline))
typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef float vfu __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t half;

INLINE vf load(const void *from, int64_t at, const int low) {
#if LOW
    if (low) {
        __m256i bits = _mm256_loadu_si256((const __m256i *)((const half *)from + at));
        return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16);
    }
#endif
    return *(const vfu *)((const float *)from + at);
}

INLINE void store(void *to, int64_t at, vf x, const int low) {
#if LOW
    if (low) {
        __m256i bits = (__m256i)_mm512_cvtneps_pbh((__m512)x);
        _mm256_storeu_si256((__m256i *)((half *)to + at), bits);
        return;
    }
#endif
    *(vfu *)((float *)to + at) = x;
}

INLINE vf recall(const void *from, int64_t at, const int low) {
#if LOW
    if (low)
        return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)((const half *)from + at)));
#endif
    return *(const vfu *)((const float *)from + at);
}

INLINE void save(void *to, int64_t at, vf x, const int low) {
#if LOW
    if (low) {
        __m256i bits = _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT);
        _mm256_storeu_si256((__m256i *)((half *)to + at), bits);
        return;
    }
#endif
    *(vfu *)((float *)to + at) = x;
}

INLINE vf all(float x) { return (vf){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

INLINE vf pick(vi where, vf yes, vf no) { return (vf)(((vi)yes & where) | ((vi)no & ~where)); }

INLINE vf reciprocal(vf x, const int low) {
#if defined(__AVX512F__)
    if (low) return (vf)_mm512_rcp14_ps((__m512)x);
#endif
    return 1.0f / x;
}

/* exp by 2^n times a polynomial of the rest. The argument is held within +-64, far beyond where a
   gate is shut, so that nothing gets infinite. */
INLINE vf exponential(vf x, const int low) {
#if defined(__AVX512F__)
    /* In this order what is not a number stays so. */
    x = (vf)_mm512_min_ps((__m512)all(64.0f), (__m512)x);
    x = (vf)_mm512_max_ps((__m512)all(-64.0f), (__m512)x);
    vf whole = (vf)_mm512_roundscale_ps((__m512)(x * 1.44269504f), 0);
#else
    x = pick(x > 64.0f, all(64.0f), x);
    x = pick(x < -64.0f, all(-64.0f), x);
    const vf magic = all(12582912.0f); /* 1.5 * 2^23: adding it rounds to whole numbers */
    vf moved = x * 1.44269504f + magic, whole = moved - magic;
#endif
    vf f = x * 1.44269504f - whole, p;
    if (low) {
        p = f * 0.0555041f + 0.2402265f;
        p = (p * f + 0.6931472f) * f + 1.0f;
    } else {
        p = f * 1.54035304e-4f + 1.33335581e-3f;
        p = (p * f + 9.61812911e-3f) * f + 5.55041087e-2f;
        p = (p * f + 2.40226507e-1f) * f + 6.93147181e-1f;
        p = p * f + 1.0f;
    }
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
    return (vf)((vi)p + (((vi)moved - (vi)magic) << 23));
#endif
}

INLINE vf hyperbolic(vf x, const int low) {
    return 1.0f - 2.0f * reciprocal(1.0f + exponential(x + x, low), low);
}

/* A gate and what it leaves out: both exact where they are small. */
INLINE vf gate(vf x, vf *rest, const int low) {
    vf e = exponential(-x, low), open = reciprocal(1.0f + e, low);
    *rest = e * open;
    return open;
}

/* Half width holds numbers near 0 well and those near 1 badly; so of a gate that decides what is
   kept the smaller side is held, and its sign says which side that is. */
INLINE vf folded(vf open, vf rest) { return pick(open > 0.5f, -rest, open); }
INLINE vf unfolded(vf held, vf *rest) {
    vi over = held < 0.0f;
    *rest = pick(over, -held, 1.0f - held);
    return pick(over, 1.0f + held, held);
}

/* ---- products of a tile ---- */

/* Operands lie in pairs of k when low, so that one instruction adds two products a lane. */
INLINE vf multiply(vf sum, const char *a, vf w, const int low) {
#if LOW
    if (low) {
        int32_t pair;
        memcpy(&pair, a, 4);
        return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)w);
    }
#endif
    float one;
    memcpy(&one, a, 4);
    return sum + one * w;
}

/* sums[r][c] += a[r] . w[c]: `many` operands of four bytes a row, rows `stride` bytes apart; for
   each of them `wide` vectors of weights side by side. */
INLINE void tile(vf sums[][4], const char *a, int64_t stride, const vf *w, int64_t many,
                 const int tall, const int wide, const int low) {
    for (int64_t k = 0; k < many; k++) {
#pragma GCC unroll 8
        for (int r = 0; r < tall; r++)
#pragma GCC unroll 4
            for (int c = 0; c < wide; c++)
                sums[r][c] = multiply(sums[r][c], a + r * stride + 4 * k, w[k * wide + c], low);
    }
}
