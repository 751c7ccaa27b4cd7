// The trial of a machine: what passes, what is refused, and what later processes take over.
#include "sides.h"

#include <unistd.h>

using namespace cider::test;

namespace {

void expect_isas(const char *cache, const char *expected) {
  const char *isas = cider_list_isas("metal", cache);
  CHECK(strcmp(isas, expected) == 0, "'%s' instead of '%s'; %s\n%s", isas, expected, cider_last_error(),
        cider_backend_report("metal", cache));
}

void expect_in_report(const char *cache, const char *part) {
  const char *report = cider_backend_report("metal", cache);
  CHECK(contains(report, part), "no '%s' in\n%s", part, report);
}

// Of a path that did not pass.
void expect_refused(const char *cache, const char *isa) {
  const cider_open_params params = {isa, 0, "metal", cache};
  cider_device *device = nullptr;
  CHECK(cider_open(&params, &device) == CIDER_UNAVAILABLE && contains(cider_last_error(), isa), "%s: %s", isa,
        cider_last_error());
}

void expect_opened(const char *cache, const char *isa, const char *expected) {
  cider_device *device = open_metal(isa, cache);
  CHECK(strcmp(cider_device_isa(device), expected) == 0, "%s", cider_device_isa(device));
  cider_close(device);
}

// ---- what passes ----

void check_m5(const char *cache) {
  expect_isas(cache, "fragments tensors plain");
  expect_in_report(cache, "ok\tlibrary int4\tcompiled in ");
  expect_in_report(cache, "ok\tbf16 products\t");
  expect_in_report(cache, "ok\tsubnormals\tresults flushed, operands flushed\n");
  expect_in_report(cache, "ok\tlayout of right\t16 elements a lane, as in the table\n");
  expect_in_report(cache, "ok\tpath\tfragments, and tensors of int4 where tensors are asked for\n");
  CHECK(!contains(cider_backend_report("metal", cache), "fail\t"), "%s", cider_backend_report("metal", cache));
  expect_opened(cache, nullptr, "fragments");
  for (const char *isa : {"fragments", "tensors", "plain"}) expect_opened(cache, isa, isa);
  expect_refused(cache, "avx2");
  CHECK(diagnostics() == 0, "%zu diagnostics", diagnostics());
}

void check_kept_subnormals(const char *cache) {
  expect_isas(cache, "fragments tensors plain");
  expect_in_report(cache, "ok\tsubnormals\tresults kept, operands kept\n");
}

void check_other_layout(const char *cache) {
  expect_isas(cache, "tensors plain");
  expect_in_report(cache, "fail\tlayout of left\t");
  expect_in_report(cache, "not as in the table: 0: ");
  expect_refused(cache, "fragments");
  expect_opened(cache, nullptr, "tensors");
}

void check_m4(const char *cache) {
  expect_isas(cache, "plain");
  expect_in_report(cache, "warn\tmatrix units\tthe GPU has no units for matrices");
  expect_opened(cache, nullptr, "plain");
  expect_refused(cache, "tensors");
}

void check_old_system(const char *cache) {
  expect_isas(cache, "plain");
  expect_in_report(cache, "warn\tmatrix units\tMetal has none before macOS 26");
  expect_in_report(cache, " s as Metal 3.1, 31 kernels\n");
}

// Operands in registers came before tensors of int8 in memory.
void check_system_before_int8(const char *cache) {
  expect_isas(cache, "fragments plain");
  expect_in_report(cache, "fail\tlibrary tensors\tMetal's compiler refuses");
  expect_in_report(cache, "warn\tmatrix units\tmacOS before 26.4");
  CHECK(!contains(cider_backend_report("metal", cache), "int4 int4_gemm"), "%s", cider_backend_report("metal", cache));
}

void check_system_before_registers(const char *cache) { expect_isas(cache, "plain"); }

void check_language(const char *cache) {
  expect_isas(cache, "fragments tensors plain");
  expect_in_report(cache, " s as Metal 4.1, 31 kernels\n");
}

// ---- what fails ----

// The log that a line of the report names, which is the compiler's.
void check_log(const char *cache, const char *name) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", cache, name);
  expect_in_report(cache, path);
  char *log = read_whole(path);
  CHECK(log != nullptr && contains(log, "MTLLibraryErrorDomain 3: "), "%s: %s", path, log == nullptr ? "none" : log);
  free(log);
}

