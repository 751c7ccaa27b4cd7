// Small files in the folder that a caller gives for what is found out about a machine.
#pragma once

#include "text.h"

namespace cider::metal {

// The whole text becomes the file `name` of a folder, which is made if it is missing; for null, of the folder of
// temporary files. Readers see all of it or none. `path` becomes the path of the file. False if that fails.
bool write_file(const char *folder, const char *name, const Text &text, Text &path);

// False if there is no such file, or one that is too long to be ours.
bool read_file(const char *folder, const char *name, Text &text);

// One sentence about something that Metal refuses: `what`, the first of its words, and the file `name` of the folder,
// into which all of them are written.
void describe_problem(char *sentence, size_t bytes, const char *what, const Text &words, const char *folder,
                      const char *name);

} // namespace cider::metal
