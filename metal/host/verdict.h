// What the trial of this machine found: which ways to multiply integers give the bits of docs/numerics.md.
#pragma once

#include "device.h"

namespace cider::metal {

struct Verdict {
  bool passed[path_count];
  bool has_native_int4, has_float_tensors;
  // Whether it is worth keeping: nothing failed that may work the next time.
  bool is_final;
  Text report; // as cider_backend_report gives it

  bool any() const;
  // The best path that passed, which there must be.
  Path best() const;
};

enum class Outcome { ok, warn, fail };

// A line of the report. Tabs and newlines of the detail become spaces.
[[gnu::format(printf, 4, 5)]] void note(Verdict &verdict, Outcome outcome, const char *name, const char *format, ...);

// A verdict of an earlier process for this machine, its system, the kernels and the ABI of this library.
bool read_verdict(const Machine &machine, const char *cache, Verdict &verdict);
void write_verdict(const Machine &machine, const char *cache, const Verdict &verdict);

// The verdict of this process: that of an earlier one if `cache` has it, else that of a trial. Null, with a text for
// cider_last_error, on a machine without Metal.
const Verdict *find_verdict(const char *cache);

} // namespace cider::metal
