// First in the source of every library.
#pragma once

#include <metal_stdlib>

// Metal fuses a product and a sum by default. What docs/numerics.md prescribes are single operations.
#pragma METAL fp contract(off)

using namespace metal;
