#pragma once

#include <atomic>
#include <vector>

#include "../objc/object.h"
#include "command.h"
#include "error.h"

namespace emulator {

class Queue;
class Encoder;

class CommandBuffer : public Object {
public:
  // MTLCommandBufferStatus.
  enum Status { not_enqueued = 0, committed = 2, completed = 4, failed = 5 };

  static Class &objc_class();
  explicit CommandBuffer(Queue &queue);
  ~CommandBuffer() override;

  // For the queue, in the order of commits.
  void execute();
  // Of an encoder that ends.
  void append(CommandGroup group, bool concurrent);

  Reference<Queue> queue; // until it is completed
  std::atomic<Status> status = not_enqueued;
  bool is_encoding = false;
  bool fails = false; // a fault that a test asks for
  double start = 0, end = 0;
  Reference<Error> error;

private:
  struct Part {
    CommandGroup group;
    bool concurrent;
  };
  bool run_parts() const;
  void check_guards() const;
  std::vector<Part> parts_;
};

} // namespace emulator
