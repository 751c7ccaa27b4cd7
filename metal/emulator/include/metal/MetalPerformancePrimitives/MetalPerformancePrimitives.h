// Empty before Metal 4, as Apple's.
#pragma once
#include <metal_tensor>
#ifdef __HAVE_TENSOR__
#pragma emulator include "msl/matmul2d.h"
#endif
