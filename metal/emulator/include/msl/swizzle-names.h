// The names of all swizzles of a vector: EMULATOR_SWIZZLES_n(x, y, …) declares Swizzle<T, n, indices…> for each choice
// of two to four of n letters. The preprocessor does not expand a macro within itself, hence one for each position.
#pragma once

// clang-format off
#define EMULATOR_2_1(M, a, b, ...) M(a, b, a, 0) M(a, b, b, 1)
#define EMULATOR_2_2(M, a, b, ...) M(a, b, __VA_ARGS__, a, 0) M(a, b, __VA_ARGS__, b, 1)
#define EMULATOR_2_3(M, a, b, ...) M(a, b, __VA_ARGS__, a, 0) M(a, b, __VA_ARGS__, b, 1)
#define EMULATOR_2_4(M, a, b, ...) M(a, b, __VA_ARGS__, a, 0) M(a, b, __VA_ARGS__, b, 1)
#define EMULATOR_NAME_2_2(a, b, p, i, q, j) Swizzle<T, 2, i, j> p##q; EMULATOR_2_3(EMULATOR_NAME_2_3, a, b, p, i, q, j)
#define EMULATOR_NAME_2_3(a, b, p, i, q, j, r, k) \
  Swizzle<T, 2, i, j, k> p##q##r; EMULATOR_2_4(EMULATOR_NAME_2_4, a, b, p, i, q, j, r, k)
#define EMULATOR_NAME_2_4(a, b, p, i, q, j, r, k, s, l) Swizzle<T, 2, i, j, k, l> p##q##r##s;
#define EMULATOR_NAME_2_1(a, b, p, i) EMULATOR_2_2(EMULATOR_NAME_2_2, a, b, p, i)
#define EMULATOR_SWIZZLES_2(a, b) EMULATOR_2_1(EMULATOR_NAME_2_1, a, b)

#define EMULATOR_3_1(M, a, b, c, ...) M(a, b, c, a, 0) M(a, b, c, b, 1) M(a, b, c, c, 2)
#define EMULATOR_3_2(M, a, b, c, ...) M(a, b, c, __VA_ARGS__, a, 0) M(a, b, c, __VA_ARGS__, b, 1) M(a, b, c, __VA_ARGS__, c, 2)
#define EMULATOR_3_3(M, a, b, c, ...) M(a, b, c, __VA_ARGS__, a, 0) M(a, b, c, __VA_ARGS__, b, 1) M(a, b, c, __VA_ARGS__, c, 2)
#define EMULATOR_3_4(M, a, b, c, ...) M(a, b, c, __VA_ARGS__, a, 0) M(a, b, c, __VA_ARGS__, b, 1) M(a, b, c, __VA_ARGS__, c, 2)
#define EMULATOR_NAME_3_2(a, b, c, p, i, q, j) Swizzle<T, 3, i, j> p##q; EMULATOR_3_3(EMULATOR_NAME_3_3, a, b, c, p, i, q, j)
#define EMULATOR_NAME_3_3(a, b, c, p, i, q, j, r, k) \
  Swizzle<T, 3, i, j, k> p##q##r; EMULATOR_3_4(EMULATOR_NAME_3_4, a, b, c, p, i, q, j, r, k)
#define EMULATOR_NAME_3_4(a, b, c, p, i, q, j, r, k, s, l) Swizzle<T, 3, i, j, k, l> p##q##r##s;
#define EMULATOR_NAME_3_1(a, b, c, p, i) EMULATOR_3_2(EMULATOR_NAME_3_2, a, b, c, p, i)
#define EMULATOR_SWIZZLES_3(a, b, c) EMULATOR_3_1(EMULATOR_NAME_3_1, a, b, c)

#define EMULATOR_4_1(M, a, b, c, d, ...) M(a, b, c, d, a, 0) M(a, b, c, d, b, 1) M(a, b, c, d, c, 2) M(a, b, c, d, d, 3)
#define EMULATOR_4_2(M, a, b, c, d, ...) M(a, b, c, d, __VA_ARGS__, a, 0) M(a, b, c, d, __VA_ARGS__, b, 1) \
                                         M(a, b, c, d, __VA_ARGS__, c, 2) M(a, b, c, d, __VA_ARGS__, d, 3)
#define EMULATOR_4_3(M, a, b, c, d, ...) M(a, b, c, d, __VA_ARGS__, a, 0) M(a, b, c, d, __VA_ARGS__, b, 1) \
                                         M(a, b, c, d, __VA_ARGS__, c, 2) M(a, b, c, d, __VA_ARGS__, d, 3)
#define EMULATOR_4_4(M, a, b, c, d, ...) M(a, b, c, d, __VA_ARGS__, a, 0) M(a, b, c, d, __VA_ARGS__, b, 1) \
                                         M(a, b, c, d, __VA_ARGS__, c, 2) M(a, b, c, d, __VA_ARGS__, d, 3)
#define EMULATOR_NAME_4_2(a, b, c, d, p, i, q, j) \
  Swizzle<T, 4, i, j> p##q; EMULATOR_4_3(EMULATOR_NAME_4_3, a, b, c, d, p, i, q, j)
#define EMULATOR_NAME_4_3(a, b, c, d, p, i, q, j, r, k) \
  Swizzle<T, 4, i, j, k> p##q##r; EMULATOR_4_4(EMULATOR_NAME_4_4, a, b, c, d, p, i, q, j, r, k)
#define EMULATOR_NAME_4_4(a, b, c, d, p, i, q, j, r, k, s, l) Swizzle<T, 4, i, j, k, l> p##q##r##s;
#define EMULATOR_NAME_4_1(a, b, c, d, p, i) EMULATOR_4_2(EMULATOR_NAME_4_2, a, b, c, d, p, i)
#define EMULATOR_SWIZZLES_4(a, b, c, d) EMULATOR_4_1(EMULATOR_NAME_4_1, a, b, c, d)
// clang-format on
