// What two of the compiler's sanitizers call, where no library of theirs is linked: unaligned accesses and indices
// beyond a fixed-size array become diagnostics.
#pragma once

#include "emulator/runtime.h"

#ifdef EMULATOR_OWN_CHECKS

namespace emulator {

// As the compiler lays them out.
struct SourceLocation {
  const char *file;
  uint32_t line, column;
};
struct TypeDescriptor {
  uint16_t kind, info;
  char name[1];
};
struct TypeMismatch {
  SourceLocation location;
  const TypeDescriptor *type;
  uint8_t log_alignment, kind_of_check;
};
struct OutOfBounds {
  SourceLocation location;
  const TypeDescriptor *array, *index;
};

} // namespace emulator

extern "C" {
inline __attribute__((used)) void __ubsan_handle_type_mismatch_v1(const emulator::TypeMismatch *data,
                                                                  uintptr_t pointer) {
  emulator_diagnose("%s:%u:%u: address %#zx is not aligned to %u bytes, as %s wants it", data->location.file,
                    data->location.line, data->location.column, size_t{pointer}, 1u << data->log_alignment,
                    data->type->name);
}
inline __attribute__((used)) void __ubsan_handle_out_of_bounds(const emulator::OutOfBounds *data, uintptr_t index) {
  emulator_diagnose("%s:%u:%u: index %zd is out of bounds for %s", data->location.file, data->location.line,
                    data->location.column, ptrdiff_t(index), data->array->name);
}
}

#endif
