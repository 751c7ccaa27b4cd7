#include "float-gemm.h"

#include "float-gemm-split.h"

#include <string.h>

namespace cider {
namespace {

// Consecutive k that are multiplied at a time; even, for codes of which two share a byte. A panel of so many stays in a
// second-level cache, which is fast enough for it, and sums are seldom stored and loaded again.
constexpr uint32_t BLOCK_DEPTH = 576;
// The same for a single tile, which takes each panel but once: what was widened stays in a first-level cache.
constexpr uint32_t SINGLE_TILE_DEPTH = 128;

// How far ahead of a kernel elements are fetched that it reads in one go.
constexpr size_t FETCH_AHEAD = 3072;

// Floats of activations that fit into half a second-level cache.
constexpr size_t CACHED_FLOATS = size_t{1} << 17;

// k that are multiplied at a time, at most. Elements that need not be widened take a single tile in one go.
uint32_t block_depth(const PackedWeight &weight, bool is_single_tile) {
  if (!is_single_tile) return BLOCK_DEPTH;
  return weight.shape.format == FloatFormat::f32 ? weight.shape.k : SINGLE_TILE_DEPTH;
}

// The end of the block of k that begins at `from`: whole groups, or a part of one; blocks of a group, or of the whole,
// are of nearly equal size.
uint32_t block_end(const PackedWeight &weight, uint32_t from, uint32_t depth) {
  const uint32_t k = weight.shape.k;
  const uint32_t group_size = weight.layout.group_size;
  if (group_size <= depth)
    return depth / group_size * group_size < k - from ? from + depth / group_size * group_size : k;
  const uint32_t begin = from / group_size * group_size;
  const uint32_t size = least(group_size, k - begin);
  const uint32_t block = divide_up(divide_up(size, divide_up(size, depth)), 2u) * 2;
  return begin + least(from - begin + block, size);
}

void copy_rows(const float *from, size_t from_stride, float *to, size_t to_stride, uint32_t rows, uint32_t columns) {
  for (uint32_t i = 0; i < rows; i++) memcpy(to + i * to_stride, from + i * from_stride, columns * sizeof(float));
}

// Some K of a panel.
struct PanelPart {
  uint32_t panel, begin, end;
};

// The elements of a part [depth, panel] as f32: in scratch, or where they are if they are f32.
const float *widened(const PackedWeight &weight, const PanelPart &part, float *scratch) {
  if (weight.shape.format == FloatFormat::f32) {
    const uint8_t *panel = weight.panels + part.panel * weight.layout.panel_bytes;
    return reinterpret_cast<const float *>(panel + panel_offset(weight, part.begin));
  }
  widen_panel(weight, part.panel, part.begin, part.end, scratch);
  return scratch;
}

// What is fetched while tiles are multiplied by a part of a panel, in steps of FETCH_DEPTH k.
class Fetch {
public:
  // All of the next part, since memory is slower than the products of a few tiles.
  static Fetch next_part(const PackedWeight &weight, const PanelPart &part, size_t steps) {
    const char *panel = reinterpret_cast<const char *>(weight.panels) + part.panel * weight.layout.panel_bytes;
    const char *begin = panel + panel_offset(weight, part.begin);
    const char *end = panel + panel_offset(weight, part.end);
    return {begin, end, divide_up(static_cast<size_t>(end - begin), ALIGNMENT * steps)};
  }

  // What lies ahead of `elements` [depth, panel].
  static Fetch ahead(const PackedWeight &weight, const float *elements, uint32_t depth) {
    const char *begin = reinterpret_cast<const char *>(elements) + FETCH_AHEAD;
    const size_t step_bytes = size_t{FETCH_DEPTH} * weight.layout.panel * sizeof(float);
    return {begin, begin + depth * step_bytes / FETCH_DEPTH, step_bytes / ALIGNMENT};
  }

