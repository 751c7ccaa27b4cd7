// A file that is mapped for reading.
#pragma once

#include "abi.h"

#include <atomic>

struct cider_file {
  const uint8_t *data;   // [bytes], from a multiple of page_bytes on; null if there are none
  uint64_t bytes;        // of the file
  uint64_t mapped_bytes; // a multiple of page_bytes; zeros follow the file
  // cider_file_close takes one away. A backend that reads the file later adds one.
  mutable std::atomic<uint32_t> holders;
};

namespace cider {

// The largest page of the systems that cider runs on: GPUs use a mapping without a copy only in whole pages.
constexpr uint64_t page_bytes = 16384;

// Keeps the mapping until as many calls of release_file.
void retain_file(const cider_file *file);
void release_file(const cider_file *file);

} // namespace cider