void check_broken_fragments(const char *cache) {
  expect_isas(cache, "tensors plain");
  expect_in_report(cache, "fail\tlibrary fragments\tMetal's compiler refuses the library fragments");
  expect_opened(cache, nullptr, "tensors");
}

void check_warnings(const char *cache) {
  expect_isas(cache, "fragments tensors plain");
  expect_in_report(cache, "warn\tlibrary base\tMetal's compiler has words about the library base");
  expect_in_report(cache, "ok\tlibrary base\t");
}

void check_broken_tensors(const char *cache) { expect_isas(cache, "fragments plain"); }

// What needs care that the others do not take is refused.
void check_broken_plain(const char *cache) {
  expect_isas(cache, "fragments tensors");
  cider_device *device = open_metal(nullptr, cache);
  Random random(1);
  const WeightData data(CIDER_INTEGER, 8, 5, 64, 32, false, -80, random);
  cider_weight *weight;
  CHECK(cider_weight_create(device, &data.params, &weight) == CIDER_UNAVAILABLE &&
            contains(cider_last_error(), "need the path plain"),
        "%s", cider_last_error());
  cider_close(device);
}

void check_broken_base(const char *cache) {
  expect_isas(cache, "");
  expect_in_report(cache, "fail\tlibrary base\t");
  expect_in_report(cache, "fail\tpath\tnone passed");
  const cider_open_params params = {nullptr, 0, "metal", cache};
  cider_device *device = nullptr;
  const int status = cider_open(&params, &device);
  CHECK(status == CIDER_UNAVAILABLE && contains(cider_last_error(), "open: the trial of Metal failed, library base: "),
        "%s", cider_last_error());
}

void check_pipeline(const char *cache) {
  expect_isas(cache, "tensors plain");
  expect_in_report(cache, "fail\tlibrary probe\tMetal makes no pipeline of the kernel probe_layout: ");
}

void check_failing_command(const char *cache) {
  expect_in_report(cache, "fail\t");
  expect_in_report(cache, "the GPU failed: MTLCommandBufferErrorDomain ");
}

// All that a compiler says goes to a file.
void check_long_log(const char *cache) {
  expect_isas(cache, "");
  check_log(cache, "metal-base-library.log");
}

void check_no_runtime(const char *cache) {
  expect_isas(cache, "");
  CHECK(contains(cider_last_error(), "this machine has no Metal: /nonexistent.so"), "%s", cider_last_error());
  expect_in_report(cache, "fail\tmetal\tthis machine has no Metal: ");
  const cider_open_params params = {nullptr, 0, "metal", cache};
  cider_device *device = nullptr;
  CHECK(cider_open(&params, &device) == CIDER_UNAVAILABLE && device == nullptr, "%s", cider_last_error());
}

// A library that is no Objective-C runtime.
void check_other_runtime(const char *cache) {
  expect_isas(cache, "");
  CHECK(contains(cider_last_error(), "lacks objc_msgSend"), "%s", cider_last_error());
}

// ---- what is kept ----

constexpr Setting no_compiler = {"CIDER_EMULATOR_FAIL", "compile:kernels/metal"};

// Where nothing compiles, isas can only come from a file.
void check_taken_over(const char *cache) { expect_isas(cache, "fragments tensors plain"); }
void check_tried_again(const char *cache) { expect_isas(cache, ""); }

// Puts another word into the one verdict of a folder.
void change_verdict(const TemporaryFolder &folder, const char *word, char replacement) {
  struct Change {
    const char *word;
    char replacement;
    uint32_t count;
  } change = {word, replacement, 0};
  folder.each_file(
      [](const char *path, const char *name, void *context) {
        auto &change = *static_cast<Change *>(context);
        if (strstr(name, ".txt") == nullptr) return;
        char *text = read_whole(path);
        char *at = text == nullptr ? nullptr : strstr(text, change.word);
        if (at != nullptr) {
          at[strlen(change.word)] = change.replacement;
          FILE *file = fopen(path, "wb");
          fwrite(text, 1, strlen(text), file);
          fclose(file);
          change.count++;
        }
        free(text);
      },
      &change);
  CHECK(change.count == 1, "'%s' is in %u verdicts", word, change.count);
}

