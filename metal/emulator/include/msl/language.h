// What every MSL source has without including anything.
#pragma once

#include "scalars.h"
#ifdef EMULATOR_STRICT
#include "vector-strict.h"
#else
#include "vector-operators.h"
#endif
#include "vector-names.h"
#include "checks.h"
#include "kernel.h"
#include "common.h"
