// <metal_stdlib>.
#pragma once

#include "atomic.h"
#include "barrier.h"
#include "integer.h"
#include "math.h"
#include "simdgroup.h"
