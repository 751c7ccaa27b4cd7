#pragma once

#include <memory>
#include <string>

#include "../objc/object.h"
#include "guarded-memory.h"

namespace emulator {

class Buffer : public Object {
public:
  static Class &objc_class();

  // Memory of its own.
  Buffer(size_t bytes, Unsigned options);
  // Memory of the caller.
  Buffer(void *data, size_t bytes, Unsigned options)
      : data_(static_cast<char *>(data)), bytes_(bytes), options_(options) {}
  ~Buffer() override;

  char *data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // Whether the processor may look at it: not in private storage.
  bool is_shared() const;
  // Diagnoses what was written beside it; `by` says who may have been it.
  void check_guards(const std::string &by);

  std::string label;

private:
  std::unique_ptr<GuardedMemory> memory_;
  char *data_;
  size_t bytes_;
  Unsigned options_;
  bool is_damaged_ = false; // said so already
};

// -[MTLDevice newBuffer…]: null where Metal refuses.
Buffer *new_buffer(Unsigned bytes, Unsigned options);
Buffer *new_buffer_with_bytes(const void *data, Unsigned bytes, Unsigned options);
Buffer *new_buffer_without_copy(void *data, Unsigned bytes, Unsigned options, const void *deallocator);

} // namespace emulator
