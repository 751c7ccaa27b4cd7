// cider.h for the files that define its functions: they alone are visible outside of the library.
#pragma once

#pragma GCC visibility push(default)
#include "../cider.h"
#pragma GCC visibility pop
