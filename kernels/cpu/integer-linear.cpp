#include "integer-linear.h"

#include <string.h>

#include "integer-kernels.h"
#include "quantize.h"
#include "thread-pool.h"

namespace cider {
namespace {

constexpr size_t ALIGNMENT = 64;

// Ranges of panels that a thread gets at a time are this many times as many as threads, so that one that is held up
// does not hold up all.
constexpr uint32_t TASKS_PER_THREAD = 8;

// How far ahead of a kernel that reads each panel but once the weights are fetched: for one row, and for more.
constexpr size_t ROW_PREFETCH = 3072;
constexpr size_t TILE_PREFETCH = 4096;

size_t aligned(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }
uint32_t divide_up(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }
uint32_t round_up(uint32_t a, uint32_t multiple) { return divide_up(a, multiple) * multiple; }
uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

// `count` things cut into `parts` of nearly equal size.
struct Range {
  uint32_t begin, end;
};
Range part_of(uint32_t count, uint32_t parts, uint32_t part) {
  return {static_cast<uint32_t>(uint64_t{count} * part / parts),
          static_cast<uint32_t>(uint64_t{count} * (part + 1) / parts)};
}

// Hands out 64-byte aligned pieces of scratch memory. Of address 0 it only counts what is needed.
class Carver {
public:
  explicit Carver(void *memory) : next_(aligned(reinterpret_cast<uintptr_t>(memory))) {}
  template <typename T>
  T *take(size_t count) {
    T *piece = reinterpret_cast<T *>(next_);
    next_ += aligned(count * sizeof(T));
    return piece;
  }
  // With what the start of any memory may lose to alignment.
  size_t bytes() const { return next_ + ALIGNMENT; }

private:
  uintptr_t next_;
};

// A packed weight: panels one after the other, each its codes, scales [groups, columns] and bias [columns].
struct PackedWeight {
  const IntegerFormat *format;
  KAxis axis;
  uint32_t n, columns, panels;
  size_t code_bytes, panel_bytes;
  size_t cache_bytes; // what packed operands may take of a core's cache
};

PackedWeight packed_weight(const IntegerKernels &kernels, const IntegerShape &shape) {
  const IntegerFormat &format = shape.bits == 8 ? kernels.int8 : kernels.int4;
  const uint32_t group_size = shape.group_size == 0 ? shape.k : smaller(shape.group_size, shape.k);
  const uint32_t groups = divide_up(shape.k, group_size);
  const KAxis axis = {shape.k, groups, group_size, round_up(group_size, format.step),
                      round_up(shape.k - (groups - 1) * group_size, format.step)};
  const uint32_t columns = kernels.panel_columns;
  const size_t code_bytes = aligned(padded_k(axis) * columns * shape.bits / 8);
  const size_t float_bytes = (size_t{groups} + 1) * columns * sizeof(float);
  return {&format,
          axis,
          shape.n,
          columns,
          divide_up(shape.n, columns),
          code_bytes,
          code_bytes + float_bytes,
          kernels.cache_bytes};
}

WeightPanel panel_of(const PackedWeight &weight, const void *packed, uint32_t panel) {
  const uint8_t *codes = static_cast<const uint8_t *>(packed) + panel * weight.panel_bytes;
  const float *scales = reinterpret_cast<const float *>(codes + weight.code_bytes);
  return {codes, scales, scales + size_t{weight.axis.groups} * weight.columns,
          reinterpret_cast<uintptr_t>(codes) + ROW_PREFETCH, weight.columns * weight.format->block};
}

// ---- packing ----

// `Block` codes of one output as they lie in memory.
template <int Block>
struct BlockOf {
  uint8_t codes[Block];
};

template <int Block>
BlockOf<Block> load_block(const int8_t *codes, uint32_t left, uint8_t offset) {
  BlockOf<Block> block = {};
  memcpy(block.codes, codes, left < Block ? left : Block);
  for (uint8_t &code : block.codes) code ^= offset;
  return block;
}

// One group of one output, codes [size], into every columns-th block of `to`. Adding an offset of half the range of a
// code is turning its highest bit around.
template <int Bits, int Block>
void pack_codes(const int8_t *codes, uint32_t size, uint32_t padded_size, uint32_t columns, uint8_t offset,
                uint8_t *to) {
  for (uint32_t k = 0; k < padded_size; k += Block * 8 / Bits) {
    const auto left = [&](uint32_t from) { return from < size ? size - from : 0; };
    BlockOf<Block> block = load_block<Block>(codes + smaller(k, size), left(k), offset);
    if constexpr (Bits == 4) {
      const uint32_t odd = k + Block;
      const BlockOf<Block> high = load_block<Block>(codes + smaller(odd, size), left(odd), offset);
      for (int i = 0; i < Block; i++) {
        block.codes[i] = static_cast<uint8_t>((block.codes[i] & 15) | (high.codes[i] << 4));
      }
    }
    memcpy(to, block.codes, Block);
    to += size_t{columns} * Block;
  }
}

using PackCodes = void (*)(const int8_t *, uint32_t, uint32_t, uint32_t, uint8_t, uint8_t *);

template <int Bits>
PackCodes pack_codes_for(uint32_t block) {
  switch (block) {
  case 1:
    return pack_codes<Bits, 1>;
  case 2:
    return pack_codes<Bits, 2>;
  case 4:
    return pack_codes<Bits, 4>;
  case 8:
    return pack_codes<Bits, 8>;
  default:
    return pack_codes<Bits, 16>;
  }
}

// Codes [N, K] into the panel of outputs from `first` on; outputs beyond N get codes of 0.
void pack_panel_codes(const PackedWeight &weight, uint32_t bits, const int8_t *codes, uint32_t panel, uint8_t *to) {
  const IntegerFormat &format = *weight.format;
  const PackCodes pack = bits == 8 ? pack_codes_for<8>(format.block) : pack_codes_for<4>(format.block);
  const uint32_t first = panel * weight.columns;
  const KAxis &axis = weight.axis;
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t padded = padded_group_size(axis, group);
    for (uint32_t column = 0; column < weight.columns; column++) {
      const uint32_t output = first + column;
      const bool exists = output < weight.n;
      const int8_t *from = exists ? codes + size_t{output} * axis.k + size_t{group} * axis.group_size : codes;
      pack(from, exists ? group_size(axis, group) : 0, padded, weight.columns, static_cast<uint8_t>(format.offset),
           to + column * format.block);
    }
    to += size_t{padded} * weight.columns * bits / 8;
  }
}

// ---- multiplication ----

// Rows cut into as few tiles as possible, evenly.
//
// A weight that fits into a core's cache stays there: a thread packs a tile, multiplies it by the whole weight, and
// takes the next. By a larger one, chunks of tiles that fit are multiplied; they stay while its panels pass.
struct Tiling {
  uint32_t rows, row_multiple;
  uint32_t tiles, chunks;
  bool weight_stays;
  uint32_t slots; // tiles to have memory for
};

Tiling tiling_of(const PackedWeight &weight, uint32_t rows, uint32_t threads) {
  const IntegerFormat &format = *weight.format;
  const uint32_t tiles = divide_up(rows, format.max_rows);
  const bool weight_stays = weight.panels * weight.panel_bytes <= weight.cache_bytes / 4 * 3 && tiles >= 2 * threads;
  // Twice as many as are in use, so that fewer rows never need more memory.
  if (weight_stays) return {rows, format.row_multiple, tiles, 1, true, 2 * threads};
  const size_t tile_bytes = padded_k(weight.axis) * format.max_rows * format.activation_bytes;
  const uint32_t fitting = tile_bytes < weight.cache_bytes ? static_cast<uint32_t>(weight.cache_bytes / tile_bytes) : 1;
  const uint32_t chunks = divide_up(tiles, fitting);
  return {rows, format.row_multiple, tiles, chunks, false, divide_up(tiles, chunks)};
}

Range rows_of(const Tiling &tiling, uint32_t tile) {
  const Range part = part_of(divide_up(tiling.rows, tiling.row_multiple), tiling.tiles, tile);
  return {part.begin * tiling.row_multiple, smaller(part.end * tiling.row_multiple, tiling.rows)};
}

Range tiles_of(const Tiling &tiling, uint32_t chunk) { return part_of(tiling.tiles, tiling.chunks, chunk); }

// Memory for packed tiles.
struct TileMemory {
  size_t tile_bytes, start_count, tile_rows;
  uint8_t *codes;  // [slots, tile_bytes]
  int32_t *starts; // [slots, start_count]
  float *scales;   // [slots, tile_rows]
};

TileMemory take_tiles(Carver &carver, const PackedWeight &weight, const Tiling &tiling) {
  const IntegerFormat &format = *weight.format;
  const size_t slots = tiling.slots;
  const uint32_t tile_rows = round_up(divide_up(tiling.rows, tiling.tiles), format.row_multiple);
  TileMemory memory = {};
  memory.tile_bytes = aligned(padded_k(weight.axis) * tile_rows * format.activation_bytes + TILE_SLACK);
  memory.start_count = aligned(size_t{weight.axis.groups} * tile_rows * sizeof(int32_t) + TILE_SLACK) / sizeof(int32_t);
  memory.tile_rows = tile_rows;
  memory.codes = carver.take<uint8_t>(slots * memory.tile_bytes);
  memory.starts = carver.take<int32_t>(slots * memory.start_count);
  memory.scales = carver.take<float>(slots * tile_rows);
  return memory;
}

ActivationTile tile_at(const TileMemory &memory, uint32_t slot, Range rows) {
  return {memory.codes + slot * memory.tile_bytes, memory.starts + slot * memory.start_count,
          memory.scales + slot * memory.tile_rows, rows.end - rows.begin};
}

template <typename Out>
using Multiply = void (*)(const ActivationTile &, const WeightPanels &, const KAxis &, Out *, size_t);

// A product and where it goes: out [rows, N]. `edges` [threads, max_rows, columns] takes what a last panel would write
// beyond N.
template <typename Out>
struct Product {
  const PackedWeight &weight;
  const void *packed;
  Tiling tiling;
  TileMemory memory;
  Multiply<Out> multiply;
  Out *edges, *out;
};

// Rows of a packed tile by some panels. While it multiplies, the kernel fetches the `part`-th of `parts` shares of the
// panels after these: all at once, the fetches would occupy the buffers that the kernel's own reads need. A single part
// fetches a short way ahead instead, and none nothing.
template <typename Out>
void multiply_panels(const Product<Out> &product, const ActivationTile &tile, uint32_t first_row, Range panels,
                     uint32_t part, uint32_t parts, uint32_t thread) {
  const PackedWeight &weight = product.weight;
  WeightPanels some = {panel_of(weight, product.packed, panels.begin), panels.end - panels.begin, weight.panel_bytes,
                       0};
  WeightPanel &first = some.first;
  const uintptr_t codes = reinterpret_cast<uintptr_t>(first.codes);
  if (parts == 0) {
    first.prefetch_step = 0;
  } else if (parts == 1) {
    some.prefetch_bytes = weight.panel_bytes;
    if (tile.rows > 1) first.prefetch = codes + TILE_PREFETCH;
  } else {
    const size_t block_bytes = size_t{weight.columns} * weight.format->block;
    first.prefetch_step = static_cast<uint32_t>(block_bytes / parts);
    some.prefetch_bytes = weight.code_bytes / block_bytes * first.prefetch_step;
    first.prefetch = codes + some.count * (weight.panel_bytes + part * some.prefetch_bytes);
  }
  Out *out = product.out + size_t{first_row} * weight.n + size_t{panels.begin} * weight.columns;
  const uint32_t columns_left = weight.n - panels.begin * weight.columns;
  const uint32_t whole = smaller(some.count, columns_left / weight.columns);
  const bool has_edge = whole < some.count;
  if (whole > 0) {
    some.count = whole;
    product.multiply(tile, some, weight.axis, out, weight.n);
  }
  if (has_edge) {
    Out *edge = product.edges + size_t{thread} * weight.format->max_rows * weight.columns;
    const WeightPanels last = {panel_at(some, whole), 1, weight.panel_bytes, 0};
    product.multiply(tile, last, weight.axis, edge, weight.columns);
    const uint32_t columns = columns_left - whole * weight.columns;
    for (uint32_t row = 0; row < tile.rows; row++) {
      memcpy(out + size_t{row} * weight.n + whole * weight.columns, edge + size_t{row} * weight.columns,
             columns * sizeof(Out));
    }
  }
}

// pack(first row, tile, thread) for each tile, each then by the whole weight.
template <typename Out, typename Pack>
void multiply_tile_by_tile(ThreadPool &pool, const Product<Out> &product, const Pack &pack) {
  parallel(pool, product.tiling.tiles, [&](uint32_t t, uint32_t thread) {
    const Range rows = rows_of(product.tiling, t);
    const ActivationTile tile = tile_at(product.memory, thread, rows);
    pack(rows.begin, tile, thread);
    multiply_panels(product, tile, rows.begin, {0, product.weight.panels}, 0, 0, thread);
  });
}

// The packed tiles of a chunk by the whole weight, as many panels at a time as are to pass by the chunk in the cache.
template <typename Out>
void multiply_chunk(ThreadPool &pool, const Product<Out> &product, Range tiles) {
  const PackedWeight &weight = product.weight;
  const uint32_t passing =
      smaller(weight.panels, static_cast<uint32_t>(weight.cache_bytes / 8 / weight.panel_bytes) + 1);
  const uint32_t wanted = TASKS_PER_THREAD * pool.threads();
  const uint32_t ranges = smaller(weight.panels, wanted);
  const uint32_t count = tiles.end - tiles.begin;
  const uint32_t blocks = smaller(count, divide_up(wanted, ranges));
  parallel(pool, ranges * blocks, [&](uint32_t task, uint32_t thread) {
    const Range range = part_of(weight.panels, ranges, task % ranges);
    const Range block = part_of(count, blocks, task / ranges);
    for (uint32_t first = range.begin; first < range.end; first += passing) {
      const Range panels = {first, smaller(range.end, first + passing)};
      for (uint32_t t = block.begin; t < block.end; t++) {
        const Range rows = rows_of(product.tiling, tiles.begin + t);
        multiply_panels(product, tile_at(product.memory, t, rows), rows.begin, panels, t - block.begin,
                        block.end - block.begin, thread);
      }
    }
  });
}

template <typename Out, typename Pack>
void multiply_rows(ThreadPool &pool, const Product<Out> &product, const Pack &pack) {
  const Tiling &tiling = product.tiling;
  if (tiling.weight_stays) return multiply_tile_by_tile(pool, product, pack);
  for (uint32_t c = 0; c < tiling.chunks; c++) {
    const Range tiles = tiles_of(tiling, c);
    parallel(pool, tiles.end - tiles.begin, [&](uint32_t t, uint32_t thread) {
      const Range rows = rows_of(tiling, tiles.begin + t);
      pack(rows.begin, tile_at(product.memory, t, rows), thread);
    });
    multiply_chunk(pool, product, tiles);
  }
}

// Rows of codes are this far apart: rows of a power of two would all fall into the same sets of a cache.
size_t code_stride(uint32_t k) { return aligned(k) + ALIGNMENT; }

struct LinearScratch {
  TileMemory tiles;
  int8_t *codes; // [threads, max_rows, code_stride]
  float *edges;  // [threads, max_rows, columns]
  size_t bytes;
};

LinearScratch linear_scratch(void *memory, const PackedWeight &weight, const Tiling &tiling, uint32_t threads) {
  Carver carver(memory);
  const size_t max_rows = weight.format->max_rows;
  LinearScratch scratch;
  scratch.tiles = take_tiles(carver, weight, tiling);
  scratch.codes = carver.take<int8_t>(threads * max_rows * code_stride(weight.axis.k));
  scratch.edges = carver.take<float>(threads * max_rows * weight.columns);
  scratch.bytes = carver.bytes();
  return scratch;
}

void multiply_quantized(const PackedWeight &weight, const QuantizeKernels &quantize, ThreadPool &pool,
                        const IntegerLinearArgs &args) {
  const Tiling tiling = tiling_of(weight, args.rows, pool.threads());
  const LinearScratch scratch = linear_scratch(args.scratch, weight, tiling, pool.threads());
  const IntegerFormat &format = *weight.format;
  const uint32_t k = weight.axis.k;
  const size_t stride = code_stride(k);
  const auto multiply = args.shape.group_size == 0 ? format.multiply_by_channel : format.multiply_by_group;
  const Product<float> product = {weight, args.packed, tiling, scratch.tiles, multiply, scratch.edges, args.out};
  multiply_rows(pool, product, [&](uint32_t first, const ActivationTile &tile, uint32_t thread) {
    int8_t *codes = scratch.codes + thread * format.max_rows * stride;
    for (uint32_t row = 0; row < tile.rows; row++) {
      const float *x = args.x + (size_t{first} + row) * k;
      tile.scales[row] = quantize.quantize_row(x, k, codes + row * stride);
    }
    format.pack_tile(codes, stride, tile.rows, weight.axis, tile.codes, tile.starts);
  });
}

// ---- one row of floats ----

struct VectorScratch {
  uint8_t *vector; // [packed_vector_bytes]
  float *edges;    // [threads, columns]
  size_t bytes;
};

VectorScratch vector_scratch(void *memory, const PackedWeight &weight, uint32_t threads) {
  Carver carver(memory);
  VectorScratch scratch;
  scratch.vector = carver.take<uint8_t>(packed_vector_bytes(weight.axis));
  scratch.edges = carver.take<float>(size_t{threads} * weight.columns);
  scratch.bytes = carver.bytes();
  return scratch;
}

void multiply_vector(const PackedWeight &weight, ThreadPool &pool, const IntegerLinearArgs &args) {
  const VectorScratch scratch = vector_scratch(args.scratch, weight, pool.threads());
  weight.format->pack_vector(args.x, weight.axis, scratch.vector);
  const uint32_t ranges = smaller(weight.panels, TASKS_PER_THREAD * pool.threads());
  parallel(pool, ranges, [&](uint32_t task, uint32_t thread) {
    const Range panels = part_of(weight.panels, ranges, task);
    for (uint32_t p = panels.begin; p < panels.end; p++) {
      const uint32_t first = p * weight.columns;
      const uint32_t columns = smaller(weight.columns, weight.n - first);
      float *edge = scratch.edges + size_t{thread} * weight.columns;
      weight.format->multiply_vector(scratch.vector, panel_of(weight, args.packed, p), weight.axis, edge);
      memcpy(args.out + first, edge, columns * sizeof(float));
    }
  });
}

// ---- bare products ----

struct MatmulScratch {
  TileMemory tiles;
  uint8_t *packed; // b
  int32_t *edges;  // [threads, max_rows, columns]
  size_t bytes;
};

MatmulScratch matmul_scratch(void *memory, const PackedWeight &b, const Tiling &tiling, uint32_t threads) {
  Carver carver(memory);
  MatmulScratch scratch;
  scratch.tiles = take_tiles(carver, b, tiling);
  scratch.packed = carver.take<uint8_t>(b.panels * b.panel_bytes);
  scratch.edges = carver.take<int32_t>(size_t{threads} * b.format->max_rows * b.columns);
  scratch.bytes = carver.bytes();
  return scratch;
}

bool is_vector(const IntegerLinearArgs &args) { return args.rows == 1 && !args.quantize_single_row; }

} // namespace

