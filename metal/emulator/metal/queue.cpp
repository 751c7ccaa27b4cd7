// MTLCommandQueue.
#include "queue.h"

#include "../runtime/diagnose.h"
#include "string.h"

namespace emulator {
namespace {

// What a queue is made with by default.
constexpr int MAX_COMMAND_BUFFERS = 64;

// There is one GPU.
std::mutex gpu_mutex;

CommandBuffer *command_buffer(Queue *self, Selector) { return autoreleased(make<CommandBuffer>(*self)); }
void set_label(Queue *, Selector, String *) {}

[[maybe_unused]] Class &defined = Queue::objc_class();

} // namespace

Class &Queue::objc_class() {
  static Class &made = define_class("MTLCommandQueue", object_class(),
                                    {method("commandBuffer", command_buffer), method("setLabel:", set_label)});
  return made;
}

void Queue::begin() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (uncompleted_ < MAX_COMMAND_BUFFERS || committed_.empty()) {
        if (uncompleted_++ >= MAX_COMMAND_BUFFERS) {
          diagnose("commandBuffer: %d of the queue exist that are not committed; Metal would wait forever",
                   MAX_COMMAND_BUFFERS);
        }
        return;
      }
    }
    run_oldest();
  }
}

void Queue::abandon() {
  const std::lock_guard lock(mutex_);
  uncompleted_--;
}

void Queue::commit(CommandBuffer &buffer) {
  const std::lock_guard lock(mutex_);
  committed_.emplace_back(&buffer);
}

bool Queue::run_oldest() {
  const std::lock_guard gpu(gpu_mutex);
  Reference<CommandBuffer> oldest;
  {
    const std::lock_guard lock(mutex_);
    if (committed_.empty()) return false;
    oldest = std::move(committed_.front());
    committed_.pop_front();
    uncompleted_--;
  }
  oldest->execute();
  return true;
}

void Queue::run_until(CommandBuffer &buffer) {
  while (buffer.status == CommandBuffer::committed && run_oldest()) {
  }
}

} // namespace emulator
