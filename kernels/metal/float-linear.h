// What gemm and mv of float layers share: eight elements of a weight row at a time.
#pragma once

#include "float-elements.h"
#include "parameters.h"

// A layer but for its activations.
struct FloatWeight {
  device const uchar *elements;
  device const float *scales; // of codes, [n, groups]
  device const float *biases; // of codes, likewise
};

inline device const uchar *row_of(FloatWeight weight, uint n, constant FloatLinearParameters &parameters) {
  return weight.elements + size_t(n) * parameters.weight_stride;
}

// Where scale and bias of an element are.
inline size_t group_of(uint n, uint k, constant FloatLinearParameters &parameters) {
  const uint group = parameters.group_size == 0 ? 0 : k / parameters.group_size;
  return size_t(n) * parameters.groups + group;
}

// Whether elements may be loaded in eights, which then have one group.
template <class Elements>
inline bool comes_in_eights(constant FloatLinearParameters &parameters) {
  return parameters.weight_stride % 16 == 0 && (!Elements::has_groups || parameters.group_size % 8 == 0);
}

template <class Elements>
inline float weight_at(FloatWeight weight, uint n, uint k, constant FloatLinearParameters &parameters) {
  const float element = Elements::load(row_of(weight, n, parameters), k);
  if (!Elements::has_groups) return element;
  const size_t group = group_of(n, k, parameters);
  return fma(weight.scales[group], element, weight.biases[group]);
}
