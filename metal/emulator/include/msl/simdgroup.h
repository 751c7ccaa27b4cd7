// <metal_simdgroup>: functions of all active lanes of a simdgroup.
#pragma once

#include "common.h"
#include "emulator/runtime.h"

namespace emulator {

inline constexpr uint32_t SIMD_WIDTH = 32;
inline constexpr uint32_t OWN_LANE = ~0u;

// What one lane gives and gets.
template <class T>
struct Exchange {
  T given;
  T received;
  uint32_t source; // lane, or OWN_LANE
};

template <class T>
EMULATOR_INLINE Exchange<T> *exchange_of(void *slot) {
  return static_cast<Exchange<T> *>(slot);
}

template <class T>
EMULATOR_INLINE T collective(const char *operation, T value, uint32_t source, CollectiveFunction function) {
  Exchange<T> exchange = {value, value, source};
  emulator_collective(0, false, operation, &exchange, function);
  return exchange.received;
}

// As a tree, of which the leaves of inactive lanes are missing.
template <class T, class Combine>
void reduce(void **slots, uint32_t lanes) {
  T values[SIMD_WIDTH];
  bool present[SIMD_WIDTH];
  for (uint32_t lane = 0; lane < SIMD_WIDTH; lane++) {
    present[lane] = lane < lanes && slots[lane];
    if (present[lane]) values[lane] = exchange_of<T>(slots[lane])->given;
  }
  for (uint32_t step = 1; step < SIMD_WIDTH; step *= 2) {
    for (uint32_t lane = 0; lane < SIMD_WIDTH; lane += 2 * step) {
      if (!present[lane + step]) continue;
      values[lane] = present[lane] ? Combine::of(values[lane], values[lane + step]) : values[lane + step];
      present[lane] = true;
    }
  }
  for (uint32_t lane = 0; lane < lanes; lane++) {
    if (slots[lane]) exchange_of<T>(slots[lane])->received = values[0];
  }
}

// What the active lanes before one give together; its own too if inclusive.
template <class T, class Combine, bool inclusive>
void scan(void **slots, uint32_t lanes) {
  T running = Combine::template identity<T>();
  for (uint32_t lane = 0; lane < lanes; lane++) {
    if (!slots[lane]) continue;
    Exchange<T> &exchange = *exchange_of<T>(slots[lane]);
    const T next = Combine::of(running, exchange.given);
    exchange.received = inclusive ? next : running;
    running = next;
  }
}

template <class T>
void permute(void **slots, uint32_t lanes) {
  for (uint32_t lane = 0; lane < lanes; lane++) {
    if (!slots[lane]) continue;
    Exchange<T> &exchange = *exchange_of<T>(slots[lane]);
    if (exchange.source == OWN_LANE) continue;
    if (exchange.source < lanes && slots[exchange.source]) {
      exchange.received = exchange_of<T>(slots[exchange.source])->given;
    } else {
      __builtin_memset(&exchange.received, 0xcb, sizeof(T));
      emulator_diagnose("lane %u shuffles from lane %u, which is not active", lane, exchange.source);
    }
  }
}

template <class T>
void take_first(void **slots, uint32_t lanes) {
  uint32_t first = 0;
  while (!slots[first]) first++;
  for (uint32_t lane = first; lane < lanes; lane++) {
    if (slots[lane]) exchange_of<T>(slots[lane])->received = exchange_of<T>(slots[first])->given;
  }
}

struct Sum {
  template <class T>
  static T of(T a, T b) {
    return T(a + b);
  }
  template <class T>
  static T identity() {
    return T(Element<T>(0));
  }
};
struct Product {
  template <class T>
  static T of(T a, T b) {
    return T(a * b);
  }
  template <class T>
  static T identity() {
    return T(Element<T>(1));
  }
};
struct Smallest {
  template <class T>
  static T of(T a, T b) {
    return metal::min(a, b);
  }
};
struct Largest {
  template <class T>
  static T of(T a, T b) {
    return metal::max(a, b);
  }
};
struct And {
  template <class T>
  static T of(T a, T b) {
    return T(a & b);
  }
};
struct Or {
  template <class T>
  static T of(T a, T b) {
    return T(a | b);
  }
};
struct Xor {
  template <class T>
  static T of(T a, T b) {
    return T(a ^ b);
  }
};

} // namespace emulator

