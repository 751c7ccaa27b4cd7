// Kernels made ready for the GPU, each once.
#pragma once

#include "library.h"

namespace cider::metal {

// A kernel and the threads of a threadgroup that it is launched with.
struct Kernel {
  LibraryName library;
  const char *name; // kept
  uint32_t threads;
};

struct Pipeline {
  LibraryName library;
  const char *name;
  id object; // MTLComputePipelineState; null if it could not be made
  UInteger max_threads, width;
  char problem[512]; // what was wrong
};

class PipelineCache {
public:
  // The pipeline, made if that was not tried before; null if there is no memory.
  const Pipeline *find(Machine &machine, LibraryName library, const char *name, const char *cache);
  void clear();

private:
  // More than there are kernels.
  static constexpr uint32_t capacity = 160;

  Pipeline *pipelines_[capacity] = {};
  uint32_t count_ = 0;
};

// Whether Metal makes a pipeline of the kernel and gives it its threads.
bool can_run(Machine &machine, const Kernel &kernel, const char *cache);
// The pipeline of a kernel that can run; fails with what is wrong otherwise.
int require_pipeline(Machine &machine, const Kernel &kernel, const char *cache, id *pipeline);

} // namespace cider::metal
