#include "library.h"

#include "files.h"
#include "machine.h"
#include "sources.h"

#include <stdio.h>
#include <time.h>

namespace cider::metal {

namespace {

constexpr uint32_t max_files = 16;

struct Recipe {
  const char *name;
  bool needs_tensors;           // of language 4.0
  const char *files[max_files]; // of kernels/metal/
};

constexpr Recipe recipes[library_count] = {
    {"base",
     false,
     {"quantize.metal", "integer-mv.metal", "float-mv.metal", "float-gemm.metal", "embedding.metal", "rms-norm.metal",
      "rope.metal", "elementwise.metal", "attention-cache.metal", "attention-prefill.metal", "attention-decode.metal",
      "logits.metal", "divergence.metal"}},
    {"plain", false, {"integer-gemm-plain.metal"}},
    {"fragments", true, {"integer-gemm-fragments.metal"}},
    {"tensors", true, {"integer-gemm-tensors.metal"}},
    {"int4", true, {"integer-gemm-int4b.metal"}},
    {"float-tensors", true, {"float-gemm-tensors.metal"}},
    {"probe", true, {"probe.metal"}},
};

// Values of MTLLanguageVersion. The default follows the system that a program was linked for, which says nothing here.
constexpr UInteger language_3_1 = 0x30001;
constexpr UInteger language_4_0 = 0x40000;
constexpr UInteger language_4_1 = 0x40001;

constexpr UInteger math_mode_safe = 0;

// The languages to try, the newest first: what 4.1 may refuse is worth another try with 4.0. 0 for none.
struct Languages {
  UInteger first, second;
};
Languages languages_of(const SystemVersion &system, const Recipe &recipe) {
  if (system.major >= 27) return {language_4_1, language_4_0};
  return {system.major >= 26 || recipe.needs_tensors ? language_4_0 : language_3_1, 0};
}

void set_safe_math(id options) {
  if (responds(options, &Selectors::set_math_mode)) {
    send<void, Integer>(options, &Selectors::set_math_mode, math_mode_safe);
  } else {
    send<void, Bool>(options, &Selectors::set_fast_math, false);
  }
}

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// What the compiler says is appended to `words`, also of a library that is fine: then they are warnings.
id compile(id device, const Text &source, UInteger language, Text &words) {
  const Pool pool;
  const Owned options(send<id>(send<id>(class_named("MTLCompileOptions"), &Selectors::alloc), &Selectors::init));
  send<void, UInteger>(options.get(), &Selectors::set_language_version, language);
  set_safe_math(options.get());
  id error = nullptr;
  id library =
      send<id, id, id, id *>(device, &Selectors::new_library, string_of(source.words()), options.get(), &error);
  if (library == nullptr || error != nullptr) append_error(words, error);
  return library;
}

void compile(Machine &machine, Library &library, const Recipe &recipe, const char *cache) {
  Text source;
  uint32_t count = 0;
  while (count < max_files && recipe.files[count] != nullptr) count++;
  if (!join_sources(recipe.files, count, source)) {
    snprintf(library.problem, sizeof library.problem, "the source of the library %s is incomplete", recipe.name);
    return;
  }
  const Languages languages = languages_of(machine.system, recipe);
  const double start = now();
  Text words;
  library.language = languages.first;
  library.object = compile(machine.device, source, languages.first, words);
  if (library.object == nullptr && languages.second != 0) {
    library.language = languages.second;
    library.object = compile(machine.device, source, languages.second, words);
  }
  library.seconds = now() - start;
  if (words.length() == 0) return;
  Text what, log_name;
  what.format("Metal's compiler %s the library %s", library.object == nullptr ? "refuses" : "has words about",
              recipe.name);
  log_name.format("metal-%s-library.log", recipe.name);
  describe_problem(library.problem, sizeof library.problem, what.words(), words, cache, log_name.words());
}

} // namespace

const char *library_text(LibraryName name) { return recipes[name].name; }

const Library &find_library(Machine &machine, LibraryName name, const char *cache) {
  Library &library = machine.libraries[name];
  if (!library.is_tried) {
    library.is_tried = true;
    compile(machine, library, recipes[name], cache);
  }
  return library;
}

} // namespace cider::metal
