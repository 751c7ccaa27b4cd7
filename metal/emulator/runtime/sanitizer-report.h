// What AddressSanitizer cannot know of an error in a kernel.
#pragma once

namespace emulator {

// From now on a report ends with the lane that ran and the buffer that the address is beside.
void describe_reports();

} // namespace emulator
