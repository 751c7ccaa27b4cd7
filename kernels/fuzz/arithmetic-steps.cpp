// Arithmetic on memory of the caller, which the library must believe the sizes of: they are true wherever they could
// be.
#include "world.h"

namespace cider::fuzz {
namespace {

// A block [rows, columns] whose last element is the last of its memory.
class Block {
public:
  Block(Program &program, uint32_t rows, uint32_t columns)
      : rows_(rows), columns_(columns), stride_(stride(program, rows, columns)),
        memory_(sensible() ? stride_ * (rows - 1) + columns : 1) {
    program.fill(memory_.get(), sensible() ? stride_ * (rows - 1) + columns : 1);
  }

  double *get() { return memory_.get(); }
  uint64_t stride() const { return stride_; }
  uint32_t rows() const { return rows_; }

  bool sensible() const {
    uint64_t bytes;
    return rows_ > 0 && columns_ > 0 && rows_ <= most && columns_ <= most && stride_ >= columns_ &&
           !__builtin_mul_overflow(stride_, uint64_t{rows_} * 8, &bytes) && bytes <= PTRDIFF_MAX;
  }

private:
  static constexpr uint32_t most = 4096;

  // One that cannot be, or, of a single row, any.
  static uint64_t stride(Program &program, uint32_t rows, uint32_t columns) {
    if (!program.once_in(8)) return uint64_t{columns} + program.below(6);
    const uint64_t edge = program.edge64();
    if (rows <= 1 || edge < columns) return edge;
    return edge | uint64_t{1} << 62;
  }

