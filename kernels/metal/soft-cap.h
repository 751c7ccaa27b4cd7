// Values that approach a limit.
#pragma once

#include "common.h"

// cap · tanh(value / cap); the value itself for a cap of 0.
inline float soft_capped(float value, float cap) { return cap > 0 ? cap * precise::tanh(value / cap) : value; }
