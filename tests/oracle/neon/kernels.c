/* Inner loops of dense layers as accel_models/neon/loops describes them: eight outputs at a time (32
 * where lanes are outputs), one vector. `steps` counts 16 products of each output. */
#include <arm_neon.h>

#include "kernels.h"

#define ROWS 8
#define EACH_ROW(...) \
    _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++) { __VA_ARGS__; }

void i8_n1(const void *weights, const void *inputs, void *outputs, long steps) {
    const int8_t *w = weights, *x = inputs;
    int32x4_t sum[ROWS];
    EACH_ROW(sum[r] = vdupq_n_s32(0))
    for (long s = 0; s < steps; s++) {
        int8x16_t a = vld1q_s8(x);
        x += 16;
        EACH_ROW({
            int8x16_t b = vld1q_s8(w + 16 * r);
            sum[r] = vpadalq_s16(sum[r], vmull_s8(vget_low_s8(b), vget_low_s8(a)));
            sum[r] = vpadalq_s16(sum[r], vmull_high_s8(b, a));
        })
        w += 16 * ROWS;
    }
    EACH_ROW(((int32_t *)outputs)[r] = vaddvq_s32(sum[r]))
}

void i8_n2(const void *weights, const void *inputs, void *outputs, long steps) {
    const int8_t *w = weights, *x = inputs;
    int32x4_t sum[ROWS];
    EACH_ROW(sum[r] = vdupq_n_s32(0))
    for (long s = 0; s < steps; s++) {
        int8x16_t a = vld1q_s8(x);
        x += 16;
        EACH_ROW({
            int8x16_t b = vld1q_s8(w + 16 * r);
            int16x8_t lanes = vmull_s8(vget_low_s8(b), vget_low_s8(a));
            sum[r] = vpadalq_s16(sum[r], vmlal_high_s8(lanes, b, a));
        })
        w += 16 * ROWS;
    }
    EACH_ROW(((int32_t *)outputs)[r] = vaddvq_s32(sum[r]))
}

/* Lanes take 32 products, of 16 steps, before they are widened. */
void i8_n32(const void *weights, const void *inputs, void *outputs, long steps) {
    const int8_t *w = weights, *x = inputs;
    int32x4_t sum[ROWS];
    EACH_ROW(sum[r] = vdupq_n_s32(0))
    for (long s = 0; s < steps;) {
        int16x8_t lanes[ROWS];
        EACH_ROW(lanes[r] = vdupq_n_s16(0))
        for (long end = s + 16 < steps ? s + 16 : steps; s < end; s++) {
            int8x16_t a = vld1q_s8(x);
            x += 16;
            EACH_ROW({
                int8x16_t b = vld1q_s8(w + 16 * r);
                lanes[r] = vmlal_s8(lanes[r], vget_low_s8(b), vget_low_s8(a));
                lanes[r] = vmlal_high_s8(lanes[r], b, a);
            })
            w += 16 * ROWS;
        }
        EACH_ROW(sum[r] = vpadalq_s16(sum[r], lanes[r]))
    }
    EACH_ROW(((int32_t *)outputs)[r] = vaddvq_s32(sum[r]))
}

void i8_acc16(const void *weights, const void *inputs, void *outputs, long steps) {
    const int8_t *w = weights, *x = inputs;
    int16x8_t lanes[ROWS];
    EACH_ROW(lanes[r] = vdupq_n_s16(0))
    for (long s = 0; s < steps; s++) {
        int8x16_t a = vld1q_s8(x);
        x += 16;
        EACH_ROW({
            int8x16_t b = vld1q_s8(w + 16 * r);
            lanes[r] = vmlal_s8(lanes[r], vget_low_s8(b), vget_low_s8(a));
            lanes[r] = vmlal_high_s8(lanes[r], b, a);
        })
        w += 16 * ROWS;
    }
    EACH_ROW(((int32_t *)outputs)[r] = vaddlvq_s16(lanes[r]))
}

/* 32 weights in 16 bytes: those of an even step in low nibbles, of the odd one in high nibbles. */
void w4_smlal_n32(const void *weights, const void *inputs, void *outputs, long steps) {
    const int8_t *w = weights, *x = inputs;
    int32x4_t sum[ROWS];
    EACH_ROW(sum[r] = vdupq_n_s32(0))
    for (long s = 0; s < steps;) {
        int16x8_t lanes[ROWS];
        EACH_ROW(lanes[r] = vdupq_n_s16(0))
        for (long end = s + 16 < steps ? s + 16 : steps; s < end; s += 2) {
            int8x16_t a = vld1q_s8(x), c = vld1q_s8(x + 16);
            x += 32;
            EACH_ROW({
                int8x16_t b = vld1q_s8(w + 16 * r);
                int8x16_t even = vshrq_n_s8(vshlq_n_s8(b, 4), 4), odd = vshrq_n_s8(b, 4);
                lanes[r] = vmlal_s8(lanes[r], vget_low_s8(even), vget_low_s8(a));
                lanes[r] = vmlal_high_s8(lanes[r], even, a);
                lanes[r] = vmlal_s8(lanes[r], vget_low_s8(odd), vget_low_s8(c));
                lanes[r] = vmlal_high_s8(lanes[r], odd, c);
            })
            w += 16 * ROWS;
        }
        EACH_ROW(sum[r] = vpadalq_s16(sum[r], lanes[r]))
    }
    EACH_ROW(((int32_t *)outputs)[r] = vaddvq_s32(sum[r]))
}

/* 32 outputs: a register has four products of each of four outputs. */
void i8_sdot(const void *weights, const void *inputs, void *outputs, long steps) {
    const int8_t *w = weights, *x = inputs;
    int32x4_t sum[ROWS];
    EACH_ROW(sum[r] = vdupq_n_s32(0))
    for (long s = 0; s < 2 * steps; s++) {
        int8x8_t a = vld1_s8(x);
        x += 8;
        EACH_ROW(sum[r] = vdotq_lane_s32(sum[r], vld1q_s8(w + 16 * r), a, 0))
        EACH_ROW(sum[r] = vdotq_lane_s32(sum[r], vld1q_s8(w + 128 + 16 * r), a, 1))
        w += 256;
    }
    EACH_ROW(vst1q_s32((int32_t *)outputs + 4 * r, sum[r]))
}

/* 32 outputs: a register has one product of each of four outputs. */
void f32_fmla(const void *weights, const void *inputs, void *outputs, long steps) {
    const float *w = weights, *x = inputs;
    float32x4_t sum[ROWS];
    EACH_ROW(sum[r] = vdupq_n_f32(0))
    for (long s = 0; s < 4 * steps; s++) {
        float32x4_t a = vld1q_f32(x);
        x += 4;
        EACH_ROW(sum[r] = vfmaq_laneq_f32(sum[r], vld1q_f32(w + 4 * r), a, 0))
        EACH_ROW(sum[r] = vfmaq_laneq_f32(sum[r], vld1q_f32(w + 32 + 4 * r), a, 1))
        EACH_ROW(sum[r] = vfmaq_laneq_f32(sum[r], vld1q_f32(w + 64 + 4 * r), a, 2))
        EACH_ROW(sum[r] = vfmaq_laneq_f32(sum[r], vld1q_f32(w + 96 + 4 * r), a, 3))
        w += 128;
    }
    EACH_ROW(vst1q_f32((float *)outputs + 4 * r, sum[r]))
}
