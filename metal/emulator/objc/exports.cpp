// The C interface of the Objective-C runtime, as much of it as a host needs that sends messages.
#include <mutex>
#include <string>

#include "../runtime/diagnose.h"
#include "autorelease.h"
#include "object.h"

using namespace emulator;

#define EXPORTED __attribute__((visibility("default")))

extern "C" {

void emulator_message_to_nil();

// For objc_msgSend.
__attribute__((visibility("hidden"))) Method emulator_find_method(const Object *receiver, Selector selector) {
  if (!receiver) return emulator_message_to_nil;
  require_alive(receiver, selector);
  const Method method = receiver->isa->find(selector);
  if (method) return method;
  if (register_selector(selector) != selector) fail("'%s' is a string and no registered selector", selector);
  const bool is_class = find_class(receiver->isa->name) == receiver;
  fail("%c[%s %s]: unrecognized selector", is_class ? '+' : '-', receiver->isa->name.c_str(), selector);
}

EXPORTED Class *objc_getClass(const char *name) { return find_class(name); }
EXPORTED Selector sel_registerName(const char *name) { return register_selector(name); }
EXPORTED Selector sel_getName(Selector selector) { return selector; }

EXPORTED Object *objc_retain(Object *object) {
  if (object) retain(object);
  return object;
}
EXPORTED void objc_release(Object *object) {
  if (object) release(object);
}
EXPORTED Object *objc_autorelease(Object *object) { return object ? autoreleased(object) : nullptr; }

EXPORTED void *objc_autoreleasePoolPush() { return push_pool(); }
EXPORTED void objc_autoreleasePoolPop(void *pool) { pop_pool(pool); }
}
