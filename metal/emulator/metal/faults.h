// Faults that tests of a host ask for, in CIDER_EMULATOR_FAIL: one or more of compile:<part of a source>,
// pipeline:<function>, command:<n>, buffer:<n>, with | between them; n counts from 1.
#pragma once

#include <string>

namespace emulator {

bool compile_fails(const std::string &source);
bool pipeline_fails(const std::string &function);
// These count the calls.
bool next_command_fails();
bool next_buffer_fails();

} // namespace emulator
