// The text of kernels/metal/, which is part of this library.
#pragma once

#include "text.h"

#include <stdint.h>

namespace cider::metal {

struct SourceFile {
  const char *name; // in kernels/metal/
  const unsigned char *text;
  size_t bytes;
};

// Null if there is no file of that name.
const SourceFile *find_source(const char *name);

// Appends files, and in place of the first mention of each header in quotes the header, with #line markers that name
// kernels/metal/. Other includes stay. False if a file is missing or there is no memory.
bool join_sources(const char *const *names, uint32_t count, Text &text);

// FNV-1a over all files: another hash means other kernels.
uint64_t hash_of_sources();

} // namespace cider::metal
