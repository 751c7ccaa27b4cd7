#pragma once

#include <string>

#include "../objc/object.h"

namespace emulator {

class Error : public Object {
public:
  static Class &objc_class();

  Error(std::string domain, long code, std::string description)
      : domain(std::move(domain)), code(code), description(std::move(description)) {}

  const std::string domain;
  const long code;
  const std::string description;
};

// MTLLibraryError.
enum LibraryError { unsupported = 1, compile_failure = 3, compile_warning = 4, function_not_found = 5 };
// MTLCommandBufferError.
enum CommandBufferError { timeout = 2, page_fault = 3 };

// For an out parameter, which may be null.
void set_error(Error **error, const char *domain, long code, std::string description);

extern const char LIBRARY_ERRORS[], PIPELINE_ERRORS[], COMMAND_BUFFER_ERRORS[];

} // namespace emulator
