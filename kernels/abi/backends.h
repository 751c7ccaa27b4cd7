// Which backends this library has.
#pragma once

#include "backend.h"

namespace cider {

// The backend of this name, that of the processor for null; null, with a text for cider_last_error that begins with the
// name of the function, if there is none.
const Backend *find_backend(const char *function, const char *name);

} // namespace cider
