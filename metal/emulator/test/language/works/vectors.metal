// Vectors: construction, swizzles, arithmetic, alignment. EXPECT notes the line of what does not hold.
#include <metal_stdlib>
using namespace metal;

#define EXPECT(condition) if (!(condition) && failures[0] < 60) failures[++failures[0]] = __LINE__

static_assert(sizeof(char4) == 4 && alignof(char4) == 4 && alignof(half4) == 8 && alignof(float4) == 16, "");
static_assert(sizeof(float3) == 16 && alignof(float3) == 16 && sizeof(packed_float3) == 12, "");
static_assert(alignof(packed_half4) == 2, "");

void construct(device uint *failures) {
  const float4 v(float2(1, 2), 3, 4);
  EXPECT(v.x == 1 && v.y == 2 && v[2] == 3 && v.w == 4);
  const float4 splat = 5.0f;
  EXPECT(all(splat == float4(5)));
  EXPECT(all(float4(char4(-1, 2, -3, 127)) == float4(-1, 2, -3, 127)));
  EXPECT(all(int4(float4(1.9, -1.9, 0.5, 3)) == int4(1, -1, 0, 3)));
  EXPECT(all(uchar4(int4(255, 256, 257, -1)) == uchar4(255, 0, 1, 255)));
  const vec<float, 3> generic = vec<float, 3>(v.wzy);
  EXPECT(generic.x == 4 && generic.y == 3 && generic.z == 2);
  EXPECT(as_type<uint>(char4(1, 2, 3, -1)) == 0xff030201u);
  const packed_float3 packed = float3(1, 2, 3);
  EXPECT(float3(packed).z == 3 && packed[1] == 2);
}

void swizzle(device uint *failures) {
  float4 v(1, 2, 3, 4);
  v.xy = v.wz;
  EXPECT(all(v == float4(4, 3, 3, 4)));
  v.zw += float2(0.5, 1.5);
  EXPECT(all(v == float4(4, 3, 3.5, 5.5)));
  v.xw *= 2.0f;
  EXPECT(all(v.xw == float2(8, 11)));
  v.bgra = v;
  EXPECT(all(v == float4(3.5, 3, 8, 11)));
  EXPECT(all(v.xyz + v.yzx == float3(6.5, 11, 11.5)));
  EXPECT(dot(v.xy, float2(2, 1)) == 10);
  EXPECT(v.rrrr[3] == 3.5);
  int2 pair(7, 9);
  pair = pair.yx;
  EXPECT(pair.x == 9 && pair.y == 7);
}

void compute(device uint *failures) {
  EXPECT(all(int4(7, -7, 9, 1) / 2 == int4(3, -3, 4, 0)));
  EXPECT(all((uint4(1, 2, 4, 8) << 2) == uint4(4, 8, 16, 32)));
  EXPECT(all((3 - int4(1, 2, 3, 4)) == int4(2, 1, 0, -1)));
  EXPECT(all(-int2(1, -2) == int2(-1, 2)) && all(~uint2(0, 1) == uint2(~0u, ~1u)));
  EXPECT(any(float2(1, 2) > float2(1, 1)) && !all(float2(1, 2) > float2(1, 1)));
  EXPECT(all(select(int2(1, 2), int2(3, 4), bool2(true, false)) == int2(3, 2)));
  char4 wraps = char4(127, -128, 1, 2);
  wraps += char4(1, -1, 1, 1);
  EXPECT(all(wraps == char4(-128, 127, 2, 3)));
  EXPECT(all(clamp(float4(-9, 0, 0.5, 9), -1.0, 1.0) == float4(-1, 0, 0.5, 1)));
  EXPECT(all(max(int3(1, 5, -2), 0) == int3(1, 5, 0)));
  EXPECT(all(fma(float2(2, 3), float2(4, 5), float2(1, 1)) == float2(9, 16)));
}

kernel void vectors(device uint *failures [[buffer(0)]]) {
  construct(failures);
  swizzle(failures);
  compute(failures);
}
