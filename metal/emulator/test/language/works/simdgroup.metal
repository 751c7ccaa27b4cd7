// Functions of a simdgroup, with all lanes and with some of them.
#include <metal_stdlib>
using namespace metal;

#define EXPECT(condition) if (!(condition) && failures[0] < 60) failures[++failures[0]] = __LINE__

kernel void simdgroup(device uint *failures [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  EXPECT(simd_sum(lane) == 496 && simd_max(int(lane)) == 31 && simd_min(float(lane)) == 0);
  EXPECT(simd_product(lane < 3 ? 2 : 1) == 8);
  EXPECT(simd_and(lane | 4u) == 4 && simd_or(lane) == 31 && simd_xor(lane & 1) == 0);
  EXPECT(simd_shuffle_xor(lane, 5) == (lane ^ 5) && simd_shuffle(lane, 31 - lane) == 31 - lane);
  EXPECT(simd_shuffle_down(lane, 2) == (lane < 30 ? lane + 2 : lane));
  EXPECT(simd_shuffle_up(lane, 2) == (lane < 2 ? lane : lane - 2));
  EXPECT(simd_broadcast(lane, 7) == 7 && simd_broadcast_first(lane + 1) == 1);
  EXPECT(simd_prefix_inclusive_sum(lane) == lane * (lane + 1) / 2);
  EXPECT(simd_prefix_exclusive_sum(1u) == lane && simd_prefix_inclusive_product(1.0f) == 1);
  EXPECT(simd_all(lane < 32) && !simd_all(lane < 31) && simd_any(lane == 31) && !simd_any(lane == 32));
  EXPECT(all(simd_sum(float2(lane, 1)) == float2(496, 32)));
  EXPECT(simd_is_first() == (lane == 0));
  if (lane >= 8 && lane < 12) {
    EXPECT(simd_sum(lane) == 38 && simd_broadcast_first(lane) == 8 && simd_is_first() == (lane == 8));
    EXPECT(simd_shuffle_xor(lane, 1) == (lane ^ 1));
  }
}
