// What the attention kernels share.
#pragma once

#include "parameters.h"
#include "soft-cap.h"

// The positions that a row sees.
struct Positions {
  uint begin, end;
};

inline Positions seen_by(uint row, constant AttentionParameters &parameters) {
  const uint end = parameters.first_position + row + 1;
  const uint window = parameters.sliding_window;
  return {window == 0 || window > end ? 0 : end - window, end};
}

inline float score_of(float product, constant AttentionParameters &parameters) {
  return soft_capped(parameters.scale * product, parameters.soft_cap);
}

// The larger of two scores; a NaN never is. Weights of NaN make the sum NaN all the same.
inline float larger(float score, float largest) { return score > largest ? score : largest; }

// What to subtract from scores whose largest is this. If all are -infinity, any other number gives them their weight of
// 0: a finite score may come later, and if none does, 0 / 0 is NaN.
inline float shift_of(float largest) { return largest == -INFINITY ? 0.0f : largest; }
