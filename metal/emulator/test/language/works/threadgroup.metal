// Variables that the lanes of a threadgroup share: two in one declaration, structs, arrays of arrays, in a template, and
// pointers to them.
#include <metal_stdlib>
using namespace metal;

#define EXPECT(condition) if (!(condition) && failures[0] < 60) failures[++failures[0]] = __LINE__

struct Cell {
  float2 value;
  uint owner;
};

uint sum_of(threadgroup const uint *values, uint count) {
  uint sum = 0;
  for (uint i = 0; i < count; i++) sum += values[i];
  return sum;
}

template <typename T, int N>
void rotate(threadgroup T (&shared)[N], thread T &value, uint index) {
  shared[index] = value;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  value = shared[(index + 1) % N];
}

kernel void shared_variables(device uint *failures [[buffer(0)]], threadgroup float4 *given [[threadgroup(0)]],
                             uint index [[thread_index_in_threadgroup]]) {
  constexpr int lanes = 64;
  threadgroup uint first[lanes], second[lanes];
  threadgroup Cell cells[2][lanes / 2];
  alignas(16) threadgroup array<half, 2 * 4> aligned;
  threadgroup atomic_uint counter;
  threadgroup uint *pointer = second;
  first[index] = index;
  pointer[index] = 2 * index;
  cells[index % 2][index / 2] = Cell{float2(index, 0), index};
  given[index] = float4(index);
  if (index == 5) {
    aligned[7] = 7.0h;
    atomic_store_explicit(&counter, 0u, memory_order_relaxed);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  EXPECT(sum_of(first, lanes) == 2016 && sum_of(pointer, lanes) == 4032);
  EXPECT(cells[1][3].owner == 7 && cells[0][31].value.x == 62);
  EXPECT(given[63 - index].z == 63 - index && aligned[7] == 7.0h);
  atomic_fetch_add_explicit(&counter, index, memory_order_relaxed);
  atomic_fetch_max_explicit(&counter, 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  EXPECT(atomic_load_explicit(&counter, memory_order_relaxed) == 2016);
  uint value = index;
  rotate(first, value, index);
  EXPECT(value == (index + 1) % lanes);
  threadgroup_barrier(mem_flags::mem_none);
}

template <int N>
kernel void in_template(device uint *failures [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[N];
  if (index < N) shared[index] = N;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  EXPECT(shared[(index + 1) % N] == N && sizeof(shared) == N * 4);
}
template [[host_name("in_template_8")]] kernel void in_template<8>(device uint *, uint);
template [[host_name("in_template_64")]] kernel void in_template<64>(device uint *, uint);
