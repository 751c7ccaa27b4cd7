// Messages to the emulator, as a host sends them.
#pragma once

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

using id = void *;
using Unsigned = unsigned long;

struct Size {
  Unsigned width, height, depth;
};

inline void *runtime_symbol(const char *name) {
  static void *library = dlopen(getenv("CIDER_METAL_RUNTIME"), RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, name) : nullptr;
  if (!symbol) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  return symbol;
}

template <typename Function>
Function *runtime_function(const char *name) {
  return reinterpret_cast<Function *>(runtime_symbol(name));
}

template <typename Result = id, typename... Arguments>
Result send(id receiver, const char *selector, Arguments... arguments) {
  static void *const message = runtime_symbol("objc_msgSend");
  static auto *const name = runtime_function<void *(const char *)>("sel_registerName");
  return reinterpret_cast<Result (*)(id, void *, Arguments...)>(message)(receiver, name(selector), arguments...);
}

inline id class_named(const char *name) { return runtime_function<id(const char *)>("objc_getClass")(name); }
inline id string(const char *text) {
  return send<id, const char *>(class_named("NSString"), "stringWithUTF8String:", text);
}
inline const char *text_of(id string) { return send<const char *>(string, "UTF8String"); }
inline id system_device() { return runtime_function<id()>("MTLCreateSystemDefaultDevice")(); }
inline long live_objects() { return runtime_function<long()>("emulator_live_objects")(); }
inline size_t diagnostics() { return runtime_function<size_t()>("emulator_diagnostic_count")(); }

class Pool {
public:
  Pool() : pool_(runtime_function<void *()>("objc_autoreleasePoolPush")()) {}
  ~Pool() { runtime_function<void(void *)>("objc_autoreleasePoolPop")(pool_); }
  Pool(const Pool &) = delete;

private:
  void *pool_;
};
