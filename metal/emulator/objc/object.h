// Objects of the fake Objective-C runtime, and classes, which are objects too.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace emulator {

// A selector is its name, registered: equal names are one pointer.
using Selector = const char *;
using Boolean = bool; // BOOL of arm64
using Unsigned = unsigned long;

class Class;

// Derived classes say which `Class` they have in a static function `objc_class()`.
class Object {
public:
  Object() = default;
  Object(const Object &) = delete;
  virtual ~Object() = default;

  Class *isa = nullptr;
  long references = 1;
};

using Method = void (*)(); // of any type: the caller knows which

struct MethodEntry {
  const char *selector;
  Method function;
};

template <typename Result, typename Self, typename... Arguments>
MethodEntry method(const char *selector, Result (*function)(Self *, Selector, Arguments...)) {
  return {selector, reinterpret_cast<Method>(function)};
}

class Class : public Object {
public:
  Class(std::string name, Class *super) : name(std::move(name)), super(super) {}
  Method find(Selector selector) const;

  const std::string name;
  Class *const super;
  std::unordered_map<Selector, Method> methods;
};

// The base of all classes.
Class &object_class();

// Makes a class known by its name. Its methods are those of its instances; class_methods answer messages to the class
// itself.
Class &define_class(const char *name, Class &super, const std::vector<MethodEntry> &methods,
                    const std::vector<MethodEntry> &class_methods = {});
Class *find_class(const std::string &name);
Selector register_selector(const std::string &name);

// An object that the caller owns.
template <typename T, typename... Arguments>
T *make(Arguments &&...arguments);

// [T alloc] and [T new].
template <typename T>
Object *allocate(Class *, Selector) {
  return make<T>();
}

void retain(Object *object);
void release(Object *object);
// Into the innermost pool of the thread; gives the object back.
template <typename T>
T *autoreleased(T *object);

// ---- what lives ----

// Puts an object of the class into the world with one reference.
void bring_to_life(Object *object, Class &isa);
// Excludes one that the runtime keeps for good from the count.
void exempt(Object *object);
long live_objects();
// Ends the process, saying what the message was, if the receiver is no object that lives.
void require_alive(const Object *object, const char *message);

template <typename T, typename... Arguments>
T *make(Arguments &&...arguments) {
  T *object = new T(std::forward<Arguments>(arguments)...);
  bring_to_life(object, T::objc_class());
  return object;
}

void autorelease(Object *object);
template <typename T>
T *autoreleased(T *object) {
  autorelease(object);
  return object;
}

// Owns a reference.
template <typename T>
class Reference {
public:
  Reference() = default;
  // Takes a reference of its own.
  explicit Reference(T *object) : object_(object) {
    if (object) retain(object);
  }
  Reference(Reference &&other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Reference(const Reference &other) : Reference(other.object_) {}
  Reference &operator=(Reference other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Reference() {
    if (object_) release(object_);
  }
  T *get() const { return object_; }
  T *operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

private:
  template <typename U>
  friend Reference<U> adopted(U *object);
  T *object_ = nullptr;
};

// Takes over the reference of the caller.
template <typename T>
Reference<T> adopted(T *object) {
  Reference<T> reference;
  reference.object_ = object;
  return reference;
}

} // namespace emulator
