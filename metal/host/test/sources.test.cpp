// The joined sources of libraries, and what is read from the words of a system. No GPU is needed.
#include "../library.h"
#include "../machine.h"
#include "../sources.h"
#include "../verdict.h"

#include "../../../kernels/cpu/test.h"

using namespace cider;
using namespace cider::metal;

namespace {

uint32_t count_of(const char *text, const char *part) {
  uint32_t count = 0;
  for (const char *at = text; (at = strstr(at, part)) != nullptr; at++) count++;
  return count;
}

// Lines of the joined text are counted as compilers count them, and must be those of the file that a marker names.
void check_lines(const Text &text) {
  const SourceFile *file = nullptr;
  const char *line_of_file = nullptr;
  uint32_t compared = 0;
  for (const char *at = text.words(); *at != 0;) {
    const size_t length = strcspn(at, "\n");
    uint32_t number;
    char name[64];
    if (sscanf(at, "#line %u \"kernels/metal/%63[^\"]\"", &number, name) == 2) {
      file = find_source(name);
      CHECK(file != nullptr, "%s", name);
      line_of_file = reinterpret_cast<const char *>(file->text);
      for (uint32_t i = 1; i < number; i++) line_of_file = strchr(line_of_file, '\n') + 1;
    } else {
      const bool is_dropped = length == 0 && strncmp(line_of_file, "#pragma once\n", 13) == 0;
      CHECK(is_dropped || strncmp(at, line_of_file, length) == 0, "%s: %.*s", file->name, static_cast<int>(length), at);
      line_of_file = strchr(line_of_file, '\n') + 1;
      compared++;
    }
    at += length + 1;
  }
  CHECK(compared > 100, "%u lines", compared);
}

void check_join() {
  Text text;
  const char *const names[] = {"quantize.metal", "rope.metal"};
  CHECK(join_sources(names, 2, text), "%s", "not joined");
  for (const char *name : {"quantize.metal", "rope.metal", "common.h", "parameters.h"}) {
    char marker[64];
    snprintf(marker, sizeof marker, "#line 1 \"kernels/metal/%s\"\n", name);
    CHECK(count_of(text.words(), marker) == 1, "%s", marker);
  }
  CHECK(count_of(text.words(), "#include \"") == 0 && count_of(text.words(), "#pragma once") == 0, "%s", "left over");
  CHECK(count_of(text.words(), "#include <metal_stdlib>") == 1, "%s", "no system header");
  check_lines(text);

  const char *const missing[] = {"nothing.metal"};
  Text nothing;
  CHECK(!join_sources(missing, 1, nothing), "%s", "joined");
}

void check_version(const char *text, uint32_t major, uint32_t minor, const char *build) {
  const SystemVersion version = parse_system_version(text);
  CHECK(version.major == major && version.minor == minor && strcmp(version.build, build) == 0, "%s: %u, %u, %s", text,
        version.major, version.minor, version.build);
}

void check_versions() {
  check_version("Version 26.5 (Build 25F71)", 26, 5, "25F71");
  check_version("Version 26.6.2 (Build 25G5044c)", 26, 6, "25G5044c");
  check_version("Version 27.0 (Build 26A5279m)", 27, 0, "26A5279m");
  check_version("Version 14 (Build 23A344)", 14, 0, "23A344");
  check_version("バージョン26.5（ビルド25F71）", 26, 5, "25F71");
  check_version("", 0, 0, "");
  check_version("unknown", 0, 0, "");
  CHECK(architecture_generation("applegpu_g17g") == 17 && architecture_generation("applegpu_g16s") == 16, "%s",
        "17, 16");
  CHECK(architecture_generation("") == 0 && architecture_generation("other") == 0, "%s", "none");
}

void check_report() {
  Verdict verdict = {};
  note(verdict, Outcome::warn, "a step", "words\twith\nbreaks %d", 7);
  CHECK(strcmp(verdict.report.words(), "warn\ta step\twords with breaks 7\n") == 0, "%s", verdict.report.words());
  CHECK(!verdict.any(), "%s", "any");
  verdict.passed[tensors_path] = verdict.passed[plain_path] = true;
  CHECK(verdict.any() && verdict.best() == tensors_path, "%d", verdict.best());
}

} // namespace

int main() {
  check_join();
  check_versions();
  check_report();
  return cider::test::report();
}
