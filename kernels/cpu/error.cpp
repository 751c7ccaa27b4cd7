#include "error.h"

#include "abi.h"

#include <stdarg.h>
#include <stdio.h>

namespace {

thread_local char last_error[512];

} // namespace

int cider::fail(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}

const char *cider_last_error(void) { return last_error; }

uint32_t cider_abi_version(void) { return CIDER_ABI_VERSION; }
