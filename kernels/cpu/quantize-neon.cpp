// Quantizers for NEON, as every 64-bit Arm has it.
#include <arm_neon.h>

#include "quantize-lanes.h"

namespace cider {
namespace {

struct Neon {
  static constexpr uint32_t width = 8;
  struct Floats {
    float32x4_t low, high;
  };
  using Magnitudes = uint32x4_t;

  static Floats load(const F32 *source) {
    return {vreinterpretq_f32_u8(vld1q_u8(source[0].bytes)), vreinterpretq_f32_u8(vld1q_u8(source[4].bytes))};
  }
  static Floats load(const F16 *source) {
    const float16x8_t halves = vreinterpretq_f16_u8(vld1q_u8(source->bytes));
    return {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
  }
  static Floats load(const BF16 *source) {
    const uint16x8_t patterns = vreinterpretq_u16_u8(vld1q_u8(source->bytes));
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(patterns), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(patterns, 16))};
  }

  static Floats splat(float value) { return {vdupq_n_f32(value), vdupq_n_f32(value)}; }
  static Floats multiply(Floats a, Floats b) { return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }
  static Floats divide(Floats a, Floats b) { return {vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)}; }

  static Magnitudes none() { return vdupq_n_u32(0); }
  static Magnitudes larger(Magnitudes magnitudes, Floats values) {
    const uint32x4_t low = vreinterpretq_u32_f32(vabsq_f32(values.low));
    const uint32x4_t high = vreinterpretq_u32_f32(vabsq_f32(values.high));
    return vmaxq_u32(magnitudes, vmaxq_u32(low, high));
  }
  static uint32_t largest(Magnitudes magnitudes) { return vmaxvq_u32(magnitudes); }

  static void store_codes(Floats values, CodeRange range, int8_t *codes) {
    const int16x4_t low = vqmovn_s32(vcvtnq_s32_f32(values.low));
    int16x8_t nearest = vqmovn_high_s32(low, vcvtnq_s32_f32(values.high));
    nearest = vmaxq_s16(nearest, vdupq_n_s16(static_cast<int16_t>(range.lowest)));
    nearest = vminq_s16(nearest, vdupq_n_s16(static_cast<int16_t>(range.highest)));
    vst1_s8(codes, vqmovn_s16(nearest));
  }
};

} // namespace

const QuantizeKernels *quantize_kernels_neon() { return &quantize_kernels<Neon>; }

} // namespace cider
