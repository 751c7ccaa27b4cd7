// What a device has asked of the GPU: many operations go into one command buffer, which is handed over when it has
// enough of them, when something waits for their results, or when the device is closed. They run one after the other.
#pragma once

#include "machine.h"

#include "../../kernels/abi/error.h"

namespace cider::metal {

// What is bound at an index of a kernel: a part of a buffer, or bytes that are copied.
struct Argument {
  id buffer;
  uint64_t offset; // bytes
  const void *bytes;
  size_t length;
};

struct Launch {
  id pipeline;
  const Argument *arguments; // by index
  uint32_t argument_count;
  Size groups;
  uint32_t threads; // of a group
  double work;      // about so many multiplications, or elements read
};

class Commands {
public:
  // Failures that are found later are kept in `error` too.
  int open(const Machine &machine, ErrorText &error);
  // Waits, and does not say what failed.
  void close();

  // Fails with what earlier operations are found to have failed with; the launch is then left out.
  int launch(const Launch &launch);
  // Waits until everything is done; what failed of it is reported later.
  void finish();
  // Waits, and fails with what failed.
  int wait();
  // Seconds that the GPU worked, of what is done.
  double seconds();
  // Command buffers that were handed over.
  uint64_t handed_over() const { return handed_over_; }

private:
  // Those that are handed over and not looked at since. Metal itself would make the caller wait at 64.
  static constexpr uint32_t max_running = 16;

  int begin();
  void hand_over();
  void finish_oldest();
  void finish_done();
  int report_failure();

  id queue_ = nullptr, buffer_ = nullptr, encoder_ = nullptr;
  id running_[max_running] = {}; // oldest first
  uint32_t running_count_ = 0;
  uint32_t launches_ = 0; // in the buffer that is being filled
  double work_ = 0;       // likewise
  double seconds_ = 0, last_end_ = 0;
  uint64_t handed_over_ = 0;
  char *error_ = nullptr;
  char failure_[error_text_bytes] = {}; // found and not yet reported
};

} // namespace cider::metal
