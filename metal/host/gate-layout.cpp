#include "gate.h"

#include "../../kernels/metal/lanes.h"
#include "../../kernels/metal/parameters.h"

#include <stdio.h>

namespace cider::metal {

namespace {

constexpr uint32_t lanes = 32;

struct Coordinates {
  int32_t fast, slow; // indices [0] and [1]
};

// A tensor of the product: its elements a lane, and which of them element i of a lane is.
struct TensorLayout {
  const char *name;
  int32_t capacity;
  Coordinates (*element)(uint32_t lane, uint32_t i);
};

Coordinates of(uint32_t column, uint32_t row) { return {static_cast<int32_t>(column), static_cast<int32_t>(row)}; }

constexpr TensorLayout layouts[] = {
    {"left", 8,
     [](uint32_t lane, uint32_t i) {
       return of(lane_column(lane) + element_column(i), lane_row(lane) + element_row(i));
     }},
    {"right", 16,
     [](uint32_t lane, uint32_t i) {
       return of(lane_column(lane) + element_column(i), lane_row(lane) + element_row(i) + element_fragment(i));
     }},
    {"destination", 16,
     [](uint32_t lane, uint32_t i) {
       return of(lane_column(lane) + element_column(i) + element_fragment(i), lane_row(lane) + element_row(i));
     }},
};

// What the probe found of a lane.
struct LaneDump {
  int32_t capacity;
  struct {
    int32_t is_valid;
    Coordinates at;
  } elements[PROBE_ELEMENTS];
};
static_assert(sizeof(LaneDump) == PROBE_WORDS * sizeof(int32_t));

bool matches(const TensorLayout &layout, const LaneDump *dump) {
  for (uint32_t lane = 0; lane < lanes; lane++) {
    if (dump[lane].capacity != layout.capacity) return false;
    for (uint32_t i = 0; i < static_cast<uint32_t>(layout.capacity); i++) {
      const auto &[is_valid, at] = dump[lane].elements[i];
      const Coordinates expected = layout.element(lane, i);
      if (is_valid != 1 || at.fast != expected.fast || at.slow != expected.slow) return false;
    }
  }
  return true;
}

// All that was found, for the table that this GPU would need: "lane: [0],[1] …".
void append_dump(const LaneDump *dump, Text &text) {
  for (uint32_t lane = 0; lane < lanes; lane++) {
    text.format("%s%u:", lane == 0 ? "" : "; ", lane);
    for (uint32_t i = 0; i < PROBE_ELEMENTS && static_cast<int32_t>(i) < dump[lane].capacity; i++) {
      const auto &[is_valid, at] = dump[lane].elements[i];
      if (is_valid == 1) {
        text.format(" %d,%d", at.fast, at.slow);
      } else {
        text.append(" -");
      }
    }
  }
}

} // namespace

bool check_layout(Device &device, Verdict &verdict) {
  id out;
  const uint64_t bytes = sizeof(LaneDump) * lanes * 3;
  if (new_buffer(device, bytes, &out) != CIDER_OK) {
    note(verdict, Outcome::fail, "layout", "%s", cider_last_error());
    return false;
  }
  const Owned owned_out(out);
  const Argument arguments[] = {whole(out)};
  if (launch(device, {probe_library, "probe_layout", lanes}, arguments, {1, 1, 1}, 1) != CIDER_OK ||
      device.commands.wait() != CIDER_OK) {
    verdict.is_final = false;
    note(verdict, Outcome::fail, "layout", "%s", cider_last_error());
    return false;
  }
  bool all_match = true;
  const auto *dump = static_cast<const LaneDump *>(contents_of(out));
  for (const TensorLayout &layout : layouts) {
    char name[32];
    snprintf(name, sizeof name, "layout of %s", layout.name);
    if (matches(layout, dump)) {
      note(verdict, Outcome::ok, name, "%d elements a lane, as in the table", layout.capacity);
    } else {
      all_match = false;
      Text found;
      append_dump(dump, found);
      note(verdict, Outcome::fail, name, "%d elements a lane, not as in the table: %s", dump[0].capacity,
           found.words());
    }
    dump += lanes;
  }
  return all_match;
}

void report_arithmetic(Device &device, Verdict &verdict) {
  constexpr float inputs[PROBE_INPUTS] = {0x1p-100f, 0x1p-40f, 0x1p-140f, 1 + 0x1p-12f, -(1 + 0x1p-11f)};
  id out;
  if (new_buffer(device, PROBE_RESULTS * sizeof(float), &out) != CIDER_OK) return;
  const Owned owned_out(out);
  id in;
  if (new_buffer_of(device, inputs, sizeof inputs, &in) != CIDER_OK) return;
  const Owned owned_in(in);
  const Argument arguments[] = {whole(in), whole(out)};
  if (launch(device, {probe_library, "probe_arithmetic", 1}, arguments, {1, 1, 1}, 1) != CIDER_OK ||
      device.commands.wait() != CIDER_OK) {
    note(verdict, Outcome::warn, "arithmetic", "%s", cider_last_error());
    return;
  }
  const auto *results = static_cast<const float *>(contents_of(out));
  note(verdict, Outcome::ok, "subnormals", "results %s, operands %s", results[0] == 0 ? "flushed" : "kept",
       results[1] == 0 ? "flushed" : "kept");
  const bool is_contracted = results[2] != 0;
  note(verdict, is_contracted ? Outcome::warn : Outcome::ok, "contraction", "%s",
       is_contracted ? "products and sums are fused" : "products and sums are rounded by themselves");
  const bool is_exact = results[3] == 0x1p-140f && results[4] == 0x1p-139f;
  note(verdict, is_exact ? Outcome::ok : Outcome::fail, "exact floats", "%a and %a", static_cast<double>(results[3]),
       static_cast<double>(results[4]));
}

} // namespace cider::metal
