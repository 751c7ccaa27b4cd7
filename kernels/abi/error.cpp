#include "error.h"

#include "abi.h"
#include "backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

namespace {

thread_local cider::ErrorText last_error;
// Of the scope that this thread is in, if any; scopes do not nest.
thread_local char *scope_error = nullptr;

} // namespace

int cider::fail(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  if (scope_error != nullptr) memcpy(scope_error, last_error, sizeof last_error);
  return status;
}

cider::ErrorScope::ErrorScope(ErrorText &text) { scope_error = text; }

cider::ErrorScope::~ErrorScope() { scope_error = nullptr; }

const char *cider_last_error(void) { return last_error; }

const char *cider_device_error(const cider_device *device) { return device == nullptr ? "" : device->error; }

uint32_t cider_abi_version(void) { return CIDER_ABI_VERSION; }
