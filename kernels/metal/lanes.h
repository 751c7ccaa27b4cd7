// Which elements a lane of an Apple10 GPU holds of the operands and the result of a 16x32x16 product on one simdgroup.
// The documentation of Metal leaves it open, and older GPUs differ: what relies on it runs only where library `probe`
// has found it so. The host compares by the same functions.
#pragma once

#ifdef __METAL_VERSION__
#include "common.h"
#else
#include <stdint.h>
#endif

// All three are made of 16x16 fragments, of which a lane holds 8 elements: rows `row` and `row + 8`, and of each four
// columns from `column` on. Columns of an operand are k, those of the result n.
inline uint32_t lane_row(uint32_t lane) { return ((lane >> 4) & 1) * 4 + ((lane >> 2) & 1) * 2 + ((lane >> 1) & 1); }
inline uint32_t lane_column(uint32_t lane) { return ((lane >> 3) & 1) * 8 + (lane & 1) * 4; }

// Element i of a lane lies so far from its row and column. The left operand has elements 0 to 7; the fragments of the
// right operand follow one another by rows, n, and those of the result by columns, n too.
inline uint32_t element_row(uint32_t i) { return ((i >> 2) & 1) * 8; }
inline uint32_t element_column(uint32_t i) { return i & 3; }
inline uint32_t element_fragment(uint32_t i) { return (i >> 3) * 16; }
