#include "objc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

namespace cider::metal {

namespace {

constexpr char objc_path[] = "/usr/lib/libobjc.A.dylib";
constexpr char foundation_path[] = "/System/Library/Frameworks/Foundation.framework/Foundation";
// Command line programs have a default device only if this is loaded.
constexpr char graphics_path[] = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics";
constexpr char metal_path[] = "/System/Library/Frameworks/Metal.framework/Metal";

Runtime loaded;
bool is_loaded = false;
char problem[400];
pthread_once_t load_once = PTHREAD_ONCE_INIT;

void *open_library(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    const char *why = dlerror();
    snprintf(problem, sizeof problem, "%s", why == nullptr ? path : why);
  }
  return library;
}

template <class Function>
bool find(void *library, const char *name, Function &function) {
  void *address = dlsym(library, name);
  if (address == nullptr) snprintf(problem, sizeof problem, "the Objective-C runtime lacks %s", name);
  // A function pointer as an object pointer, which POSIX allows.
  function = reinterpret_cast<Function>(address);
  return address != nullptr;
}

void register_selectors(Selector (*register_name)(const char *)) {
#define REGISTER(identifier, words) loaded.selectors.identifier = register_name(words);
  CIDER_METAL_SELECTORS(REGISTER)
#undef REGISTER
}

void load() {
  const char *named = getenv("CIDER_METAL_RUNTIME");
  void *objc = open_library(named == nullptr ? objc_path : named);
  if (objc == nullptr) return;
  void *metal = objc;
  if (named == nullptr) {
    if (open_library(foundation_path) == nullptr) return;
    dlopen(graphics_path, RTLD_NOW | RTLD_GLOBAL);
    metal = open_library(metal_path);
    if (metal == nullptr) return;
  }
  Selector (*register_name)(const char *);
  if (!find(objc, "objc_msgSend", loaded.message_send) || !find(objc, "objc_getClass", loaded.class_named) ||
      !find(objc, "objc_autoreleasePoolPush", loaded.pool_push) ||
      !find(objc, "objc_autoreleasePoolPop", loaded.pool_pop) || !find(objc, "sel_registerName", register_name) ||
      !find(metal, "MTLCreateSystemDefaultDevice", loaded.default_device)) {
    return;
  }
  loaded.all_devices = reinterpret_cast<id (*)()>(dlsym(metal, "MTLCopyAllDevices"));
  register_selectors(register_name);
  is_loaded = true;
}

} // namespace

const Runtime *runtime() {
  pthread_once(&load_once, load);
  return is_loaded ? &loaded : nullptr;
}

const char *runtime_problem() { return problem; }

void release(id object) {
  if (object != nullptr) send<void>(object, &Selectors::release);
}

bool responds(id object, Selector Selectors::*selector) {
  return send<Bool, Selector>(object, &Selectors::responds_to_selector, runtime()->selectors.*selector);
}

id string_of(const char *text) {
  return send<id, const char *>(class_named("NSString"), &Selectors::string_with_utf8, text);
}

const char *text_of(id string) {
  const char *text = string == nullptr ? nullptr : send<const char *>(string, &Selectors::utf8);
  return text == nullptr ? "" : text;
}

void append_error(Text &text, id error) {
  if (error == nullptr) {
    text.append("Metal gave no reason");
    return;
  }
  text.format("%s %ld: %s", text_of(send<id>(error, &Selectors::domain)), send<Integer>(error, &Selectors::code),
              text_of(send<id>(error, &Selectors::localized_description)));
}

} // namespace cider::metal
