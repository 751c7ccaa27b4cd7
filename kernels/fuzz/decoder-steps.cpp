// Operations of a decoder. Whether handles and sizes fit is for the library to find out: programs choose any of them.
#include "world.h"

namespace cider::fuzz {
namespace {

// Memory for `rows` results of the caller; calls with more of them do not fit into any buffer and are refused before.
uint64_t held(uint64_t rows) { return rows < max_elements ? rows : max_elements; }

// Scratch as long as is needed, not aligned to anything; or too short, or none.
class Scratch {
public:
  Scratch(Program &program, uint64_t needed)
      : lies_(program.once_in(12)), none_(needed > most || (lies_ && program.once_in(2))),
        bytes_(needed - (lies_ && needed > 0)), memory_(none_ ? 0 : bytes_, program.below(9)) {}

  void *get() { return none_ ? nullptr : memory_.get(); }
  uint64_t bytes() const { return bytes_; }

private:
  static constexpr uint64_t most = 1 << 24;
  bool lies_, none_;
  uint64_t bytes_;
  Memory<char> memory_;
};

} // namespace

void step_rows(World &world, Program &program) {
  Buffer &out = world.buffer(program), &a = world.buffer(program), &b = world.buffer(program);
  const uint32_t columns = program.size(200);
  const uint32_t rows = fitting(program, program.size(8), a.elements, columns);
  switch (program.below(7)) {
  case 0: {
    const cider_rms_norm_params params = {out.handle, a.handle, b.handle, rows, columns, program.value()};
    answered("rms_norm", cider_rms_norm(world.device, &params));
    break;
  }
  case 1: {
    const uint32_t head_dim = program.once_in(4) ? program.size(64) : columns;
    Memory<float> frequencies(held(head_dim / 2));
    program.fill(frequencies.get(), held(head_dim / 2));
    const uint32_t first = program.once_in(4) ? program.edge32() : program.byte();
    const cider_rope_params params = {a.handle, frequencies.get(), rows, columns, head_dim, first, program.value()};
    answered("rope", cider_rope(world.device, &params));
    break;
  }
  case 2: {
    const uint64_t count = program.once_in(8) ? program.edge64() : columns;
    const cider_soft_cap_params params = {a.handle, count, program.value()};
    answered("soft_cap", cider_soft_cap(world.device, &params));
    break;
  }
  default: {
    static constexpr int (*operations[])(cider_device *, const cider_elementwise_params *) = {
        cider_silu_mul, cider_gelu_tanh_mul, cider_add};
    const uint64_t count = program.once_in(8) ? program.edge64() : uint64_t{rows} * columns;
    const cider_elementwise_params params = {out.handle, a.handle, b.handle, count};
    answered("elementwise", operations[program.below(3)](world.device, &params));
  }
  }
}

void step_linear(World &world, Program &program) {
  const Weight &weight = world.weight(program);
  Buffer &out = world.buffer(program), &x = world.buffer(program);
  const uint64_t widest = weight.in_features > weight.out_features ? weight.in_features : weight.out_features;
  const uint32_t rows = fitting(program, program.size(40), max_elements, widest);
  if (program.once_in(3)) {
    Memory<int32_t> ids(held(rows));
    for (uint64_t i = 0; i < held(rows); i++) {
      ids.get()[i] =
          program.once_in(16) ? static_cast<int32_t>(program.edge32()) : static_cast<int32_t>(program.below(40));
    }
    const cider_embedding_params params = {out.handle, weight.handle, ids.get(), rows, program.value()};
    answered("embedding", cider_embedding(world.device, &params));
    return;
  }
  Scratch scratch(program, cider_linear_scratch(weight.handle, rows));
  const cider_linear_params params = {
      out.handle,    x.handle,       weight.handle, rows, static_cast<int32_t>(program.below(2)),
      scratch.get(), scratch.bytes()};
  answered("linear", cider_linear(world.device, &params));
}

void step_logits(World &world, Program &program) {
  const Weight &head = world.weight(program), &base = world.weight(program);
  const Buffer &x = world.buffer(program), &base_x = world.buffer(program);
  const uint64_t widest = head.in_features > base.in_features ? head.in_features : base.in_features;
  const uint32_t rows = fitting(program, program.size(40), max_elements, widest);
  const float soft_cap = program.once_in(2) ? 0 : program.once_in(4) ? program.value() : 30.0f;
  switch (program.below(4)) {
  case 0: {
    Memory<int32_t> targets(held(rows));
    Memory<double> losses(held(rows));
    for (uint64_t i = 0; i < held(rows); i++) targets.get()[i] = static_cast<int32_t>(program.below(42)) - 1;
    if (rows > 0 && program.once_in(8)) targets.get()[held(rows) / 2] = static_cast<int32_t>(program.edge32());
    Scratch scratch(program, cider_cross_entropy_scratch(head.handle, rows));
    const cider_cross_entropy_params params = {x.handle, head.handle, targets.get(), losses.get(),
                                               rows,     soft_cap,    scratch.get(), scratch.bytes()};
    answered("cross_entropy", cider_cross_entropy(world.device, &params));
    break;
  }
  case 1: {
    const uint32_t first = program.once_in(3) ? program.size(40) : 0;
    const uint32_t compared = first < rows ? rows - first : 0;
    Memory<double> divergences(held(compared));
    Memory<uint8_t> same(held(compared));
    Scratch scratch(program, cider_divergence_scratch(head.handle, base.handle, compared));
    const cider_divergence_params params = {x.handle,          head.handle,   base_x.handle,  base.handle,
                                            divergences.get(), same.get(),    rows,           first,
                                            soft_cap,          scratch.get(), scratch.bytes()};
    answered("divergence", cider_divergence(world.device, &params), first < rows);
    break;
  }
  case 2: {
    const uint32_t columns = program.size(200);
    Memory<int32_t> ids(held(rows));
    const cider_argmax_params params = {x.handle, ids.get(), rows, columns};
    answered("argmax", cider_argmax(world.device, &params));
    break;
  }
  default: {
    const uint32_t columns = program.size(200);
    const uint32_t top_k = program.once_in(2) ? 0 : program.size(40);
    const float top_p = program.once_in(2) ? 1 : program.once_in(4) ? program.value() : 0.4f;
    const float temperature = program.once_in(4) ? program.value() : 0.7f;
    const double random = program.once_in(4) ? double{program.value()} : program.byte() / 256.0;
    cider_sample_params params = {x.handle, rows, columns, temperature, top_k, top_p, random, -7};
    const int status = cider_sample(world.device, &params);
    answered("sample", status);
    if (status == CIDER_OK && (params.token_id < 0 || static_cast<uint32_t>(params.token_id) >= columns)) abort();
  }
  }
}

void step_attention(World &world, Program &program) {
  const Cache &cache = world.cache(program);
  Buffer &out = world.buffer(program);
  const Buffer &q = world.buffer(program), &k = world.buffer(program), &v = world.buffer(program);
  const uint32_t heads = program.once_in(3) ? program.size(12) : cache.kv_heads * program.small(3);
  // Several calls follow one another until the cache is full.
  const uint32_t left = cache.capacity - cider_kv_cache_length(cache.handle);
  const uint32_t asked = fitting(program, program.size(40), left, 1);
  const uint32_t rows = fitting(program, asked, max_elements, uint64_t{heads} * cache.head_dim);
  const uint32_t window = program.once_in(2) ? 0 : program.size(40);
  const float soft_cap = program.once_in(2) ? 0 : program.once_in(4) ? program.value() : 30.0f;
  const cider_attention_params params = {out.handle, q.handle, k.handle, v.handle,        cache.handle,
                                         rows,       heads,    window,   program.value(), soft_cap};
  answered("attention", cider_attention(world.device, &params),
           cache.handle != nullptr && rows > 0 && rows <= cache.capacity);
  if (cider_kv_cache_length(cache.handle) > cache.capacity) abort();
}

} // namespace cider::fuzz