  uint32_t rows_, columns_;
  uint64_t stride_;
  Memory<double> memory_;
};

// Mostly up to `most`; else 0 or beyond what the interface takes.
uint32_t length(Program &program, uint32_t most) {
  if (!program.once_in(24)) return program.small(most);
  return program.once_in(2) ? 0 : uint32_t{INT32_MAX} + program.small(200);
}

} // namespace

void step_integers(World &world, Program &program) {
  switch (program.below(4)) {
  case 0: {
    const uint32_t rows = program.small(9), columns = program.small(200);
    Memory<float> x(rows * columns), scales(rows);
    Memory<int8_t> codes(rows * columns);
    program.fill(x.get(), rows * columns);
    const bool empty = program.once_in(16);
    const cider_quantize_per_token_params params = {x.get(), codes.get(), scales.get(), empty ? 0 : rows, columns};
    answered("quantize_per_token", cider_quantize_per_token(world.device, &params), !empty);
    break;
  }
  case 1: {
    const uint32_t m = program.small(40), n = program.small(40), k = program.small(200);
    const uint32_t said = program.once_in(12) ? (program.once_in(2) ? 0 : 131'072 + program.byte()) : k;
    Memory<int8_t> a(m * k), b(n * k);
    Memory<int32_t> out(m * n);
    program.fill(a.get(), m * k);
    program.fill(b.get(), n * k);
    const uint64_t needed = cider_matmul_int8_scratch(world.device, m, n, said);
    Memory<char> scratch(needed, program.below(9));
    const cider_matmul_int8_params params = {a.get(), b.get(), out.get(), m, n, said, scratch.get(), needed};
    answered("matmul_int8", cider_matmul_int8(world.device, &params), said == k);
    if (needed == 0) break;
    auto less = params;
    less.scratch_bytes--;
    refused("matmul_int8", cider_matmul_int8(world.device, &less));
    break;
  }
  case 2:
    // How much scratch would be needed is asked for before there is anything.
    cider_matmul_int8_scratch(world.device, program.edge32(), program.edge32(), program.edge32());
    cider_linear_scratch(world.weight(program).handle, program.edge32());
    cider_cross_entropy_scratch(world.weight(program).handle, program.edge32());
    cider_divergence_scratch(world.weight(program).handle, world.weight(program).handle, program.edge32());
    break;
  default: {
    const uint32_t rows = program.small(9), columns = program.small(200);
    const int32_t dtype = program.once_in(16) ? 3 : static_cast<int32_t>(program.below(3));
    const int32_t bits = program.once_in(16) ? 5 : program.once_in(2) ? 4 : 8;
    const uint32_t group = program.once_in(3) ? 0 : program.size(70);
    const uint32_t groups = group == 0 ? 1 : columns / group + (columns % group != 0);
    Memory<char> source(rows * columns * (dtype == CIDER_F32 ? 4 : 2));
    Memory<int8_t> codes(rows * columns);
    Memory<float> scales(rows * groups);
    if (dtype == CIDER_F32)
      program.fill(reinterpret_cast<float *>(source.get()), rows * columns);
    else
      program.fill(source.get(), rows * columns * 2);
    const cider_quantize_rows_params params = {source.get(), codes.get(), scales.get(), dtype,
                                               bits,         rows,        columns,      group};
    answered("quantize_rows", cider_quantize_rows(world.device, &params), dtype != 3 && bits != 5);
  }
  }
}

void step_algebra(World &world, Program &program) {
  switch (program.below(4)) {
  case 0: {
    const uint32_t m = length(program, 24), n = length(program, 24), k = length(program, 24);
    const bool transposed = program.once_in(2);
    Block c(program, m, n), a(program, m, k), b(program, transposed ? n : k, transposed ? k : n);
    const cider_multiply_add_params params = {
        c.get(), a.get(), b.get(), c.stride(), a.stride(), b.stride(), m, n, k, transposed, double{program.value()}};
    answered("multiply_add", cider_multiply_add(world.device, &params), c.sensible() && a.sensible() && b.sensible());
    break;
  }
  case 1: {
    const uint32_t n = length(program, 70);
    Block h(program, n, n);
    if (h.sensible()) {
      // Mostly positive definite.
      for (uint32_t i = 0; i < n; i++) h.get()[i * h.stride() + i] += 300;
    }
    cider_inverse_factor_params params = {h.get(), h.stride(), n, 0};
    answered("inverse_factor", cider_inverse_factor(world.device, &params), h.sensible());
    if (h.sensible() && (params.pivot < -1 || params.pivot >= static_cast<int32_t>(n))) abort();
    break;
  }
  case 2: {
    const uint32_t order = program.once_in(16) ? 0 : program.small(20);
    const uint32_t columns = program.once_in(8) ? length(program, 200) : order << program.below(5);
    Block x(program, length(program, 9), columns);
    Memory<int8_t> base(order * order);
    for (uint32_t i = 0; i < order * order; i++) base.get()[i] = i % 3 == 0 ? -1 : 1;
    const bool odd = order > 0 && program.once_in(16);
    if (odd) base.get()[order * order - 1] = static_cast<int8_t>(program.below(2) * 2);
    const bool whole = order > 0 && columns % order == 0 && __builtin_popcount(columns / order) == 1;
    const cider_hadamard_params params = {x.get(), base.get(), x.stride(), 0, columns, order};
    refused("hadamard", cider_hadamard(world.device, &params));
    auto real = params;
    real.rows = x.rows();
    answered("hadamard", cider_hadamard(world.device, &real), x.sensible() && whole && !odd);
    break;
  }
  default: {
    const uint32_t count = program.small(40), p = program.small(40);
    const bool same = program.once_in(3);
    const uint32_t n = same ? p : program.small(40);
    Block sum(program, p, n);
    Memory<float> y(count * p), x(count * n);
    program.fill(y.get(), count * p);
    program.fill(x.get(), count * n);
    const bool empty = program.once_in(16);
    const cider_accumulate_params params = {
        sum.get(), y.get(), same ? y.get() : x.get(), sum.stride(), empty ? 0 : count, p, n};
    answered("accumulate", cider_accumulate(world.device, &params), sum.sensible() && !empty);
  }
  }
}

} // namespace cider::fuzz
