// What the steps of a program work with, and what is asked of every answer.
#pragma once

#include "../cider.h"
#include "program.h"

#include <stdio.h>
#include <stdlib.h>

namespace cider::fuzz {

// Memory of the caller, just as long as the arguments say, so that AddressSanitizer sees the first byte too many.
template <class T>
class Memory {
public:
  // `shift` bytes before it: the interface asks for no alignment of scratch.
  explicit Memory(uint64_t count, uint64_t shift = 0)
      : bytes_(malloc(count * sizeof(T) + shift)), values_(reinterpret_cast<T *>(static_cast<char *>(bytes_) + shift)) {
    if (bytes_ == nullptr) abort();
    memset(bytes_, 0, count * sizeof(T) + shift);
  }
  ~Memory() { free(bytes_); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  T *get() { return values_; }

private:
  void *bytes_;
  T *values_;
};

struct Buffer {
  cider_buffer *handle; // may be null, as that of all slots below
  uint64_t elements;
};

struct Weight {
  cider_weight *handle;
  uint32_t out_features, in_features;
};

struct Cache {
  cider_kv_cache *handle;
  uint32_t capacity, kv_heads, head_dim;
};

// Elements of the longest buffer. What a call needs beyond it is refused before memory of the caller is looked at.
constexpr uint32_t max_elements = 4096;

// The handles that a program has made; empty slots are null.
struct World {
  cider_device *device;
  const cider_file *files[2]; // of file_bytes, and empty
  Buffer buffers[8] = {};
  Weight weights[4] = {};
  Cache caches[2] = {};

  Buffer &buffer(Program &program) { return buffers[program.below(8)]; }
  Weight &weight(Program &program) { return weights[program.below(4)]; }
  Cache &cache(Program &program) { return caches[program.below(2)]; }
};

constexpr uint32_t file_bytes = 3001;

// A status that cider.h names, and a text with every failure.
static inline void answered(const char *entry, int status) {
  if (status >= CIDER_OK && status <= CIDER_NON_FINITE && (status == CIDER_OK || cider_last_error()[0] != '\0')) return;
  fprintf(stderr, "%s answered %d: %s\n", entry, status, cider_last_error());
  abort();
}

// The same for arguments of which some cannot be.
static inline void refused(const char *entry, int status) {
  answered(entry, status);
  if (status != CIDER_OK) return;
  fprintf(stderr, "%s took what it must refuse\n", entry);
  abort();
}

static inline void answered(const char *entry, int status, bool sensible) {
  if (sensible)
    answered(entry, status);
  else
    refused(entry, status);
}

// Rows that mostly fit into a buffer of `elements` with `columns` each.
static inline uint32_t fitting(Program &program, uint32_t rows, uint64_t elements, uint64_t columns) {
  const uint64_t most = columns == 0 ? 0 : elements / columns;
  return most == 0 || program.once_in(12) ? rows : static_cast<uint32_t>(1 + (rows - 1) % most);
}

// Steps by what they call.
void step_device(World &world, Program &program);
void step_buffer(World &world, Program &program);
void step_file(World &world, Program &program);
void step_weight(World &world, Program &program);
void step_cache(World &world, Program &program);
void step_rows(World &world, Program &program);
void step_linear(World &world, Program &program);
void step_logits(World &world, Program &program);
void step_attention(World &world, Program &program);
void step_integers(World &world, Program &program);
void step_algebra(World &world, Program &program);

} // namespace cider::fuzz
