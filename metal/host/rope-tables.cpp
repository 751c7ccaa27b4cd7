#include "rope-tables.h"

#include "device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

namespace cider::metal {

bool RopeTables::matches(const Table &table, const RopeKey &key) {
  const RopeKey &own = table.key;
  return table.buffer != nullptr && own.half == key.half && own.first_position == key.first_position &&
         own.rows == key.rows && memcmp(&own.attention_factor, &key.attention_factor, sizeof(float)) == 0 &&
         memcmp(own.inverse_frequencies, key.inverse_frequencies, key.half * sizeof(float)) == 0;
}

void RopeTables::discard(Table &table) {
  release(table.buffer);
  free(const_cast<float *>(table.key.inverse_frequencies));
  table = {};
}

void RopeTables::clear() {
  for (Table &table : tables_) discard(table);
}

int RopeTables::find(Device &device, const RopeKey &key, id *buffer) {
  for (const Table &table : tables_) {
    if (!matches(table, key)) continue;
    *buffer = table.buffer;
    return CIDER_OK;
  }
  auto *frequencies = static_cast<float *>(malloc(key.half * sizeof(float)));
  if (frequencies == nullptr) return fail(CIDER_OUT_OF_MEMORY, "rope: no memory");
  memcpy(frequencies, key.inverse_frequencies, key.half * sizeof(float));
  id created;
  const int status = new_buffer(device, uint64_t{key.rows} * key.half * 2 * sizeof(float), &created);
  if (status != CIDER_OK) {
    free(frequencies);
    return status;
  }
  auto *pair = static_cast<float *>(contents_of(created));
  for (uint32_t row = 0; row < key.rows; row++) {
    const auto position = static_cast<double>(key.first_position + row);
    for (uint32_t i = 0; i < key.half; i++) {
      // As the backend of the processor has it: models are made with angles in f32.
      const double angle = static_cast<float>(position * static_cast<double>(frequencies[i]));
      *pair++ = static_cast<float>(cos(angle)) * key.attention_factor;
      *pair++ = static_cast<float>(sin(angle)) * key.attention_factor;
    }
  }
  Table &table = tables_[next_];
  next_ = (next_ + 1) % capacity;
  discard(table);
  table = {created, key};
  table.key.inverse_frequencies = frequencies;
  *buffer = created;
  return CIDER_OK;
}

} // namespace cider::metal