void pack_float_vector(const float *x, const KAxis &axis, void *vector) {
  float *to = static_cast<float *>(vector);
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t size = group_size(axis, group);
    const uint32_t padded = padded_group_size(axis, group);
    memcpy(to, x, size * sizeof(float));
    memset(to + size, 0, (padded - size) * sizeof(float));
    x += size;
    to += padded;
  }
}

size_t integer_packed_bytes(const IntegerKernels &kernels, const IntegerShape &shape) {
  const PackedWeight weight = packed_weight(kernels, shape);
  return weight.panels * weight.panel_bytes;
}

void integer_pack(const IntegerKernels &kernels, ThreadPool &pool, const IntegerPackArgs &args) {
  const PackedWeight weight = packed_weight(kernels, args.shape);
  const uint32_t groups = weight.axis.groups;
  parallel(pool, weight.panels, [&](uint32_t p, uint32_t) {
    uint8_t *to = static_cast<uint8_t *>(args.packed) + p * weight.panel_bytes;
    pack_panel_codes(weight, args.shape.bits, args.codes, p, to);
    float *scales = reinterpret_cast<float *>(to + weight.code_bytes);
    float *bias = scales + size_t{groups} * weight.columns;
    for (uint32_t column = 0; column < weight.columns; column++) {
      const uint32_t output = p * weight.columns + column;
      const bool exists = output < weight.n;
      for (uint32_t group = 0; group < groups; group++) {
        scales[size_t{group} * weight.columns + column] = exists ? args.scales[size_t{output} * groups + group] : 0.0f;
      }
      bias[column] = exists && args.bias ? args.bias[output] : -0.0f;
    }
  });
}

