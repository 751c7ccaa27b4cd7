// The kernels of each library, with the threads that they are launched with.
#pragma once

#include "device.h"

namespace cider::metal {

struct KernelList {
  Kernel kernels[48]; // [count]
  uint32_t count;

  void append(const Kernel &kernel) { kernels[count++] = kernel; }
};
KernelList kernels_of(LibraryName library);

} // namespace cider::metal
