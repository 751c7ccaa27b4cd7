// Cosines and sines of positions, which the layers of a model share.
#pragma once

#include "objc.h"

namespace cider::metal {

struct Device;

// What a table is made of.
struct RopeKey {
  const float *inverse_frequencies; // [half]
  uint32_t half;
  uint32_t first_position, rows;
  float attention_factor;
};

class RopeTables {
public:
  // A buffer of pairs float2 [rows, half], cosine and sine times the factor.
  int find(Device &device, const RopeKey &key, id *buffer);
  void clear();

private:
  // Models have at most two kinds of positions at a time, of which each is asked for in turn.
  static constexpr uint32_t capacity = 4;

  struct Table {
    id buffer;
    RopeKey key; // with frequencies of its own
  };
  Table tables_[capacity] = {};
  uint32_t next_ = 0;

  static bool matches(const Table &table, const RopeKey &key);
  static void discard(Table &table);
};

} // namespace cider::metal
