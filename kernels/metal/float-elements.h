// How elements of float layers are stored: `load` is one of them, `load_eight` eight from k on, where k is a multiple
// of 8 and the row begins at one of 16 bytes. Codes come as they are: scales and biases are of their groups.
#pragma once

#include "common.h"

struct F32Elements {
  enum { has_groups = 0 };
  static float load(device const uchar *row, uint k) { return reinterpret_cast<device const float *>(row)[k]; }
  static void load_eight(device const uchar *row, uint k, thread float *elements) {
    device const float4 *vectors = reinterpret_cast<device const float4 *>(row) + k / 4;
    const float4 low = vectors[0];
    const float4 high = vectors[1];
    for (uint i = 0; i < 4; i++) {
      elements[i] = low[i];
      elements[4 + i] = high[i];
    }
  }
};

struct F16Elements {
  enum { has_groups = 0 };
  static float load(device const uchar *row, uint k) { return float(reinterpret_cast<device const half *>(row)[k]); }
  static void load_eight(device const uchar *row, uint k, thread float *elements) {
    device const half4 *vectors = reinterpret_cast<device const half4 *>(row) + k / 4;
    const half4 low = vectors[0];
    const half4 high = vectors[1];
    for (uint i = 0; i < 4; i++) {
      elements[i] = float(low[i]);
      elements[4 + i] = float(high[i]);
    }
  }
};

// The upper halves of f32. To move bits leaves subnormal numbers alone.
struct Bf16Elements {
  enum { has_groups = 0 };
  static float load(device const uchar *row, uint k) {
    return as_type<float>(uint(reinterpret_cast<device const ushort *>(row)[k]) << 16);
  }
  static void load_eight(device const uchar *row, uint k, thread float *elements) {
    const uint4 pairs = *(reinterpret_cast<device const uint4 *>(row) + k / 8);
    for (uint i = 0; i < 4; i++) {
      elements[2 * i] = as_type<float>(pairs[i] << 16);
      elements[2 * i + 1] = as_type<float>(pairs[i] & 0xffff0000u);
    }
  }
};

struct Affine8Elements {
  enum { has_groups = 1 };
  static float load(device const uchar *row, uint k) { return float(row[k]); }
  static void load_eight(device const uchar *row, uint k, thread float *elements) {
    const uint2 words = *(reinterpret_cast<device const uint2 *>(row) + k / 8);
    for (uint i = 0; i < 4; i++) {
      elements[i] = float((words.x >> (8 * i)) & 255);
      elements[4 + i] = float((words.y >> (8 * i)) & 255);
    }
  }
};

struct Affine4Elements {
  enum { has_groups = 1 };
  static float load(device const uchar *row, uint k) { return float((row[k / 2] >> (4 * (k % 2))) & 15); }
  static void load_eight(device const uchar *row, uint k, thread float *elements) {
    const uint word = *(reinterpret_cast<device const uint *>(row) + k / 8);
    for (uint i = 0; i < 8; i++) elements[i] = float((word >> (4 * i)) & 15);
  }
};
