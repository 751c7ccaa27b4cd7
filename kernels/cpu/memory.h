// Memory of buffers, weights and caches.
#pragma once

#include <stdint.h>

namespace cider {

// `bytes` zeroed bytes on a 64-byte boundary, on huge pages if there are many; null if there is no memory.
void *allocate(uint64_t bytes);

// Gives back what allocate returned for as many bytes; null is allowed.
void deallocate(void *memory, uint64_t bytes);

} // namespace cider
