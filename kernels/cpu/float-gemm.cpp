#include "float-gemm.h"

#include <string.h>

namespace cider {
namespace {

// Consecutive k that are multiplied at a time; even, for codes of which two share a byte. The widened elements of a
// panel take half a first-level cache at most, and the tiles of a block half a second-level one.
constexpr uint32_t BLOCK_DEPTH = 256;

// Floats of activations that fit into half a second-level cache.
constexpr size_t CACHED_FLOATS = size_t{1} << 17;

// The end of the block of k that begins at `from`: whole groups, or a part of one.
uint32_t block_end(const PackedWeight &weight, uint32_t from) {
  const size_t group_size = weight.layout.group_size;
  const size_t whole_groups = size_t{from} + BLOCK_DEPTH / group_size * group_size;
  const size_t group_end = (from / group_size + 1) * group_size;
  const size_t part = size_t{from} + BLOCK_DEPTH < group_end ? size_t{from} + BLOCK_DEPTH : group_end;
  const size_t end = group_size <= BLOCK_DEPTH ? whole_groups : part;
  return end < weight.shape.k ? static_cast<uint32_t>(end) : weight.shape.k;
}

// Elements [end - from, panel] of a panel as f32, in scratch.
void widen(const PackedWeight &weight, const uint8_t *panel, uint32_t from, uint32_t end, float *scratch) {
  const PanelLayout &layout = weight.layout;
  const Widen widen = weight.kernels.widen[static_cast<uint32_t>(weight.shape.format)];
  while (from < end) {
    const uint32_t group = from / layout.group_size;
    const uint32_t depth = least(end - from, layout.group_size - from % layout.group_size);
    const float *header = reinterpret_cast<const float *>(panel + group * layout.group_bytes);
    widen(panel + panel_offset(weight, from), header, depth, scratch);
    scratch += size_t{depth} * layout.panel;
    from += depth;
  }
}

void copy_rows(const float *from, size_t from_stride, float *to, size_t to_stride, uint32_t rows, uint32_t columns) {
  for (uint32_t i = 0; i < rows; i++) memcpy(to + i * to_stride, from + i * from_stride, columns * sizeof(float));
}

// Some K of a panel.
struct PanelPart {
  uint32_t panel, begin, end;
};

// Fetches a part of a panel in so many steps of equal size, since memory is slower than the products of a few tiles.
class Fetch {
public:
  Fetch(const PackedWeight &weight, const PanelPart &part, uint32_t steps) {
    const char *panel = reinterpret_cast<const char *>(weight.panels) + part.panel * weight.layout.panel_bytes;
    next_ = panel + panel_offset(weight, part.begin);
    end_ = panel + panel_offset(weight, part.end);
    lines_ = divide_up(static_cast<size_t>(end_ - next_), ALIGNMENT * steps);
  }

  const char *next() const { return next_; }
  size_t lines() const { return next_ < end_ ? lines_ : 0; }
  void advance(uint32_t steps) { next_ += lines() * ALIGNMENT * steps; }

private:
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
  float *elements = scratch;
  float *edge = scratch + size_t{BLOCK_DEPTH} * panel; // [tile_rows, panel]
  widen(weight, weight.panels + part.panel * weight.layout.panel_bytes, part.begin, part.end, elements);
  Fetch fetch(weight, next, (tiles.end - tiles.begin) * divide_up(depth, FETCH_DEPTH));
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
        .tile = x.values + size_t{row} * x.k + size_t{part.begin} * rows,
        .panel = elements,
        .depth = depth,
        .addend = is_first ? bias : sums,
        .addend_stride = is_first ? 0 : sums_stride,
        .out = sums,
        .out_stride = sums_stride,
        .next = fetch.next(),
        .next_lines = fetch.lines(),
    });
    fetch.advance(divide_up(depth, FETCH_DEPTH));
    if (!is_whole) copy_rows(edge, panel, target, stride, rows, columns);
  }
}

// The parts of a range of panels in the order in which they are multiplied. Rows that stay in a cache are multiplied by
// one whole panel after the other, since memory is fastest when it is read in order; others by parts of all panels, so
// that the part of the rows that goes with them stays there.
class Parts {
public:
  Parts(const PackedWeight &weight, Range panels, bool by_panel)
      : weight_(weight), panels_(panels), by_panel_(by_panel), part_{panels.begin, 0, block_end(weight, 0)} {}

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
    part_.end = block_end(weight_, part_.begin);
  }

private:
  const PackedWeight &weight_;
  Range panels_;
  bool by_panel_;
  PanelPart part_;
};

} // namespace

size_t gemm_scratch_floats(const FloatKernels &kernels) {
  return size_t{BLOCK_DEPTH + kernels.tile_rows} * kernels.panel;
}

void multiply_panels(const PackedWeight &weight, const PackedRows &x, Range tiles, Range panels, float *out,
                     size_t stride, float *scratch) {
  const uint32_t rows = first_row(x, tiles.end) - first_row(x, tiles.begin);
  Parts parts(weight, panels, size_t{rows} * x.k <= CACHED_FLOATS);
  while (!parts.is_at_end()) {
    const PanelPart part = parts.current();
    parts.advance();
    const PanelPart next = parts.is_at_end() ? part : parts.current();
    multiply_part(weight, x, tiles, part, next, out + size_t{part.panel - panels.begin} * weight.layout.panel, stride,
                  scratch);
  }
}

} // namespace cider