void check_verdict_file() {
  const TemporaryFolder folder;
  CHECK_SCENARIO("first", check_m5, folder.path());
  CHECK(folder.file_count() == 1, "%u files", folder.file_count());
  CHECK_SCENARIO("taken over", check_taken_over, folder.path(), no_compiler);
  CHECK_SCENARIO("other GPU", check_tried_again, folder.path(), {"CIDER_EMULATOR_GPU", "m4"}, no_compiler);
  CHECK_SCENARIO("other system", check_tried_again, folder.path(), {"CIDER_EMULATOR_OS", "26.6"}, no_compiler);
}

// A verdict for other kernels or another ABI is stale.
void check_stale(const char *word, char replacement) {
  const TemporaryFolder folder;
  CHECK_SCENARIO("first", check_m5, folder.path());
  change_verdict(folder, word, replacement);
  CHECK_SCENARIO(word, check_tried_again, folder.path(), no_compiler);
  CHECK_SCENARIO(word, check_m5, folder.path());
}

void check_folder(const char *name, void (*body)(const char *), std::initializer_list<Setting> settings,
                  bool is_kept = true) {
  const TemporaryFolder folder;
  CHECK(in_process(settings, body, folder.path()), "%s", name);
  uint32_t verdicts = 0;
  folder.each_file(
      [](const char *, const char *file, void *context) {
        if (strstr(file, ".txt") != nullptr) ++*static_cast<uint32_t *>(context);
      },
      &verdicts);
  CHECK(verdicts == is_kept, "%s: %u verdicts", name, verdicts);
}

} // namespace

int main(int count, char **arguments) {
  const bool all = wants_all(count, arguments);
  check_folder("layout of older GPUs", check_other_layout, {{"CIDER_EMULATOR_LAYOUT", "pre-m5"}});
  check_folder("m4", check_m4, {{"CIDER_EMULATOR_GPU", "m4"}});
  check_folder("macOS 15", check_old_system, {{"CIDER_EMULATOR_OS", "15.5"}});
  check_folder("fragments", check_broken_fragments, {{"CIDER_EMULATOR_FAIL", "compile:integer-gemm-fragments"}});
  check_folder("plain", check_broken_plain, {{"CIDER_EMULATOR_FAIL", "compile:integer-gemm-plain"}});
  check_folder("base", check_broken_base, {{"CIDER_EMULATOR_FAIL", "compile:rms-norm.metal"}}, false);
  check_folder("long log", check_long_log, {{"CIDER_EMULATOR_CXXFLAGS", "-DRopeParameters=+"}}, false);
  check_folder("pipeline", check_pipeline, {{"CIDER_EMULATOR_FAIL", "pipeline:probe_layout"}});
  check_folder("command", check_failing_command, {{"CIDER_EMULATOR_FAIL", "command:3"}}, false);
  check_folder("no runtime", check_no_runtime, {{"CIDER_METAL_RUNTIME", "/nonexistent.so"}}, false);
  check_folder("other runtime", check_other_runtime, {{"CIDER_METAL_RUNTIME", "libm.so.6"}}, false);
  check_verdict_file();
  check_stale("\nsources\t", 'x');
  if (all) {
    check_folder("kept subnormals", check_kept_subnormals, {{"CIDER_EMULATOR_SUBNORMALS", "keep"}});
    check_folder("any layout", check_other_layout, {{"CIDER_EMULATOR_LAYOUT", "5"}});
    check_folder("warnings", check_warnings, {{"CIDER_EMULATOR_CXXFLAGS", "-Weverything -Wno-error"}});
    check_folder("macOS 27", check_language, {{"CIDER_EMULATOR_OS", "27.0"}});
    check_folder("macOS 26.3", check_system_before_int8, {{"CIDER_EMULATOR_OS", "26.3"}});
    check_folder("macOS 26.2", check_system_before_registers, {{"CIDER_EMULATOR_OS", "26.2"}});
    check_folder("tensors", check_broken_tensors, {{"CIDER_EMULATOR_FAIL", "compile:integer-gemm-tensors"}});
    check_stale("\nabi\t", '9');
  }
  return report();
}
