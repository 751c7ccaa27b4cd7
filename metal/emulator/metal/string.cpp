// NSString.
#include "string.h"

namespace emulator {
namespace {

String *with_utf8(Class *, Selector, const char *text) { return string(text); }
String *init_with_utf8(String *self, Selector, const char *text) {
  self->text = text;
  return self;
}
const char *utf8(String *self, Selector) { return self->text.c_str(); }
Boolean is_equal(String *self, Selector, String *other) { return other && self->text == other->text; }

[[maybe_unused]] Class &defined = String::objc_class();

} // namespace

Class &String::objc_class() {
  static Class &made = define_class(
      "NSString", object_class(),
      {method("initWithUTF8String:", init_with_utf8), method("UTF8String", utf8), method("isEqualToString:", is_equal)},
      {method("alloc", allocate<String>), method("stringWithUTF8String:", with_utf8)});
  return made;
}

String *string(std::string text) { return autoreleased(make<String>(std::move(text))); }

std::string text_of(const String *string) { return string ? string->text : ""; }

} // namespace emulator
