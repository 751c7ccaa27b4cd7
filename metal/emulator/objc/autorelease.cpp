#include "autorelease.h"

#include <stdint.h>
#include <vector>

#include "../runtime/diagnose.h"
#include "object.h"

namespace emulator {
namespace {

thread_local std::vector<std::vector<Object *>> pools;

} // namespace

void *push_pool() {
  pools.emplace_back();
  return reinterpret_cast<void *>(pools.size()); // its depth
}

void pop_pool(void *pool) {
  const uintptr_t depth = reinterpret_cast<uintptr_t>(pool);
  if (depth == 0 || depth > pools.size()) {
    fail("an autorelease pool was popped that is not in place: it was popped before, or by another thread");
  }
  while (pools.size() >= depth) {
    // Its objects may send others to the pool that dies with them.
    std::vector<Object *> objects;
    objects.swap(pools.back());
    if (objects.empty()) pools.pop_back();
    for (Object *object : objects) release(object);
  }
}

void autorelease(Object *object) {
  require_alive(object, "autorelease");
  if (pools.empty()) {
    diagnose("an object of class %s was autoreleased with no pool in place; it leaks", object->isa->name.c_str());
    return;
  }
  pools.back().push_back(object);
}

} // namespace emulator