  const char *next() const { return next_; }
  size_t lines() const { return next_ < end_ ? lines_ : 0; }
  void advance(uint32_t steps) { next_ += lines() * ALIGNMENT * steps; }

private:
  Fetch(const char *next, const char *end, size_t lines) : next_(next), end_(end), lines_(lines) {}
  const char *next_, *end_;
  size_t lines_; // a step
};

// Adds the products of tiles and a part of a panel to out, or to the bias where K begins. Meanwhile `next` is fetched.
void multiply_part(const PackedWeight &weight, const PackedRows &x, Range tiles, const PanelPart &part,
                   const PanelPart &next, float *out, size_t stride, float *scratch) {
  const uint32_t panel = weight.layout.panel;
  const uint32_t columns = least(panel, weight.shape.n - part.panel * panel);
  const uint32_t depth = part.end - part.begin;
  const float *bias = weight.bias + size_t{part.panel} * panel;
  float *edge = scratch + size_t{BLOCK_DEPTH} * panel; // [tile_rows, panel]
  const float *elements = widened(weight, part, scratch);
  const uint32_t steps = divide_up(depth, FETCH_DEPTH);
  const bool in_one_go = depth == weight.shape.k && tiles.end - tiles.begin == 1;
  Fetch fetch = in_one_go ? Fetch::ahead(weight, elements, depth)
                          : Fetch::next_part(weight, next, size_t{tiles.end - tiles.begin} * steps);
  for (uint32_t tile = tiles.begin; tile < tiles.end; tile++) {
    const uint32_t row = first_row(x, tile);
    const uint32_t rows = first_row(x, tile + 1) - row;
    float *target = out + (row - first_row(x, tiles.begin)) * stride;
    // Where out has no whole panel left, sums pass through scratch.
    const bool is_whole = columns == panel;
    float *sums = is_whole ? target : edge;
    const size_t sums_stride = is_whole ? stride : panel;
    const bool is_first = part.begin == 0;
    if (!is_whole && !is_first) copy_rows(target, stride, edge, panel, rows, columns);
    weight.kernels.multiply[rows]({
        .tile = x.values + size_t{row} * x.padded_k + size_t{part.begin} * rows,
        .panel = elements,
        .depth = depth,
        .addend = is_first ? bias : sums,
        .addend_stride = is_first ? 0 : sums_stride,
        .out = sums,
        .out_stride = sums_stride,
        .next = fetch.next(),
        .next_lines = fetch.lines(),
    });
    fetch.advance(steps);
    if (!is_whole) copy_rows(edge, panel, target, stride, rows, columns);
  }
}

// The parts of a range of panels in the order in which they are multiplied. Rows that stay in a cache are multiplied by
// one whole panel after the other, since memory is fastest when it is read in order; others by parts of all panels, so
// that the part of the rows that goes with them stays there.
class Parts {
public:
  Parts(const PackedWeight &weight, Range panels, uint32_t depth, bool by_panel)
      : weight_(weight), panels_(panels), depth_(depth), by_panel_(by_panel),
        part_{panels.begin, 0, block_end(weight, 0, depth)} {}

  const PanelPart &current() const { return part_; }
  bool is_at_end() const { return part_.panel == panels_.end; }

  void advance() {
    const uint32_t k = weight_.shape.k;
    if (by_panel_) {
      part_.begin = part_.end;
      if (part_.begin == k) part_ = {part_.panel + 1, 0, 0};
    } else if (++part_.panel == panels_.end && part_.end < k) {
      part_ = {panels_.begin, part_.end, 0};
    }
    part_.end = block_end(weight_, part_.begin, depth_);
  }

private:
  const PackedWeight &weight_;
  Range panels_;
  uint32_t depth_;
  bool by_panel_;
  PanelPart part_;
};

} // namespace

size_t gemm_scratch_floats(const FloatKernels &kernels, const RowLayout &layout) {
  if (layout.is_split) return split_scratch_floats(kernels);
  return size_t{BLOCK_DEPTH + kernels.tile_rows} * kernels.panel;
}

void multiply_panels(const PackedWeight &weight, const PackedRows &x, Range tiles, Range panels, float *out,
                     size_t stride, float *scratch) {
  if (x.is_split) {
    return multiply_panels_split(weight, x, tiles, panels, out, stride, scratch);
  }
  const uint32_t rows = first_row(x, tiles.end) - first_row(x, tiles.begin);
  Parts parts(weight, panels, block_depth(weight, tiles.end - tiles.begin == 1),
              size_t{rows} * x.padded_k <= CACHED_FLOATS);
  while (!parts.is_at_end()) {
    const PanelPart part = parts.current();
    parts.advance();
    const PanelPart next = parts.is_at_end() ? part : parts.current();
    multiply_part(weight, x, tiles, part, next, out + size_t{part.panel - panels.begin} * weight.layout.panel, stride,
                  scratch);
  }
}

} // namespace cider
