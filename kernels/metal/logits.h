// What the kernels over rows of logits share.
#pragma once

#include "rows.h"
#include "soft-cap.h"

// Additions to a sum one after another; sums of so many terms are added up by themselves, which keeps roundings few.
constant constexpr uint LOGITS_PER_PART = 16;

// The largest of a row's capped logits as an order: that of NaN if there is nothing else.
inline int largest_order(device const float *logits, uint columns, float cap, threadgroup int *orders, RowThread self) {
  int largest = order_of(NAN);
  for (uint i = self.index; i < columns; i += ROW_THREADS)
    largest = max(largest, order_of(soft_capped(logits[i], cap)));
  return row_max(largest, orders, self);
}

// The first index of that order. NaN is never the largest of several; if there is nothing else, it is the last index.
inline uint index_of_largest(device const float *logits, uint columns, float cap, int largest,
                             threadgroup uint *indices, RowThread self) {
  uint first = columns - 1;
  if (largest != order_of(NAN)) {
    for (uint i = self.index; i < first; i += ROW_THREADS) {
      if (order_of(soft_capped(logits[i], cap)) == largest) first = i;
    }
  }
  return row_min(first, indices, self);
}
