// What tests ask the runtime; found by name in the loaded library.
#pragma once

#include <stddef.h>

extern "C" {
// Diagnostics since the library was loaded.
size_t emulator_diagnostic_count(void);
// The text of the last one, cut to `bytes` with its null; empty if there was none.
void emulator_last_diagnostic(char *text, size_t bytes);
// Objects that are not deallocated, those apart that the runtime itself keeps.
long emulator_live_objects(void);
}
