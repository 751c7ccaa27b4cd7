// MTLCommandBuffer.
#include "command-buffer.h"

#include <time.h>
#include <map>
#include <set>

#include "../runtime/diagnose.h"
#include "encoder.h"
#include "faults.h"
#include "queue.h"

namespace emulator {
namespace {

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// MTLDispatchType.
enum DispatchType { serial = 0, concurrent = 1 };

Encoder *encoder_of_type(CommandBuffer *self, Selector, Unsigned type) {
  if (self->is_encoding) diagnose("computeCommandEncoder: the last encoder of the command buffer has not ended");
  if (self->status != CommandBuffer::not_enqueued) diagnose("computeCommandEncoder: the command buffer is committed");
  self->is_encoding = true;
  return autoreleased(make<Encoder>(*self, type == concurrent));
}
Encoder *encoder(CommandBuffer *self, Selector selector) { return encoder_of_type(self, selector, serial); }

void commit(CommandBuffer *self, Selector) {
  if (self->is_encoding) diagnose("commit: an encoder of the command buffer has not ended");
  if (self->status != CommandBuffer::not_enqueued) {
    diagnose("commit: the command buffer is committed already");
    return;
  }
  self->fails = next_command_fails();
  self->status = CommandBuffer::committed;
  self->queue->commit(*self);
}

void wait_until_completed(CommandBuffer *self, Selector) {
  if (self->status == CommandBuffer::not_enqueued) {
    diagnose("waitUntilCompleted: the command buffer was not committed, so it never completes");
    return;
  }
  if (self->status != CommandBuffer::committed) return;
  // Completing gives up the queue, which may be the last that keeps it.
  const Reference<Queue> queue = self->queue;
  queue->run_until(*self);
}

Unsigned status_of(CommandBuffer *self, Selector) { return self->status; }
Error *error_of(CommandBuffer *self, Selector) { return self->error.get(); }
double gpu_start(CommandBuffer *self, Selector) { return self->start; }
double gpu_end(CommandBuffer *self, Selector) { return self->end; }
void set_label(CommandBuffer *, Selector, String *) {}

[[maybe_unused]] Class &defined = CommandBuffer::objc_class();

} // namespace

Class &CommandBuffer::objc_class() {
  static Class &made = define_class(
      "MTLCommandBuffer", object_class(),
      {method("computeCommandEncoder", encoder), method("computeCommandEncoderWithDispatchType:", encoder_of_type),
       method("commit", commit), method("waitUntilCompleted", wait_until_completed), method("status", status_of),
       method("error", error_of), method("GPUStartTime", gpu_start), method("GPUEndTime", gpu_end),
       method("setLabel:", set_label)});
  return made;
}

CommandBuffer::CommandBuffer(Queue &queue) : queue(&queue) { queue.begin(); }

CommandBuffer::~CommandBuffer() {
  if (status == not_enqueued) queue->abandon();
}

void CommandBuffer::append(CommandGroup group, bool concurrent) { parts_.push_back({std::move(group), concurrent}); }

bool CommandBuffer::run_parts() const {
  bool sound = true;
  for (const Part &part : parts_) sound &= emulator::execute(part.group, part.concurrent);
  return sound;
}

void CommandBuffer::check_guards() const {
  std::map<Buffer *, std::set<std::string>> users;
  for (const Part &part : parts_) {
    for (const Command &command : part.group) {
      for (size_t i = 0; i < SLOTS; i++) {
        Buffer *buffer = command.bindings[i].buffer.get();
        const char *kernel = command.pipeline->function->kernel.name;
        if (buffer) users[buffer].insert("buffer " + std::to_string(i) + " of kernel " + kernel);
      }
    }
  }
  for (const auto &[buffer, names] : users) {
    std::string by = "it was";
    for (const std::string &name : names) by += (name == *names.begin() ? " " : ", ") + name;
    buffer->check_guards(by);
  }
}

void CommandBuffer::execute() {
  start = now();
  const bool sound = !fails && run_parts();
  end = now();
  check_guards();
  if (fails) {
    error = adopted(make<Error>(COMMAND_BUFFER_ERRORS, timeout,
                                "Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)"));
  } else if (!sound) {
    error = adopted(make<Error>(COMMAND_BUFFER_ERRORS, page_fault,
                                "Caused GPU Address Fault Error (0000000b:kIOGPUCommandBufferCallbackErrorPageFault)"));
  }
  status = error ? failed : completed;
  parts_.clear();
  queue = {};
}

} // namespace emulator
