#include "divergence.h"

#include <math.h>

#include "float-kernels.h"
#include "sizes.h"
#include "thread-pool.h"

namespace cider {
namespace {

// Rows whose logits exist at a time: 32 MiB of them on either side, but not so few rows that the heads are read for
// little.
uint32_t chunk_of(uint32_t columns, uint32_t rows) {
  constexpr uint32_t logits = 1 << 23;
  return least(rows, most(logits / columns, uint32_t{32}));
}

size_t linear_scratch_bytes(const Kernels &kernels, const LogitSource &source, uint32_t rows, uint32_t threads) {
  return source.is_integer ? integer_linear_scratch_bytes(*kernels.integer, source.integer, rows, threads)
                           : float_linear_scratch_bytes(*kernels.floats, source.floats, rows, threads);
}

void make_logits(const Kernels &kernels, ThreadPool &pool, const LogitSource &source, uint32_t top, uint32_t rows,
                 float *out, void *scratch) {
  const float *x = source.x + size_t{top} * source.k();
  if (source.is_integer) {
    integer_linear(*kernels.integer, *kernels.quantize, pool,
                   {source.integer, source.packed, x, rows, out, true, scratch});
  } else {
    float_linear(*kernels.floats, pool, {source.floats, source.packed, x, rows, out, scratch});
  }
}

uint32_t index_of(const float *values, uint32_t count, float wanted) {
  for (uint32_t i = 0; i < count; i++) {
    if (values[i] == wanted) return i;
  }
  return count;
}

// Σ p (b - m) + ln Σ exp(m) - ln Σ exp(b) with logits m of the model, b of the base and p = exp(b) / Σ exp(b). It is
// f64: in f32 the logarithms would be off by more than what a good quantization changes. As p is normed by the same
// sum whose logarithm is taken, the result is 0 for equal logits, and never less but for its own rounding.
double divergence_of(const float *model, const float *base, uint32_t columns, double model_top, double base_top) {
  double model_sum = 0;
  double base_sum = 0;
  double weighted = 0;
  for (uint32_t i = 0; i < columns; i++) {
    const double m = static_cast<double>(model[i]) - model_top;
    const double b = static_cast<double>(base[i]) - base_top;
    const double weight = exp(b);
    model_sum += exp(m);
    base_sum += weight;
    // A token that the base rules out does not count, even if its logit is -infinity.
    if (!(weight == 0)) weighted += weight * (b - m);
  }
  return weighted / base_sum + log(model_sum) - log(base_sum);
}

} // namespace

size_t divergence_scratch_bytes(const Kernels &kernels, const LogitSource &model, const LogitSource &base,
                                uint32_t rows, uint32_t threads) {
  const uint32_t chunk = chunk_of(model.n(), rows);
  const size_t linear =
      most(linear_scratch_bytes(kernels, model, chunk, threads), linear_scratch_bytes(kernels, base, chunk, threads));
  return ALIGNMENT + 2 * align_up(size_t{chunk} * model.n() * sizeof(float)) + linear;
}

void divergence(const Kernels &kernels, ThreadPool &pool, const DivergenceArgs &args) {
  const FloatKernels &floats = *kernels.floats;
  const uint32_t columns = args.model.n();
  const uint32_t chunk = chunk_of(columns, args.rows);
  const size_t logits_bytes = align_up(size_t{chunk} * columns * sizeof(float));
  char *scratch = static_cast<char *>(align_up(args.scratch));
  float *model_logits = reinterpret_cast<float *>(scratch);               // [chunk, N]
  float *base_logits = reinterpret_cast<float *>(scratch + logits_bytes); // [chunk, N]
  void *linear_scratch = scratch + 2 * logits_bytes;
  for (uint32_t top = 0; top < args.rows; top += chunk) {
    const uint32_t count = least(chunk, args.rows - top);
    make_logits(kernels, pool, args.model, top, count, model_logits, linear_scratch);
    make_logits(kernels, pool, args.base, top, count, base_logits, linear_scratch);
    parallel(pool, count, [&](uint32_t row, uint32_t) {
      float *model = model_logits + size_t{row} * columns;
      float *base = base_logits + size_t{row} * columns;
      if (args.soft_cap > 0) {
        floats.soft_cap(model, columns, 1.0f, args.soft_cap);
        floats.soft_cap(base, columns, 1.0f, args.soft_cap);
      }
      const float model_top = floats.largest(model, columns, 1.0f);
      const float base_top = floats.largest(base, columns, 1.0f);
      args.divergences[top + row] =
          divergence_of(model, base, columns, static_cast<double>(model_top), static_cast<double>(base_top));
      args.same_top[top + row] = index_of(model, columns, model_top) == index_of(base, columns, base_top);
    });
  }
}

} // namespace cider
