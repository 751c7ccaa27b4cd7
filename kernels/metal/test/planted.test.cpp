// Bugs that others have had in such kernels, planted into ours one at a time: each must make a comparison fail, or the
// emulator complain, or the program end at the edge of its memory.
#include "integer-layer.h"
#include "integer-vector.h"
#include "quantized-rows.h"

#include <sys/wait.h>
#include <unistd.h>

namespace cider::test {
namespace {

struct Change {
  const char *file, *text, *replacement;
};

struct Bug {
  const char *name;
  Change changes[2];
  const char *kernels; // the file
  unsigned long language;
  void (*check)(Kernels &kernels); // passes without the changes
  bool compiles = true;
  bool needs_optimizer = false; // otherwise not, which compiles in half the time
};

constexpr unsigned long language_3_1 = 0x30001, language_4_0 = 0x40000;

// ---- what finds them ----

constexpr uint32_t MANY_CODES = 600; // beyond where simdgroups meet

template <const Products &PRODUCTS>
void few_rows(Kernels &kernels) {
  check_layer(kernels, PRODUCTS, 1, {7, 32, 64, 8, 0, Values::RANDOM});
}
template <const Products &PRODUCTS>
void few_columns(Kernels &kernels) {
  check_layer(kernels, PRODUCTS, 1, {32, 40, MANY_CODES, 8, 0, Values::RANDOM});
}
template <const Products &PRODUCTS>
void groups(Kernels &kernels) {
  check_layer(kernels, PRODUCTS, 1, {32, 32, 200, 8, 64, Values::RANDOM});
}
template <const Products &PRODUCTS>
void tiny_outputs(Kernels &kernels) {
  check_layer(kernels, PRODUCTS, 2, {32, 32, 64, 8, 0, Values::TINY});
}
template <const Products &PRODUCTS>
void tiny_scales(Kernels &kernels) {
  check_layer(kernels, PRODUCTS, 2, {32, 32, 64, 8, 32, Values::TINY});
}
template <const Products &PRODUCTS>
void far_weights(Kernels &kernels) {
  check_far_weights(kernels, PRODUCTS);
}
template <const Products &PRODUCTS>
void odd_rows(Kernels &kernels) {
  check_layer(kernels, PRODUCTS, 1, {7, 32, 64, 8, 0, Values::RANDOM, 3});
}
void odd_vector(Kernels &kernels) { check_vector(kernels, 1, {9, 256, 8, 0, 3}, 256, 0.0f); }
void uneven_vector(Kernels &kernels) { check_vector(kernels, 1, {9, 300, 8, 0, 0}, 300, 0.0f); }
void missing_outputs(Kernels &kernels) { check_vector(kernels, 1, {9, 256, 8, 0, 0}, 256, 0.0f); }
void short_rows(Kernels &kernels) {
  Random random(1);
  QuantizedRows rows(3, 70);
  for (uint32_t i = 0; i < 3; i++) {
    for (uint32_t k = 0; k < 70; k++) rows.row(i)[k] = random.uniform(-1.0f, 1.0f);
  }
  rows.check(kernels, "short rows");
}

// ---- the bugs ----

constexpr char FRAGMENTS_FILE[] = "integer-gemm-fragments.metal", TENSORS_FILE[] = "integer-gemm-tensors.metal",
               PLAIN_FILE[] = "integer-gemm-plain.metal", VECTOR_FILE[] = "integer-mv.metal",
               QUANTIZE_FILE[] = "quantize.metal";

constexpr Bug BUGS[] = {
    {"a single row whose K is no multiple of 256",
     {{VECTOR_FILE, "if (k + 8 <= end) {", "if (true) {"}, {VECTOR_FILE, "k + 8 > p.k ", "false "}},
     VECTOR_FILE,
     language_3_1,
     uneven_vector},
    {"a single row with more outputs than there are",
     {{VECTOR_FILE, "if (lane != 0 || first + i >= p.n) continue;", "if (lane != 0) continue;"}},
     VECTOR_FILE,
     language_3_1,
     missing_outputs},

    {"a single row loads words from anywhere",
     {{VECTOR_FILE, "p.is_aligned != 0 ?", "true ?"}},
     VECTOR_FILE,
     language_3_1,
     odd_vector},
    {"words are loaded from anywhere, fragments",
     {{FRAGMENTS_FILE, "rows.are_aligned = is_aligned != 0;", "rows.are_aligned = true;"}},
     FRAGMENTS_FILE,
     language_4_0,
     odd_rows<FRAGMENTS>},

    {"rows past M are read, fragments",
     {{FRAGMENTS_FILE,
       "block.rows, p.x_stride, block.row, p.is_aligned);\n  const LaneRows weight_rows =\n"
       "      lane_rows(weight, block.first_n, block.columns, p.weight_stride, block.row, p.is_aligned);\n  set_zero",
       "BLOCK, p.x_stride, block.row, p.is_aligned);\n  const LaneRows weight_rows =\n"
       "      lane_rows(weight, block.first_n, block.columns, p.weight_stride, block.row, p.is_aligned);\n  set_zero"}},
     FRAGMENTS_FILE,
     language_4_0,
     few_rows<FRAGMENTS>},
    {"rows past M are read, tensors",
     {{"tensor-gemm.h", "min(tile_rows, rows - first)", "tile_rows"}},
     TENSORS_FILE,
     language_4_0,
     few_rows<TENSORS>},
    {"rows past M are read, plain",
     {{PLAIN_FILE, "if (first + row < rows) {", "if (true) {"}},
     PLAIN_FILE,
     language_3_1,
     few_rows<PLAIN>},
    {"rows past M are written",
     {{FRAGMENTS_FILE, "row < block.rows && column", "column"}},
     FRAGMENTS_FILE,
     language_4_0,
     few_rows<FRAGMENTS>},
    {"rows past N are read, fragments",
     {{FRAGMENTS_FILE, "block.columns, p.weight_stride, block.row, p.is_aligned);\n  set_zero",
       "BLOCK, p.weight_stride, block.row, p.is_aligned);\n  set_zero"}},
     FRAGMENTS_FILE,
     language_4_0,
     few_columns<FRAGMENTS>},
    {"rows past N are read, tensors",
     {{"tensor-gemm.h", "min(tile_rows, rows - first)", "tile_rows"}},
     TENSORS_FILE,
     language_4_0,
     few_columns<TENSORS>},
    {"columns past N are written",
     {{FRAGMENTS_FILE, "row < block.rows && column < block.columns", "row < block.rows"}},
     FRAGMENTS_FILE,
     language_4_0,
     few_columns<FRAGMENTS>},
    {"columns past N are written, tensors",
     {{"tensor-gemm.h", " && column < p.n - tile.first_n", ""}},
     TENSORS_FILE,
     language_4_0,
     few_columns<TENSORS>},
    {"codes past K are multiplied",
     {{"codes.h", "if (k + i < end)", "if (true)"}, {"codes.h", "if (k + 4 + i < end)", "if (true)"}},
     FRAGMENTS_FILE,
     language_4_0,
     groups<FRAGMENTS>},
    {"offsets of 32 bits, fragments",
     {{FRAGMENTS_FILE, "codes + ulong(first) * stride", "codes + first * stride"}},
     FRAGMENTS_FILE,
     language_4_0,
     far_weights<FRAGMENTS>},
    {"offsets of 32 bits, tensors",
     {{"tensor-gemm.h", "matrix + ulong(first) * stride", "matrix + first * stride"}},
     TENSORS_FILE,
     language_4_0,
     far_weights<TENSORS>},
    {"offsets of 32 bits, plain",
     {{PLAIN_FILE, "matrix + ulong(first + row) * stride", "matrix + (first + row) * stride"}},
     PLAIN_FILE,
     language_3_1,
     far_weights<PLAIN>},

    {"an odd number of fragments, which is refused",
     {{"tile-table.h", "#define FRAGMENTS_SMALL_N 128", "#define FRAGMENTS_SMALL_N 112"}},
     FRAGMENTS_FILE,
     language_4_0,
     few_columns<FRAGMENTS>,
     false},
    {"the second fragment of a pair is left out",
     {{FRAGMENTS_FILE, "    right[8 + i] = weight[2][i];\n    right[12 + i] = weight[3][i];\n", ""}},
     FRAGMENTS_FILE,
     language_4_0,
     few_rows<FRAGMENTS>},

    {"a simdgroup without outputs returns before the others meet",
     {{FRAGMENTS_FILE,
       "  set_zero(upper, lower);\n  add_products<BITS>(product, upper, lower, block, x_rows, weight_rows, 0",
       "  if (is_empty(block)) return;\n  set_zero(upper, lower);\n  add_products<BITS>(product, upper, lower, block, "
       "x_rows, weight_rows, 0"}},
     FRAGMENTS_FILE,
     language_4_0,
     few_columns<FRAGMENTS>},
    {"threads without elements return before the others meet",
     {{QUANTIZE_FILE, "  int largest = 0;", "  if (thread_index * 4 >= p.columns) return;\n  int largest = 0;"}},
     QUANTIZE_FILE,
     language_3_1,
     short_rows},

    {"sums begin with what was there, fragments",
     {{FRAGMENTS_FILE, "    upper[i] = 0;\n    lower[i] = 0;\n", ""}},
     FRAGMENTS_FILE,
     language_4_0,
     few_rows<FRAGMENTS>},
    {"sums begin with what was there, tensors",
     {{"tensor-gemm.h", "if (sums.is_valid_element(i)) sums[i] = 0;", ""}},
     TENSORS_FILE,
     language_4_0,
     few_rows<TENSORS>},
    {"sums of a group begin with those of the last",
     {{FRAGMENTS_FILE, "    set_zero(upper, lower);\n", "    if (group == 0) set_zero(upper, lower);\n"}},
     FRAGMENTS_FILE,
     language_4_0,
     groups<FRAGMENTS>},

    {"subnormal products are left to the hardware",
     {{"exact-floats.h", "if (!flushed || ", "if (true || "}},
     FRAGMENTS_FILE,
     language_4_0,
     tiny_outputs<FRAGMENTS>},
    {"subnormal sums are left to the hardware",
     {{"exact-floats.h", "return reduced(enlarged(a) + enlarged(b));", "return a + b;"}},
     FRAGMENTS_FILE,
     language_4_0,
     tiny_outputs<FRAGMENTS>},
    {"subnormal scales of groups are left to the hardware",
     {{PLAIN_FILE, "with_any_group(", "with_group("}},
     PLAIN_FILE,
     language_3_1,
     tiny_scales<PLAIN>},
    {"products and sums are contracted",
     {{"common.h", "#pragma METAL fp contract(off)", ""}},
     FRAGMENTS_FILE,
     language_4_0,
     groups<FRAGMENTS>,
     true,
     true},
};

// ---- planting ----

// How far a child got.
constexpr char PLANTED = 'p', COMPILED = 'c';

struct Outcome {
  bool is_planted, is_compiled, passed;
};

[[noreturn]] void run_in_child(const Bug &bug, bool is_planted, int pipe) {
  // What a bug makes tests and emulator say is not of interest.
  if (is_planted && !freopen("/dev/null", "w", stderr)) abort();
  if (!freopen("/dev/null", "w", stdout)) abort();
  setenv("CIDER_EMULATOR_FATAL", "1", 1);
  if (!bug.needs_optimizer) setenv("CIDER_EMULATOR_CXXFLAGS", "-O0", 1);
  failures = 0; // those are the parent's
  for (const Change &change : bug.changes) {
    if (is_planted && change.file != nullptr) change_source(change.file, change.text, change.replacement);
  }
  if (write(pipe, &PLANTED, 1) != 1) abort();
  Kernels kernels({bug.kernels}, bug.language);
  if (write(pipe, &COMPILED, 1) != 1) abort();
  bug.check(kernels);
  exit(report());
}

Outcome outcome_of(const Bug &bug, bool is_planted) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) run_in_child(bug, is_planted, ends[1]);
  close(ends[1]);
  Outcome outcome = {false, false, false};
  char progress;
  while (read(ends[0], &progress, 1) == 1) (progress == PLANTED ? outcome.is_planted : outcome.is_compiled) = true;
  close(ends[0]);
  int status = 1;
  outcome.passed = waitpid(child, &status, 0) == child && status == 0;
  return outcome;
}

} // namespace
} // namespace cider::test

int main() {
  using namespace cider::test;
  for (const Bug &bug : BUGS) {
    CHECK(outcome_of(bug, false).passed, "%s: fails without the bug", bug.name);
    const Outcome outcome = outcome_of(bug, true);
    CHECK(outcome.is_planted, "%s: the kernel no longer has the place for it", bug.name);
    CHECK(outcome.is_compiled == bug.compiles, "%s: the compiler %s it", bug.name, bug.compiles ? "refuses" : "takes");
    CHECK(!outcome.passed, "%s: is not found", bug.name);
  }
  return report();
}
