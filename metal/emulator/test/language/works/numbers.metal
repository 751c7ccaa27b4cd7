// Arithmetic: floats without suffix, halves and bfloats that round after every operation, rounding functions, integers.
#include <metal_stdlib>
using namespace metal;

#define EXPECT(condition) if (!(condition) && failures[0] < 60) failures[++failures[0]] = __LINE__

void literals(device uint *failures) {
  const float third = 1.0 / 3.0;
  EXPECT(as_type<uint>(third) == 0x3eaaaaabu);
  EXPECT(0.1 + 0.2 == 0.1f + 0.2f && sizeof(0.1) == 4 && sizeof(1e3) == 4 && sizeof(0x1p-3) == 4);
  EXPECT(sizeof(1.5h) == 2 && 1.5h == half(1.5f));
  EXPECT(0x1e3 == 483 && 1e3f == 1000);
}

// The odd and the even neighbour of what lies halfway.
void halves(device uint *failures, float one) {
  const half big = half(2048 * one);
  EXPECT(big + 1.0h == big);
  EXPECT(big + 1.0h + 1.0h == big && big + (1.0h + 1.0h) == half(2050));
  EXPECT(half(2049 * one) == half(2048) && half(2051 * one) == half(2052));
  EXPECT(as_type<ushort>(half(65519 * one)) == 0x7bff && as_type<ushort>(half(65520 * one)) == 0x7c00);
  EXPECT(as_type<ushort>(half(5.9604645e-8 * one)) == 1);
  const half x = half(1.0009766 * one);
  EXPECT(x * x - x == half(half(x * x) - x));
}

void bfloats(device uint *failures, float one) {
  EXPECT(as_type<ushort>(bfloat(1.00390625 * one)) == 0x3f80);
  EXPECT(as_type<ushort>(bfloat(1.01171875 * one)) == 0x3f82);
  EXPECT(as_type<ushort>(bfloat(INFINITY * one)) == 0x7f80);
  EXPECT(isnan(float(bfloat(as_type<float>(0x7f800001u)))));
  const bfloat y = bfloat(256 * one);
  EXPECT(float(y + bfloat(one)) == 256);
  EXPECT(float(y + bfloat(one) + bfloat(one)) == 256);
  EXPECT(float(as_type<bfloat>(ushort(0x4049))) == 3.140625);
}

void rounding(device uint *failures, float one) {
  EXPECT(rint(0.5 * one) == 0 && rint(1.5 * one) == 2 && rint(2.5 * one) == 2 && rint(-0.5 * one) == 0);
  EXPECT(signbit(rint(-0.5 * one)) && round(2.5 * one) == 3 && trunc(-2.7 * one) == -2);
  EXPECT(floor(-0.5 * one) == -1 && ceil(0.2 * one) == 1);
  EXPECT(max(NAN * one, 1.0) == 1 && max(1.0, NAN * one) == 1 && min(NAN * one, 1.0) == 1 && fmin(1.0, NAN * one) == 1);
  EXPECT(isnan(NAN * one) && !isnan(one) && isinf(INFINITY * one) && isfinite(one) && !isfinite(-INFINITY * one));
  EXPECT(isnormal(one) && !isnormal(0 * one));
  EXPECT(exp(0 * one) == 1 && log2(8 * one) == 3 && sqrt(9 * one) == 3 && rsqrt(4 * one) == 0.5 && pow(2 * one, 3.0) == 8);
  EXPECT(precise::exp2(3 * one) == 8 && fabs(-one) == 1 && abs(-one) == 1 && copysign(2.0, -one) == -2);
  EXPECT(numeric_limits<float>::max() == FLT_MAX && float(numeric_limits<half>::max()) == 65504);
}

void integers(device uint *failures, uint one) {
  EXPECT(clz(one) == 31 && ctz(8 * one) == 3 && popcount(0xf0f0u * one) == 8 && clz(0 * one) == 32);
  EXPECT(clz(ushort(one)) == 15 && ctz(uchar(0 * one)) == 8);
  EXPECT(reverse_bits(one) == 0x80000000u && rotate(0x80000001u * one, 1u) == 3);
  EXPECT(mulhi(0x80000000u * one, 6u) == 3 && mulhi(int(-one), 1) == -1);
  EXPECT(addsat(uchar(250), uchar(10)) == 255 && addsat(char(-100), char(-100)) == -128 && subsat(2u * one, 3u) == 0);
  EXPECT(absdiff(3u * one, 5u) == 2 && hadd(7u * one, 8u) == 7 && rhadd(7u * one, 8u) == 8);
  EXPECT(extract_bits(0xabcdu * one, 4, 8) == 0xbc && extract_bits(int(0xf0 * one), 4, 4) == -1);
  EXPECT(insert_bits(0u * one, 0xffu, 4, 4) == 0xf0);
  EXPECT(abs(int(-3 * one)) == 3 && min(3 * one, 2u) == 2 && clamp(int(7 * one), -2, 5) == 5 && max3(1, 3, 2) == 3);
  EXPECT(numeric_limits<int>::min() == INT_MIN && numeric_limits<char>::max() == 127);
  EXPECT(numeric_limits<ulong>::max() == ~0ul && numeric_limits<uchar>::min() == 0);
}

kernel void numbers(device uint *failures [[buffer(0)]], uint threads [[threads_per_grid]]) {
  literals(failures);
  halves(failures, float(threads));
  bfloats(failures, float(threads));
  rounding(failures, float(threads));
  integers(failures, threads);
}
