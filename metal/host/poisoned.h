// Buffers for a trial: what lies around their data is poison, which nobody may write to and whose reading shows.
#pragma once

#include "device.h"

#include <string.h>

namespace cider::metal {

class Poisoned {
public:
  Poisoned() = default;
  ~Poisoned() { release(buffer_); }
  Poisoned(const Poisoned &) = delete;
  Poisoned &operator=(const Poisoned &) = delete;

  // Room for data, poisoned too.
  int open(Device &device, uint64_t bytes) {
    bytes_ = bytes;
    TRY(new_buffer(device, bytes + 2 * margin, &buffer_));
    memset(contents_of(buffer_), poison, bytes + 2 * margin);
    return CIDER_OK;
  }

  template <class T>
  T *data() const {
    return reinterpret_cast<T *>(static_cast<uint8_t *>(contents_of(buffer_)) + margin);
  }
  Argument argument() const { return part(buffer_, margin); }

  bool is_intact() const {
    const auto *bytes = static_cast<const uint8_t *>(contents_of(buffer_));
    for (uint64_t i = 0; i < margin; i++) {
      if (bytes[i] != poison || bytes[margin + bytes_ + i] != poison) return false;
    }
    return true;
  }

private:
  // What offsets of buffers are aligned to, and more than a tile's row.
  static constexpr uint64_t margin = 512;
  // As an int8 code far from 0; as a float a number that no result comes near.
  static constexpr uint8_t poison = 0x7b;

  id buffer_ = nullptr;
  uint64_t bytes_ = 0;
};

} // namespace cider::metal
