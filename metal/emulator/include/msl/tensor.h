// <metal_tensor>: tensors in memory that a kernel makes itself (tensor_inline). Dimension 0 is the innermost; extents
// and strides count elements, for 4-bit formats nibbles.
#pragma once

#include "traits.h"
#include "emulator/runtime.h"

namespace metal {

inline constexpr size_t dynamic_extent = ~size_t(0);

// Tags: no element of theirs can be referred to. Two to a byte, the even index in the low half.
struct int4b_format;
struct uint4b_format;

struct tensor_inline {};
struct tensor_handle {};
struct tensor_offset {};

template <class I, size_t... E>
struct extents {
  using index_type = I;
  static constexpr int rank = sizeof...(E);
  static constexpr size_t static_extents[rank] = {E...};
  I values[rank] = {I(E)...};

  constexpr extents() = default;
  template <class... A>
    requires(sizeof...(A) == rank)
  constexpr extents(A... all) : values{I(all)...} {}
  constexpr I extent(int dimension) const { return values[dimension]; }
};

} // namespace metal

namespace emulator {

template <class I, size_t rank, size_t... E>
struct DynamicExtents : DynamicExtents<I, rank - 1, E..., metal::dynamic_extent> {};
template <class I, size_t... E>
struct DynamicExtents<I, 0, E...> {
  using Type = metal::extents<I, E...>;
};

template <class T>
inline constexpr bool is_packed = __is_same(T, metal::int4b_format) || __is_same(T, metal::uint4b_format);

// What a pointer to the elements points to, and what an element is read as.
template <class T>
struct TensorElement {
  using Memory = T;
  using Value = T;
};
template <>
struct TensorElement<metal::int4b_format> {
  using Memory = uchar;
  using Value = int8_t;
};
template <>
struct TensorElement<metal::uint4b_format> {
  using Memory = uchar;
  using Value = uint8_t;
};
#ifdef EMULATOR_STRICT
template <>
struct TensorElement<__attribute__((address_space(1))) metal::int4b_format> {
  using Memory = __attribute__((address_space(1))) uchar;
  using Value = int8_t;
};
template <>
struct TensorElement<__attribute__((address_space(1))) metal::uint4b_format> {
  using Memory = __attribute__((address_space(1))) uchar;
  using Value = uint8_t;
};
#endif

} // namespace emulator

namespace metal {

template <class I, size_t rank>
using dextents = typename emulator::DynamicExtents<I, rank>::Type;

template <class T, class Extents, class Kind = tensor_inline>
struct tensor {
  using element_type = remove_addrspace_t<T>;
  using Memory = typename emulator::TensorElement<T>::Memory;
  using Value = typename emulator::TensorElement<remove_addrspace_t<T>>::Value;
  using extents_type = Extents;
  static constexpr int rank = Extents::rank;
  static constexpr bool is_packed = emulator::is_packed<element_type>;
  static_assert(__is_same(Kind, tensor_inline), "only tensor_inline is emulated");
  static_assert(!__is_const(T), "the element type of a tensor is not const: cast const away from the pointer");

  Memory *data;
  Extents sizes;
  int32_t strides[rank];

  // Packed: each stride is the product of the extents before it.
  EMULATOR_INLINE tensor(Memory *pointer, Extents extents) : data(pointer), sizes(extents) {
    int32_t stride = 1;
    for (int i = 0; i < rank; i++) {
      strides[i] = stride;
      stride *= int32_t(extents.values[i]);
    }
  }
  template <class I>
  EMULATOR_INLINE tensor(Memory *pointer, Extents extents, array<I, rank> all) : data(pointer), sizes(extents) {
    for (int i = 0; i < rank; i++) strides[i] = int32_t(all[i]);
  }

  EMULATOR_INLINE int32_t get_extent(int dimension) const { return int32_t(sizes.values[dimension]); }
  EMULATOR_INLINE int32_t get_stride(int dimension) const { return strides[dimension]; }
  static constexpr uint16_t get_rank() { return rank; }

  // The rest of the tensor from an origin on. Whatever lies outside of it reads as zero and is not written.
  template <class... A>
    requires(sizeof...(A) == rank)
  EMULATOR_INLINE auto slice(A... offsets) const {
    const int32_t origin[rank] = {int32_t(offsets)...};
    dextents<int32_t, rank> rest;
    for (int i = 0; i < rank; i++) {
      const int32_t left = get_extent(i) - origin[i];
      rest.values[i] = left > 0 ? left : 0;
    }
    return tensor<T, dextents<int32_t, rank>>(at(origin), rest, all_strides());
  }
  // A part of fixed size: the hardware does not look whether it lies within the tensor.
  template <size_t... E, class... A>
    requires(sizeof...(E) == rank && sizeof...(A) == rank)
  EMULATOR_INLINE auto slice(A... offsets) const {
    const int32_t origin[rank] = {int32_t(offsets)...};
    constexpr size_t wanted[rank] = {E...};
    extents<int32_t, E...> part;
    for (int i = 0; i < rank; i++) {
      const int64_t left = int64_t(get_extent(i)) - origin[i];
      if (wanted[i] == dynamic_extent) {
        part.values[i] = left > 0 ? int32_t(left) : 0;
      } else if (origin[i] < 0 || int64_t(wanted[i]) > left) {
        emulator_diagnose("a static slice of %zu elements from %d on leaves dimension %d of the tensor, which has %d",
                          wanted[i], origin[i], i, get_extent(i));
      }
    }
    return tensor<T, extents<int32_t, E...>>(at(origin), part, all_strides());
  }

  template <class I>
    requires(!is_packed)
  EMULATOR_INLINE Memory &operator[](array<I, rank> index) const {
    int64_t offset = 0;
    for (int i = 0; i < rank; i++) offset += int64_t(index[i]) * strides[i];
    return data[offset];
  }

private:
  EMULATOR_INLINE array<int32_t, rank> all_strides() const {
    array<int32_t, rank> all;
    for (int i = 0; i < rank; i++) all[i] = strides[i];
    return all;
  }
  EMULATOR_INLINE Memory *at(const int32_t *origin) const {
    int64_t offset = 0;
    for (int i = 0; i < rank; i++) offset += int64_t(origin[i]) * strides[i];
    if (is_packed && offset % 2 != 0) emulator_diagnose("a slice of 4-bit elements starts within a byte");
    const int64_t bytes = is_packed ? offset / 2 : offset * int64_t(sizeof(Memory));
    if (bytes >= int64_t(1) << 31) {
      emulator_diagnose(
          "a slice starts 2 GiB or more behind the tensor's base, where the hardware takes another place");
    }
    return data + (is_packed ? offset / 2 : offset);
  }
};

template <class T, class Extents>
tensor(T *, Extents) -> tensor<T, Extents, tensor_inline>;
template <class T, class Extents, class I, size_t rank>
tensor(T *, Extents, array<I, rank>) -> tensor<T, Extents, tensor_inline>;

template <size_t count>
struct execution_simdgroups {
  static constexpr int simdgroups = count;
  static constexpr int threads = 32 * count;
};
using execution_simdgroup = execution_simdgroups<1>;
struct execution_thread {};

} // namespace metal
