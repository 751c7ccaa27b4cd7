// The Objective-C runtime through its C interface: no Objective-C compiler, no header of Apple's, nothing linked. Its
// libraries are opened when a Metal device is asked for first.
#pragma once

#include "selectors.h"
#include "text.h"

#include <stddef.h>
#include <stdint.h>

namespace cider::metal {

struct Object;
using id = Object *;
struct SelectorName;
using Selector = const SelectorName *;

// Types of Apple's by their size: NSUInteger, NSInteger, BOOL, MTLSize.
using UInteger = unsigned long;
using Integer = long;
using Bool = bool;
struct Size {
  UInteger width, height, depth;
};

struct Selectors {
#define DECLARE(identifier, words) Selector identifier;
  CIDER_METAL_SELECTORS(DECLARE)
#undef DECLARE
};

struct Runtime {
  void *message_send;
  id (*class_named)(const char *name);
  void *(*pool_push)();
  void (*pool_pop)(void *pool);
  id (*default_device)();
  id (*all_devices)(); // null where there is no such function
  Selectors selectors;
};

// The runtime that CIDER_METAL_RUNTIME names, if it is set, else the system's; null if there is none.
const Runtime *runtime();
// Why there is none, as the end of a sentence.
const char *runtime_problem();

template <class T>
struct Exactly {
  using Type = T;
};

// A message. A function that is called must be of exactly the method's type, since arm64 passes variadic arguments
// elsewhere: that is why the types of the arguments are written out.
template <class R, class... A>
R send(id receiver, Selector Selectors::*selector, typename Exactly<A>::Type... arguments) {
  const Runtime &objc = *runtime();
  return reinterpret_cast<R (*)(id, Selector, A...)>(objc.message_send)(receiver, objc.selectors.*selector,
                                                                        arguments...);
}

// While it lives, objects that a method gives without ownership are kept; afterwards they are gone.
class Pool {
public:
  Pool() : pool_(runtime()->pool_push()) {}
  ~Pool() { runtime()->pool_pop(pool_); }
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;

private:
  void *pool_;
};

inline id class_named(const char *name) { return runtime()->class_named(name); }
inline id retain(id object) { return send<id>(object, &Selectors::retain); }

// Gives ownership back; null is allowed.
void release(id object);

// An object that is owned, such as the result of a method that begins with `new`.
class Owned {
public:
  explicit Owned(id object = nullptr) : object_(object) {}
  ~Owned() { release(object_); }
  Owned(const Owned &) = delete;
  Owned &operator=(const Owned &) = delete;
  id get() const { return object_; }

private:
  id object_;
};

bool responds(id object, Selector Selectors::*selector);

// An NSString, kept by the pool; null if the text is not UTF-8.
id string_of(const char *text);
// The text of an NSString; "" for null. It lives as long as the string.
const char *text_of(id string);
// Domain, code and description of an NSError.
void append_error(Text &text, id error);

} // namespace cider::metal
