#include "backends.h"

#include <string.h>

namespace cider {

namespace {

// Each is part of every library: whether it works is for the machine to say.
constexpr const Backend *backends[] = {&cpu_backend, &metal_backend};

} // namespace

const Backend *find_backend(const char *function, const char *name) {
  if (name == nullptr) return &cpu_backend;
  for (const Backend *backend : backends) {
    if (strcmp(backend->name, name) == 0) return backend;
  }
  fail(CIDER_UNAVAILABLE, "%s: this library has no backend %s", function, name);
  return nullptr;
}

} // namespace cider
