// MTLComputeCommandEncoder.
#include "encoder.h"

#include <string.h>

#include "../runtime/diagnose.h"
#include "command-buffer.h"
#include "string.h"

namespace emulator {
namespace {

constexpr Unsigned MAX_INLINE_BYTES = 4096;
constexpr Unsigned THREADGROUP_GRANULE = 16;

struct Size {
  Unsigned width, height, depth;
};

bool has_slot(const char *method, Unsigned index) {
  if (index < SLOTS) return true;
  diagnose("%s index %lu; the last is %d", method, index, SLOTS - 1);
  return false;
}

void set_pipeline(Encoder *self, Selector selector, Pipeline *pipeline) {
  Command *state = self->state(selector);
  if (!pipeline) diagnose("%s nil", selector);
  if (state) state->pipeline = Reference<Pipeline>(pipeline);
}

void set_buffer(Encoder *self, Selector selector, Buffer *buffer, Unsigned offset, Unsigned index) {
  Command *state = self->state(selector);
  if (!state || !has_slot(selector, index)) return;
  if (buffer && offset >= buffer->bytes()) {
    diagnose("%s offset %lu of buffer %lu is behind its %zu bytes", selector, offset, index, buffer->bytes());
    return;
  }
  Binding binding;
  binding.buffer = Reference<Buffer>(buffer);
  binding.offset = offset;
  state->bindings[index] = std::move(binding);
}

void set_offset(Encoder *self, Selector selector, Unsigned offset, Unsigned index) {
  Command *state = self->state(selector);
  if (!state || !has_slot(selector, index)) return;
  const Reference<Buffer> buffer = state->bindings[index].buffer;
  if (buffer)
    set_buffer(self, selector, buffer.get(), offset, index);
  else
    diagnose("%s no buffer is bound at %lu", selector, index);
}

void set_bytes(Encoder *self, Selector selector, const void *bytes, Unsigned length, Unsigned index) {
  Command *state = self->state(selector);
  if (!state || !has_slot(selector, index)) return;
  if (length == 0 || length > MAX_INLINE_BYTES) {
    diagnose("%s %lu bytes at %lu; at least 1, at most %lu", selector, length, index, MAX_INLINE_BYTES);
    return;
  }
  Binding binding;
  binding.bytes = std::shared_ptr<char[]>(new char[length]);
  binding.size = length;
  memcpy(binding.bytes.get(), bytes, length);
  state->bindings[index] = std::move(binding);
}

void set_threadgroup_memory(Encoder *self, Selector selector, Unsigned length, Unsigned index) {
  Command *state = self->state(selector);
  if (!state || !has_slot(selector, index)) return;
  if (length % THREADGROUP_GRANULE != 0) {
    diagnose("%s %lu bytes at %lu are no multiple of %lu", selector, length, index, THREADGROUP_GRANULE);
    return;
  }
  state->threadgroup_bytes[index] = length;
}

bool narrow(const Size &size, Size3 &to) {
  to = {static_cast<uint32_t>(size.width), static_cast<uint32_t>(size.height), static_cast<uint32_t>(size.depth)};
  return to.x == size.width && to.y == size.height && to.z == size.depth;
}

void dispatch_threadgroups(Encoder *self, Selector selector, Size threadgroups, Size threads) {
  Size3 grid, group;
  if (narrow(threadgroups, grid) && narrow(threads, group))
    self->dispatch(selector, grid, group);
  else
    diagnose("%s more than 32 bits of threads in a dimension", selector);
}

// Resources are one kind of scope, 1; textures and render targets are not for kernels of ours.
void memory_barrier(Encoder *self, Selector selector, Unsigned scope) {
  if (!self->state(selector)) return;
  if (scope != 1) diagnose("%s scope %lu; buffers are 1", selector, scope);
  self->separate();
}

void end_encoding(Encoder *self, Selector selector) {
  if (self->state(selector)) self->end();
}

void set_label(Encoder *, Selector, String *) {}

[[maybe_unused]] Class &defined = Encoder::objc_class();

} // namespace

Class &Encoder::objc_class() {
  static Class &made =
      define_class("MTLComputeCommandEncoder", object_class(),
                   {method("setComputePipelineState:", set_pipeline), method("setBuffer:offset:atIndex:", set_buffer),
                    method("setBufferOffset:atIndex:", set_offset), method("setBytes:length:atIndex:", set_bytes),
                    method("setThreadgroupMemoryLength:atIndex:", set_threadgroup_memory),
                    method("dispatchThreadgroups:threadsPerThreadgroup:", dispatch_threadgroups),
                    method("memoryBarrierWithScope:", memory_barrier), method("endEncoding", end_encoding),
                    method("setLabel:", set_label)});
  return made;
}

Encoder::Encoder(CommandBuffer &buffer, bool concurrent)
    : buffer_(&buffer), concurrent_(concurrent), state_(std::make_unique<Command>()) {}

Encoder::~Encoder() {
  if (state_) diagnose("a compute command encoder was released before endEncoding");
}

Command *Encoder::state(const char *method) {
  if (!state_) diagnose("%s was sent to an encoder after endEncoding", method);
  return state_.get();
}

void Encoder::dispatch(const char *method, const Size3 &threadgroups, const Size3 &threads) {
  Command *command = state(method);
  if (!command) return;
  if (!command->pipeline) {
    diagnose("%s no pipeline was set", method);
    return;
  }
  command->threadgroups = threadgroups;
  command->threads = threads;
  group_.push_back(*command);
}

void Encoder::separate() {
  if (group_.empty()) return;
  buffer_->append(std::move(group_), concurrent_);
  group_.clear();
}

void Encoder::end() {
  separate();
  state_.reset();
  buffer_->is_encoding = false;
  buffer_ = {};
}

} // namespace emulator
