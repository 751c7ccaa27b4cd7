#include "emulator/inspect.h"

#include "../objc/object.h"
#include "diagnose.h"

#define EXPORTED __attribute__((visibility("default")))

extern "C" {
EXPORTED size_t emulator_diagnostic_count(void) { return emulator::diagnostic_count(); }
EXPORTED void emulator_last_diagnostic(char *text, size_t bytes) { emulator::last_diagnostic(text, bytes); }
EXPORTED long emulator_live_objects(void) { return emulator::live_objects(); }
}
