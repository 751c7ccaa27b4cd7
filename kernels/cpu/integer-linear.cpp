#include "integer-linear.h"

#include <string.h>

#include "integer-kernels.h"
#include "quantize.h"
#include "thread-pool.h"

namespace cider {
namespace {

constexpr size_t ALIGNMENT = 64;

// Packed activations between two barriers: they share a core's second-level cache with two panels of weights.
constexpr size_t CHUNK_BYTES = size_t{768} << 10;

// Ranges of panels that a thread gets at a time are this many times as many as threads, so that one that is held up
// does not hold up all.
constexpr uint32_t TASKS_PER_THREAD = 8;

// How far ahead of a kernel that reads each panel but once the weights are fetched: for one row, and for more.
constexpr size_t ROW_PREFETCH = 2048;
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
  return {&format, axis, shape.n, columns, divide_up(shape.n, columns), code_bytes, code_bytes + float_bytes};
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

// Rows cut into as few tiles as possible, evenly, and those into chunks.
struct Tiling {
  uint32_t rows, row_multiple;
  uint32_t tiles, chunks;
};

Tiling tiling_of(const PackedWeight &weight, uint32_t rows) {
  const IntegerFormat &format = *weight.format;
  const size_t tile_bytes = padded_k(weight.axis) * format.max_rows * format.activation_bytes;
  const uint32_t fitting = tile_bytes < CHUNK_BYTES ? static_cast<uint32_t>(CHUNK_BYTES / tile_bytes) : 1;
  const uint32_t tiles = divide_up(rows, format.max_rows);
  return {rows, format.row_multiple, tiles, divide_up(tiles, fitting)};
}

Range rows_of(const Tiling &tiling, uint32_t tile) {
  const Range part = part_of(divide_up(tiling.rows, tiling.row_multiple), tiling.tiles, tile);
  return {part.begin * tiling.row_multiple, smaller(part.end * tiling.row_multiple, tiling.rows)};
}

Range tiles_of(const Tiling &tiling, uint32_t chunk) { return part_of(tiling.tiles, tiling.chunks, chunk); }

// Memory for the tiles of one chunk.
struct ChunkMemory {
  size_t tile_bytes, start_count, tile_rows;
  uint8_t *codes;  // [tiles, tile_bytes]
  int32_t *starts; // [tiles, start_count]
  float *scales;   // [tiles, tile_rows]
};

ChunkMemory take_chunk(Carver &carver, const PackedWeight &weight, const Tiling &tiling) {
  const IntegerFormat &format = *weight.format;
  const size_t tiles = divide_up(tiling.tiles, tiling.chunks);
  const uint32_t tile_rows = round_up(divide_up(tiling.rows, tiling.tiles), format.row_multiple);
  ChunkMemory chunk = {};
  chunk.tile_bytes = aligned(padded_k(weight.axis) * tile_rows * format.activation_bytes + TILE_SLACK);
  chunk.start_count = aligned(size_t{weight.axis.groups} * tile_rows * sizeof(int32_t) + TILE_SLACK) / sizeof(int32_t);
  chunk.tile_rows = tile_rows;
  chunk.codes = carver.take<uint8_t>(tiles * chunk.tile_bytes);
  chunk.starts = carver.take<int32_t>(tiles * chunk.start_count);
  chunk.scales = carver.take<float>(tiles * tile_rows);
  return chunk;
}

// The `index`-th tile of a chunk.
ActivationTile tile_at(const ChunkMemory &chunk, uint32_t index, Range rows) {
  return {chunk.codes + index * chunk.tile_bytes, chunk.starts + index * chunk.start_count,
          chunk.scales + index * chunk.tile_rows, rows.end - rows.begin};
}

template <typename Out>
using Multiply = void (*)(const ActivationTile &, const WeightPanel &, const KAxis &, Out *, size_t);

// What the kernel fetches while it multiplies one of the tiles by a panel: its share of the next panel. All at once,
// the fetches would occupy the buffers that the kernel's own reads need.
void set_prefetch(const PackedWeight &weight, uint32_t tile, uint32_t tiles, WeightPanel &panel) {
  const uintptr_t codes = reinterpret_cast<uintptr_t>(panel.codes);
  if (tiles == 1) {
    panel.prefetch = codes + TILE_PREFETCH;
    return;
  }
  const size_t block_bytes = size_t{weight.columns} * weight.format->block;
  panel.prefetch_step = static_cast<uint32_t>(block_bytes / tiles);
  panel.prefetch = codes + weight.panel_bytes + tile * (weight.code_bytes / block_bytes * panel.prefetch_step);
}

// out [rows, N] of a range of tiles. `edges` [threads, max_rows, columns] takes what a last panel would write beyond N.
template <typename Out>
void multiply_chunk(ThreadPool &pool, const PackedWeight &weight, const void *packed, const Tiling &tiling, Range tiles,
                    const ChunkMemory &chunk, Multiply<Out> multiply, Out *edges, Out *out) {
  const uint32_t wanted = TASKS_PER_THREAD * pool.threads();
  const uint32_t ranges = smaller(weight.panels, wanted);
  const uint32_t count = tiles.end - tiles.begin;
  const uint32_t blocks = smaller(count, divide_up(wanted, ranges));
  parallel(pool, ranges * blocks, [&](uint32_t task, uint32_t thread) {
    const Range panels = part_of(weight.panels, ranges, task % ranges);
    const Range block = part_of(count, blocks, task / ranges);
    for (uint32_t p = panels.begin; p < panels.end; p++) {
      WeightPanel panel = panel_of(weight, packed, p);
      const uint32_t first = p * weight.columns;
      const uint32_t columns = smaller(weight.columns, weight.n - first);
      for (uint32_t t = block.begin; t < block.end; t++) {
        const Range rows = rows_of(tiling, tiles.begin + t);
        const ActivationTile tile = tile_at(chunk, t, rows);
        if (tile.rows > 1) set_prefetch(weight, t - block.begin, block.end - block.begin, panel);
        Out *to = out + size_t{rows.begin} * weight.n + first;
        if (columns == weight.columns) {
          multiply(tile, panel, weight.axis, to, weight.n);
        } else {
          Out *edge = edges + size_t{thread} * weight.format->max_rows * weight.columns;
          multiply(tile, panel, weight.axis, edge, weight.columns);
          for (uint32_t row = 0; row < tile.rows; row++) {
            memcpy(to + size_t{row} * weight.n, edge + size_t{row} * weight.columns, columns * sizeof(Out));
          }
        }
      }
    }
  });
}

// Chunk by chunk: pack(first row, tile, thread) for each tile, then the product.
template <typename Out, typename Pack>
void multiply_rows(ThreadPool &pool, const PackedWeight &weight, const void *packed, const Tiling &tiling,
                   const ChunkMemory &chunk, Multiply<Out> multiply, Out *edges, Out *out, const Pack &pack) {
  for (uint32_t c = 0; c < tiling.chunks; c++) {
    const Range tiles = tiles_of(tiling, c);
    parallel(pool, tiles.end - tiles.begin, [&](uint32_t t, uint32_t thread) {
      const Range rows = rows_of(tiling, tiles.begin + t);
      pack(rows.begin, tile_at(chunk, t, rows), thread);
    });
    multiply_chunk(pool, weight, packed, tiling, tiles, chunk, multiply, edges, out);
  }
}

// Rows of codes are this far apart: rows of a power of two would all fall into the same sets of a cache.
size_t code_stride(uint32_t k) { return aligned(k) + ALIGNMENT; }

struct LinearScratch {
  ChunkMemory chunk;
  int8_t *codes; // [threads, max_rows, code_stride]
  float *edges;  // [threads, max_rows, columns]
  size_t bytes;
};

LinearScratch linear_scratch(void *memory, const PackedWeight &weight, const Tiling &tiling, uint32_t threads) {
  Carver carver(memory);
  const size_t max_rows = weight.format->max_rows;
  LinearScratch scratch;
  scratch.chunk = take_chunk(carver, weight, tiling);
  scratch.codes = carver.take<int8_t>(threads * max_rows * code_stride(weight.axis.k));
  scratch.edges = carver.take<float>(threads * max_rows * weight.columns);
  scratch.bytes = carver.bytes();
  return scratch;
}

void multiply_quantized(const PackedWeight &weight, const QuantizeKernels &quantize, ThreadPool &pool,
                        const IntegerLinearArgs &args) {
  const Tiling tiling = tiling_of(weight, args.rows);
  const LinearScratch scratch = linear_scratch(args.scratch, weight, tiling, pool.threads());
  const IntegerFormat &format = *weight.format;
  const uint32_t k = weight.axis.k;
  const size_t stride = code_stride(k);
  const auto multiply = args.shape.group_size == 0 ? format.multiply_by_channel : format.multiply_by_group;
  multiply_rows(pool, weight, args.packed, tiling, scratch.chunk, multiply, scratch.edges, args.out,
                [&](uint32_t first, const ActivationTile &tile, uint32_t thread) {
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
  float *x;     // [padded_k]
  float *edges; // [threads, columns]
  size_t bytes;
};

VectorScratch vector_scratch(void *memory, const PackedWeight &weight, uint32_t threads) {
  Carver carver(memory);
  VectorScratch scratch;
  scratch.x = carver.take<float>(padded_k(weight.axis));
  scratch.edges = carver.take<float>(size_t{threads} * weight.columns);
  scratch.bytes = carver.bytes();
  return scratch;
}

void multiply_vector(const PackedWeight &weight, ThreadPool &pool, const IntegerLinearArgs &args) {
  const VectorScratch scratch = vector_scratch(args.scratch, weight, pool.threads());
  const KAxis &axis = weight.axis;
  float *x = scratch.x;
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t size = group_size(axis, group);
    const uint32_t padded = padded_group_size(axis, group);
    memcpy(x, args.x + size_t{group} * axis.group_size, size * sizeof(float));
    memset(x + size, 0, (padded - size) * sizeof(float));
    x += padded;
  }
  const uint32_t ranges = smaller(weight.panels, TASKS_PER_THREAD * pool.threads());
  parallel(pool, ranges, [&](uint32_t task, uint32_t thread) {
    const Range panels = part_of(weight.panels, ranges, task);
    for (uint32_t p = panels.begin; p < panels.end; p++) {
      const uint32_t first = p * weight.columns;
      const uint32_t columns = smaller(weight.columns, weight.n - first);
      float *edge = scratch.edges + size_t{thread} * weight.columns;
      weight.format->multiply_vector(scratch.x, panel_of(weight, args.packed, p), axis, edge);
      memcpy(args.out + first, edge, columns * sizeof(float));
    }
  });
}

// ---- bare products ----

struct MatmulScratch {
  ChunkMemory chunk;
  uint8_t *packed; // b
  int32_t *edges;  // [threads, max_rows, columns]
  size_t bytes;
};

MatmulScratch matmul_scratch(void *memory, const PackedWeight &b, const Tiling &tiling, uint32_t threads) {
  Carver carver(memory);
  MatmulScratch scratch;
  scratch.chunk = take_chunk(carver, b, tiling);
  scratch.packed = carver.take<uint8_t>(b.panels * b.panel_bytes);
  scratch.edges = carver.take<int32_t>(size_t{threads} * b.format->max_rows * b.columns);
  scratch.bytes = carver.bytes();
  return scratch;
}

bool is_vector(const IntegerLinearArgs &args) { return args.rows == 1 && !args.quantize_single_row; }

} // namespace

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
  const size_t quantized = linear_scratch(nullptr, weight, tiling_of(weight, rows), threads).bytes;
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
  return matmul_scratch(nullptr, weight, tiling_of(weight, m), threads).bytes;
}

void integer_matmul(const IntegerKernels &kernels, ThreadPool &pool, const IntegerMatmulArgs &args) {
  const PackedWeight weight = packed_weight(kernels, {args.n, args.k, 0, 8});
  const Tiling tiling = tiling_of(weight, args.m);
  const MatmulScratch scratch = matmul_scratch(args.scratch, weight, tiling, pool.threads());
  parallel(pool, weight.panels, [&](uint32_t panel, uint32_t) {
    pack_panel_codes(weight, 8, args.b, panel, scratch.packed + panel * weight.panel_bytes);
  });
  multiply_rows(pool, weight, scratch.packed, tiling, scratch.chunk, weight.format->multiply_int32, scratch.edges,
                args.out, [&](uint32_t first, const ActivationTile &tile, uint32_t) {
                  weight.format->pack_tile(args.a + size_t{first} * args.k, args.k, tile.rows, weight.axis, tile.codes,
                                           tile.starts);
                });
}

} // namespace cider
