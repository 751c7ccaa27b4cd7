// NSError.
#include "error.h"

#include "string.h"

namespace emulator {
namespace {

String *domain_of(Error *self, Selector) { return string(self->domain); }
long code_of(Error *self, Selector) { return self->code; }
String *description_of(Error *self, Selector) { return string(self->description); }

[[maybe_unused]] Class &defined = Error::objc_class();

} // namespace

const char LIBRARY_ERRORS[] = "MTLLibraryErrorDomain";
const char PIPELINE_ERRORS[] = "AGXMetalG17X";
const char COMMAND_BUFFER_ERRORS[] = "MTLCommandBufferErrorDomain";

Class &Error::objc_class() {
  static Class &made = define_class(
      "NSError", object_class(),
      {method("domain", domain_of), method("code", code_of), method("localizedDescription", description_of)});
  return made;
}

void set_error(Error **error, const char *domain, long code, std::string description) {
  if (error) *error = autoreleased(make<Error>(domain, code, std::move(description)));
}

} // namespace emulator
