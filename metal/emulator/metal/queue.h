#pragma once

#include <deque>
#include <mutex>

#include "../objc/object.h"
#include "command-buffer.h"

namespace emulator {

// Work starts when somebody waits for it: a host that reads results without waiting finds what was there before.
class Queue : public Object {
public:
  static Class &objc_class();

  // A command buffer begins to exist; like Metal, this waits for the oldest if there are too many.
  void begin();
  // It will never be committed.
  void abandon();
  void commit(CommandBuffer &buffer);
  // Runs what was committed, up to and with this one.
  void run_until(CommandBuffer &buffer);

private:
  bool run_oldest();

  std::mutex mutex_;
  std::deque<Reference<CommandBuffer>> committed_;
  int uncompleted_ = 0;
};

} // namespace emulator
