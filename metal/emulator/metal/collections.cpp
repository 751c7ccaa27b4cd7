// NSArray and NSDictionary.
#include "collections.h"

#include "../runtime/diagnose.h"
#include "string.h"

namespace emulator {
namespace {

Unsigned count(Array *self, Selector) { return self->elements.size(); }
Object *object_at(Array *self, Selector, Unsigned index) {
  if (index >= self->elements.size()) {
    fail("-[NSArray objectAtIndex:]: index %lu beyond bounds for %zu elements", index, self->elements.size());
  }
  return self->elements[index].get();
}
Object *first_object(Array *self, Selector) { return self->elements.empty() ? nullptr : self->elements.front().get(); }

// What the emulator needs a dictionary for has strings on both sides.
const std::string &required_text(Object *object) {
  if (!object || object->isa != &String::objc_class()) fail("NSDictionary: the emulator takes strings only");
  return static_cast<String *>(object)->text;
}

Dictionary *with_objects(Class *, Selector, Object *const *objects, Object *const *keys, Unsigned count) {
  auto *made = make<Dictionary>();
  for (Unsigned i = 0; i < count; i++) made->entries[required_text(keys[i])] = required_text(objects[i]);
  return autoreleased(made);
}
Dictionary *with_object(Class *self, Selector selector, Object *object, Object *key) {
  return with_objects(self, selector, &object, &key, 1);
}
Unsigned dictionary_count(Dictionary *self, Selector) { return self->entries.size(); }

[[maybe_unused]] Class &array = Array::objc_class(), &dictionary = Dictionary::objc_class();

} // namespace

Class &Array::objc_class() {
  static Class &made =
      define_class("NSArray", object_class(),
                   {method("count", count), method("objectAtIndex:", object_at), method("firstObject", first_object)});
  return made;
}

Class &Dictionary::objc_class() {
  static Class &made = define_class("NSDictionary", object_class(), {method("count", dictionary_count)},
                                    {method("dictionaryWithObjects:forKeys:count:", with_objects),
                                     method("dictionaryWithObject:forKey:", with_object)});
  return made;
}

} // namespace emulator
