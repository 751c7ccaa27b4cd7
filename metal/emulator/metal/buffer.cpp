// MTLBuffer.
#include "buffer.h"

#include <string.h>

#include "../runtime/diagnose.h"
#include "faults.h"
#include "gpu.h"
#include "string.h"

namespace emulator {
namespace {

// MTLResourceOptions: bits 4 to 7 are the storage mode.
constexpr Unsigned STORAGE_MODE = 0xF0, STORAGE_SHARED = 0x00, STORAGE_MANAGED = 0x10, STORAGE_PRIVATE = 0x20;

void *contents(Buffer *self, Selector) { return self->is_shared() ? self->data() : nullptr; }
Unsigned length(Buffer *self, Selector) { return self->bytes(); }
Unsigned gpu_address(Buffer *self, Selector) { return reinterpret_cast<Unsigned>(self->data()); }
void set_label(Buffer *self, Selector, String *label) { self->label = text_of(label); }

[[maybe_unused]] Class &defined = Buffer::objc_class();

bool is_refused(Unsigned bytes, Unsigned options) {
  const Unsigned storage = options & STORAGE_MODE;
  if (storage != STORAGE_SHARED && storage != STORAGE_MANAGED && storage != STORAGE_PRIVATE) {
    diagnose("a buffer with the options 0x%lx, whose storage mode is none for buffers", options);
    return true;
  }
  if (bytes == 0) diagnose("a buffer of 0 bytes");
  return bytes == 0 || bytes > gpu().max_buffer_bytes || next_buffer_fails();
}

} // namespace

Class &Buffer::objc_class() {
  static Class &made = define_class("MTLBuffer", object_class(),
                                    {method("contents", contents), method("length", length),
                                     method("gpuAddress", gpu_address), method("setLabel:", set_label)});
  return made;
}

Buffer::Buffer(size_t bytes, Unsigned options)
    : memory_(std::make_unique<GuardedMemory>(bytes)), data_(memory_->data()), bytes_(bytes), options_(options) {}

Buffer::~Buffer() { check_guards("noticed when it was released"); }

bool Buffer::is_shared() const { return (options_ & STORAGE_MODE) != STORAGE_PRIVATE; }

void Buffer::check_guards(const std::string &by) {
  if (!memory_ || is_damaged_) return;
  const std::optional<long> offset = memory_->damage();
  if (!offset) return;
  is_damaged_ = true;
  const std::string name = label.empty() ? "a buffer" : "the buffer '" + label + "'";
  diagnose("at offset %ld of %s of %zu bytes something was written; %s", *offset, name.c_str(), bytes_, by.c_str());
}

Buffer *new_buffer(Unsigned bytes, Unsigned options) {
  return is_refused(bytes, options) ? nullptr : make<Buffer>(bytes, options);
}

Buffer *new_buffer_with_bytes(const void *data, Unsigned bytes, Unsigned options) {
  Buffer *buffer = new_buffer(bytes, options);
  if (buffer) memcpy(buffer->data(), data, bytes);
  return buffer;
}

Buffer *new_buffer_without_copy(void *data, Unsigned bytes, Unsigned options, const void *deallocator) {
  if (deallocator) fail("newBufferWithBytesNoCopy: the emulator calls no blocks; the deallocator must be nil");
  if (reinterpret_cast<Unsigned>(data) % PAGE_BYTES != 0 || bytes % PAGE_BYTES != 0) {
    diagnose("newBufferWithBytesNoCopy: %p and %lu bytes are not multiples of %lu", data, bytes, PAGE_BYTES);
    return nullptr;
  }
  return is_refused(bytes, options) ? nullptr : make<Buffer>(data, bytes, options);
}

} // namespace emulator
