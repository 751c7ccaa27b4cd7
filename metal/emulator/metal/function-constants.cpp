// MTLFunctionConstantValues.
#include "function-constants.h"

#include "../runtime/diagnose.h"

namespace emulator {
namespace {

// Of scalar MTLDataTypes; 0 for those that the emulator does not know.
size_t bytes_of(Unsigned type) {
  switch (type) {
  case 3:  // float
  case 29: // int
  case 33: // uint
    return 4;
  case 16: // half
  case 37: // short
  case 41: // ushort
    return 2;
  case 45: // char
  case 49: // uchar
  case 53: // bool
    return 1;
  default:
    return 0;
  }
}

void set_value(FunctionConstantValues *self, Selector, const char *value, Unsigned type, Unsigned index) {
  const size_t bytes = bytes_of(type);
  if (bytes == 0) diagnose("setConstantValue:type:atIndex: the emulator does not know the type %lu", type);
  self->values[static_cast<int>(index)].assign(value, value + bytes);
}

[[maybe_unused]] Class &defined = FunctionConstantValues::objc_class();

} // namespace

Class &FunctionConstantValues::objc_class() {
  static Class &made = define_class(
      "MTLFunctionConstantValues", object_class(), {method("setConstantValue:type:atIndex:", set_value)},
      {method("alloc", allocate<FunctionConstantValues>), method("new", allocate<FunctionConstantValues>)});
  return made;
}

} // namespace emulator
