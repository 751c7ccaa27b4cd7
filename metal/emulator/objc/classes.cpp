// Tables of classes and selectors.
#include <map>
#include <mutex>
#include <set>

#include "../runtime/diagnose.h"
#include "object.h"

namespace emulator {
namespace {

struct Tables {
  std::mutex mutex;
  std::map<std::string, Class *> classes;
  std::set<std::string> selectors;
};

Tables &tables() {
  static auto *all = new Tables;
  return *all;
}

Class *new_class(const char *name, Class *super, Class *meta, const std::vector<MethodEntry> &methods) {
  auto *made = new Class(name, super);
  for (const MethodEntry &entry : methods) made->methods[register_selector(entry.selector)] = entry.function;
  bring_to_life(made, *(meta ? meta : made));
  exempt(made);
  return made;
}

Class &define(const char *name, Class *super, const std::vector<MethodEntry> &methods,
              const std::vector<MethodEntry> &class_methods) {
  Class *meta = new_class(name, super ? super->isa : nullptr, nullptr, class_methods);
  Class *made = new_class(name, super, meta, methods);
  Tables &all = tables();
  const std::lock_guard lock(all.mutex);
  all.classes[name] = made;
  return *made;
}

Object *retain_method(Object *self, Selector) {
  retain(self);
  return self;
}
void release_method(Object *self, Selector) { release(self); }
Object *autorelease_method(Object *self, Selector) { return autoreleased(self); }
Unsigned retain_count(Object *self, Selector) { return static_cast<Unsigned>(self->references); }
Object *init(Object *self, Selector) { return self; }
Class *class_of(Object *self, Selector) { return self->isa; }
Boolean responds_to(Object *self, Selector, Selector selector) { return self->isa->find(selector) != nullptr; }
Class *class_itself(Class *self, Selector) { return self; }

} // namespace

Method Class::find(Selector selector) const {
  for (const Class *from = this; from; from = from->super) {
    const auto entry = from->methods.find(selector);
    if (entry != from->methods.end()) return entry->second;
  }
  return nullptr;
}

Selector register_selector(const std::string &name) {
  Tables &all = tables();
  const std::lock_guard lock(all.mutex);
  return all.selectors.insert(name).first->c_str();
}

Class &object_class() {
  static Class &made =
      define("NSObject", nullptr,
             {method("retain", retain_method), method("release", release_method),
              method("autorelease", autorelease_method), method("retainCount", retain_count), method("init", init),
              method("class", class_of), method("respondsToSelector:", responds_to)},
             {method("class", class_itself), method("respondsToSelector:", responds_to)});
  return made;
}

Class &define_class(const char *name, Class &super, const std::vector<MethodEntry> &methods,
                    const std::vector<MethodEntry> &class_methods) {
  return define(name, &super, methods, class_methods);
}

Class *find_class(const std::string &name) {
  Tables &all = tables();
  const std::lock_guard lock(all.mutex);
  const auto entry = all.classes.find(name);
  return entry == all.classes.end() ? nullptr : entry->second;
}

} // namespace emulator