namespace metal {

#define EMULATOR_SIMD(name, Constraint, function)                                                                      \
  template <emulator::Constraint T>                                                                                    \
  EMULATOR_INLINE T name(T value) {                                                                                    \
    return emulator::collective(#name, value, emulator::OWN_LANE, &emulator::function);                                \
  }
#define EMULATOR_COMMA ,
EMULATOR_SIMD(simd_sum, Numeric, reduce<T EMULATOR_COMMA emulator::Sum>)
EMULATOR_SIMD(simd_product, Numeric, reduce<T EMULATOR_COMMA emulator::Product>)
EMULATOR_SIMD(simd_min, Numeric, reduce<T EMULATOR_COMMA emulator::Smallest>)
EMULATOR_SIMD(simd_max, Numeric, reduce<T EMULATOR_COMMA emulator::Largest>)
EMULATOR_SIMD(simd_and, Integral, reduce<T EMULATOR_COMMA emulator::And>)
EMULATOR_SIMD(simd_or, Integral, reduce<T EMULATOR_COMMA emulator::Or>)
EMULATOR_SIMD(simd_xor, Integral, reduce<T EMULATOR_COMMA emulator::Xor>)
EMULATOR_SIMD(simd_prefix_inclusive_sum, Numeric, scan<T EMULATOR_COMMA emulator::Sum EMULATOR_COMMA true>)
EMULATOR_SIMD(simd_prefix_exclusive_sum, Numeric, scan<T EMULATOR_COMMA emulator::Sum EMULATOR_COMMA false>)
EMULATOR_SIMD(simd_prefix_inclusive_product, Numeric, scan<T EMULATOR_COMMA emulator::Product EMULATOR_COMMA true>)
EMULATOR_SIMD(simd_prefix_exclusive_product, Numeric, scan<T EMULATOR_COMMA emulator::Product EMULATOR_COMMA false>)
EMULATOR_SIMD(simd_broadcast_first, Shaped, take_first<T>)
#undef EMULATOR_SIMD
#undef EMULATOR_COMMA

template <emulator::Shaped T>
EMULATOR_INLINE T simd_shuffle(T value, ushort lane) {
  return emulator::collective("simd_shuffle", value, lane, &emulator::permute<T>);
}
template <emulator::Shaped T>
EMULATOR_INLINE T simd_broadcast(T value, ushort lane) {
  return emulator::collective("simd_broadcast", value, lane, &emulator::permute<T>);
}
template <emulator::Shaped T>
EMULATOR_INLINE T simd_shuffle_xor(T value, ushort mask) {
  return emulator::collective("simd_shuffle_xor", value, emulator_lane() ^ mask, &emulator::permute<T>);
}
// A lane that has nobody so far away keeps what it has.
template <emulator::Shaped T>
EMULATOR_INLINE T simd_shuffle_down(T value, ushort delta) {
  const uint32_t lane = emulator_lane() + delta;
  return emulator::collective("simd_shuffle_down", value, lane < emulator::SIMD_WIDTH ? lane : emulator::OWN_LANE,
                              &emulator::permute<T>);
}
template <emulator::Shaped T>
EMULATOR_INLINE T simd_shuffle_up(T value, ushort delta) {
  const uint32_t lane = emulator_lane();
  return emulator::collective("simd_shuffle_up", value, lane >= delta ? lane - delta : emulator::OWN_LANE,
                              &emulator::permute<T>);
}

EMULATOR_INLINE bool simd_all(bool value) {
  return emulator::collective("simd_all", uint(value), emulator::OWN_LANE, &emulator::reduce<uint, emulator::And>) != 0;
}
EMULATOR_INLINE bool simd_any(bool value) {
  return emulator::collective("simd_any", uint(value), emulator::OWN_LANE, &emulator::reduce<uint, emulator::Or>) != 0;
}
EMULATOR_INLINE bool simd_is_first() {
  const uint lane = emulator_lane();
  return emulator::collective("simd_is_first", lane, emulator::OWN_LANE, &emulator::take_first<uint>) == lane;
}

} // namespace metal
