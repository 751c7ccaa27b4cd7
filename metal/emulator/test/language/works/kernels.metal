// How kernels are named, made and bound.
#include <metal_stdlib>
using namespace metal;

#define EXPECT(condition) if (!(condition) && failures[0] < 60) failures[++failures[0]] = __LINE__

constant bool wanted [[function_constant(0)]];
constant int unset [[function_constant(1)]];
constant bool unwanted = !wanted;
constant int chosen = is_function_constant_defined(unset) ? unset : unwanted ? 1 : 2;
constant uint table[3] = {5, 6, 7};

struct Sizes {
  uint m, n;
  float2 scale;
};

#define NAMED(name, number)                                                                                            \
  kernel void name##_##number(device uint *failures [[buffer(0)]]) { EXPECT(number == 3 && table[1] == 6); }
NAMED(expanded, 3)

[[host_name("other_name")]] kernel void plain(device uint *failures [[buffer(0)]], constant Sizes &sizes [[buffer(1)]],
                                              uint3 threads [[threads_per_threadgroup]],
                                              ushort2 at [[thread_position_in_threadgroup]],
                                              uint index [[thread_index_in_threadgroup]],
                                              uint2 group [[threadgroup_position_in_grid]],
                                              uint2 groups [[threadgroups_per_grid]],
                                              uint3 position [[thread_position_in_grid]],
                                              uint simdgroups [[simdgroups_per_threadgroup]],
                                              uint simdgroup [[simdgroup_index_in_threadgroup]],
                                              uint width [[thread_execution_width]]) {
  const Sizes copy = sizes;
  EXPECT(copy.m == 0 && copy.scale.x == 0);
  EXPECT(threads.x == 8 && threads.y == 8 && threads.z == 1 && index == at.y * 8u + at.x);
  EXPECT(groups.x == 2 && group.y == 0 && position.x == group.x * 8 + at.x && position.z == 0);
  EXPECT(simdgroups == 2 && simdgroup == index / 32 && width == 32);
}

[[kernel, max_total_threads_per_threadgroup(64)]] void limited(device uint *failures [[buffer(0)]]) {}

template <typename T, int factor>
[[kernel]] [[max_total_threads_per_threadgroup(32 * factor)]] void scaled(device uint *failures [[buffer(0)]],
                                                                          device T *values [[buffer(1)]]) {
  EXPECT(sizeof(values[0]) * factor == 8);
}
#define INSTANCE(name, function, ...) template [[host_name(name)]] [[kernel]] decltype(function<__VA_ARGS__>) function<__VA_ARGS__>;
INSTANCE("scaled_float_2", scaled, float, 2)
INSTANCE("scaled_half_4", scaled, half, 4)

kernel void specialized(device uint *failures [[buffer(0)]],
                        device float *optional [[buffer(1), function_constant(wanted)]]) {
  EXPECT(wanted == (optional != nullptr) && unwanted == !wanted);
  EXPECT(chosen == (wanted ? 2 : 1));
}

namespace inner {
kernel void in_namespace(device uint *failures [[buffer(0)]]) { EXPECT(table[2] == 7); }
} // namespace inner
