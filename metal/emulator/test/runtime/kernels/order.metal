#include <metal_stdlib>
using namespace metal;

// The turn at which each lane ran.
kernel void turns(device uint *out [[buffer(0)]], device atomic_uint *turn [[buffer(1)]],
                  uint position [[thread_position_in_grid]]) {
  out[position] = atomic_fetch_add_explicit(turn, 1, memory_order_relaxed);
}