size_t integer_linear_scratch_bytes(const IntegerKernels &kernels, const IntegerShape &shape, uint32_t rows,
                                    uint32_t threads) {
  const PackedWeight weight = packed_weight(kernels, shape);
  const size_t quantized = linear_scratch(nullptr, weight, tiling_of(weight, rows, threads), threads).bytes;
  const size_t vector = vector_scratch(nullptr, weight, threads).bytes;
  return rows == 1 && vector > quantized ? vector : quantized;
}

void integer_linear(const IntegerKernels &kernels, const QuantizeKernels &quantize, ThreadPool &pool,
                    const IntegerLinearArgs &args) {
  const PackedWeight weight = packed_weight(kernels, args.shape);
  if (is_vector(args)) {
    multiply_vector(weight, pool, args);
  } else {
    multiply_quantized(weight, quantize, pool, args);
  }
}

size_t integer_matmul_scratch_bytes(const IntegerKernels &kernels, uint32_t m, uint32_t n, uint32_t k,
                                    uint32_t threads) {
  const PackedWeight weight = packed_weight(kernels, {n, k, 0, 8});
  return matmul_scratch(nullptr, weight, tiling_of(weight, m, threads), threads).bytes;
}

void integer_matmul(const IntegerKernels &kernels, ThreadPool &pool, const IntegerMatmulArgs &args) {
  const PackedWeight weight = packed_weight(kernels, {args.n, args.k, 0, 8});
  const Tiling tiling = tiling_of(weight, args.m, pool.threads());
  const MatmulScratch scratch = matmul_scratch(args.scratch, weight, tiling, pool.threads());
  parallel(pool, weight.panels, [&](uint32_t panel, uint32_t) {
    pack_panel_codes(weight, 8, args.b, panel, scratch.packed + panel * weight.panel_bytes);
  });
  const Product<int32_t> product = {weight,        scratch.packed, tiling, scratch.tiles, weight.format->multiply_int32,
                                    scratch.edges, args.out};
  multiply_rows(pool, product, [&](uint32_t first, const ActivationTile &tile, uint32_t) {
    weight.format->pack_tile(args.a + size_t{first} * args.k, args.k, tile.rows, weight.axis, tile.codes, tile.starts);
  });
}

} // namespace cider
