// The libraries of kernels, each compiled by itself: what one of them needs and an older system lacks takes no other
// along.
#pragma once

#include "objc.h"

namespace cider::metal {

struct Machine;

enum LibraryName : uint32_t {
  base_library,          // quantizer, floats, single rows: nothing that an older system lacks
  plain_library,         // integer products without Metal's tensors
  fragments_library,     // by registers whose layout the trial has looked at
  tensors_library,       // by tensors in memory
  int4_library,          // by tensors of int4
  float_tensors_library, // products with weights of bf16
  probe_library,         // what that layout is
  library_count,
};

const char *library_text(LibraryName name);

struct Library {
  id object; // MTLLibrary; null before it is compiled and after that failed
  bool is_tried;
  UInteger language; // MTLLanguageVersion
  double seconds;    // that compiling took
  char problem[512]; // what was wrong, or what the compiler warned of
};

// The library, compiled if that was not tried before. What the compiler says goes to a file in `cache`, or in the
// folder of temporary files for null. The machine's mutex is held.
const Library &find_library(Machine &machine, LibraryName name, const char *cache);

} // namespace cider::metal
