// MTLCompileOptions.
#include "compile-options.h"

#include "../runtime/diagnose.h"
#include "collections.h"

namespace emulator {
namespace {

constexpr Unsigned SAFE = 0, FAST = 2; // MTLMathMode

// MTLLanguageVersion: major version in the upper half, minor in the lower.
void set_language(CompileOptions *self, Selector, Unsigned version) {
  self->settings.language = {static_cast<int>(version >> 16), static_cast<int>(version & 0xFFFF)};
}
void set_math_mode(CompileOptions *self, Selector, long mode) {
  if (mode < 0 || static_cast<Unsigned>(mode) > FAST) diagnose("setMathMode: knows no mode %ld", mode);
  self->settings.fast_math = static_cast<Unsigned>(mode) != SAFE;
}
void set_fast_math(CompileOptions *self, Selector, Boolean enabled) { self->settings.fast_math = enabled; }
void set_macros(CompileOptions *self, Selector, Dictionary *macros) {
  self->settings.macros = macros ? macros->entries : std::map<std::string, std::string>();
}

[[maybe_unused]] Class &defined = CompileOptions::objc_class();

} // namespace

Class &CompileOptions::objc_class() {
  static Class &made =
      define_class("MTLCompileOptions", object_class(),
                   {method("setLanguageVersion:", set_language), method("setMathMode:", set_math_mode),
                    method("setFastMathEnabled:", set_fast_math), method("setPreprocessorMacros:", set_macros)},
                   {method("alloc", allocate<CompileOptions>), method("new", allocate<CompileOptions>)});
  return made;
}

} // namespace emulator
