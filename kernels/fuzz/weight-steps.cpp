// Weights, from memory and from files at any offset.
#include "world.h"

namespace cider::fuzz {
namespace {

// The part of a weight that an element of cider_bytes stands for, in memory as long as it says or in a file.
class Part {
public:
  // `bytes` are what the shape asks for, or anything where it cannot be held; a lie changes their number.
  Part(World &world, Program &program, uint64_t bytes) : memory_(most_memory) {
    uint64_t said = bytes;
    if (program.lies_in(12)) said += program.below(9) - uint64_t{4};
    if (program.lies_in(40)) said = program.edge64();
    if (said > most_memory - most_offset || program.once_in(3)) {
      const uint32_t chosen = program.lies_in(8) ? 1 : 0;
      const uint64_t left = said <= file_bytes ? file_bytes - said : 0;
      const uint64_t offset = program.lies_in(8) ? program.edge64() : (left > 0 ? program.byte() * 7u % (left + 1) : 0);
      bytes_ = {nullptr, world.files[chosen], offset, said};
      return;
    }
    // The last byte of the memory is the last one of the part.
    const uint64_t offset = program.below(most_offset);
    char *start = memory_.get() + most_memory - offset - said;
    program.fill(start + offset, said);
    bytes_ = {program.lies_in(40) ? nullptr : start, nullptr, offset, said};
    // Without memory, an offset would be an address.
    if (bytes_.memory == nullptr) bytes_.offset = 0;
  }

  const cider_bytes &get() const { return bytes_; }

private:
  static constexpr uint64_t most_memory = 1 << 16;
  static constexpr uint64_t most_offset = 9;
  Memory<char> memory_;
  cider_bytes bytes_;
};

uint64_t saturated(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t product;
  const bool overflow = __builtin_mul_overflow(a, b, &product) || __builtin_mul_overflow(product, c, &product);
  return overflow ? UINT64_MAX : product;
}

} // namespace

void step_weight(World &world, Program &program) {
  Weight &weight = world.weight(program);
  cider_weight_release(weight.handle);
  weight = {};
  const uint32_t n = program.size(40);
  const uint32_t k = program.size(program.once_in(4) ? 300 : 70);
  const int32_t kind =
      program.lies_in(20) ? static_cast<int32_t>(program.edge32()) : static_cast<int32_t>(program.below(3));
  const int32_t dtype = program.lies_in(20) ? -1 : static_cast<int32_t>(program.below(3));
  const int32_t bits = program.lies_in(20) ? program.below(33) : program.once_in(2) ? 4 : 8;
  const int32_t storage = program.lies_in(20) ? 2 : kind == CIDER_AFFINE ? static_cast<int32_t>(program.below(2)) : 0;
  const uint32_t group = program.once_in(3) ? 0 : program.size(70);
  const uint64_t groups = group == 0 ? 1 : k / group + (k % group != 0);
  const uint64_t words = (uint64_t{k} * static_cast<uint32_t>(bits) + 31) / 32;
  const uint64_t data = kind == CIDER_DENSE      ? saturated(n, k, dtype == CIDER_F32 ? 4 : 2)
                        : storage == CIDER_WORDS ? saturated(n, words, 4)
                                                 : saturated(n, k, 1);
  const Part codes(world, program, data);
  const Part scales(world, program, saturated(n, groups, 4));
  const Part biases(world, program, saturated(n, groups, 4));
  const Part bias(world, program, program.once_in(2) ? 0 : saturated(n, 1, 4));
  const cider_weight_params params = {kind,        dtype,        bits,         n,          k,      group,
                                      codes.get(), scales.get(), biases.get(), bias.get(), storage};
  const bool sensible = n > 0 && k > 0 && kind >= 0 && kind < 3;
  const int status = cider_weight_create(world.device, &params, &weight.handle);
  answered("weight_create", status, sensible);
  if (status == CIDER_OK) weight = {weight.handle, n, k};
  refused("weight_create", cider_weight_create(world.device, nullptr, &weight.handle));
}

} // namespace cider::fuzz
