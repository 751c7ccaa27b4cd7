// Verdicts in files: a few words that say what they hold for, those of the verdict, then the report as it is.
#include "files.h"
#include "sources.h"
#include "verdict.h"

#include <ctype.h>
#include <initializer_list>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

namespace cider::metal {

namespace {

constexpr char heading[] = "cider metal verdict 1";

// metal-<build>-<GPU>.txt, of letters and digits.
void name_file(const Machine &machine, Text &name) {
  name.append("metal-");
  for (const char *part : {machine.system.build, "-", machine.gpu}) {
    for (; *part != 0; part++) {
      const bool is_plain = isalnum(static_cast<unsigned char>(*part)) != 0 || *part == '-';
      name.append(is_plain ? part : "_", 1);
    }
  }
  name.append(".txt");
}

// What a verdict holds for.
void describe(const Machine &machine, Text &text) {
  text.format("%s\nsystem\t%s\ngpu\t%s\t%s\nabi\t%d\nsources\t%016" PRIx64 "\n", heading, machine.system.text,
              machine.gpu, machine.architecture, CIDER_ABI_VERSION, hash_of_sources());
}

// Takes `words` off the beginning of `at`, if it is there.
bool skip(const char *&at, const char *words) {
  const size_t length = strlen(words);
  if (strncmp(at, words, length) != 0) return false;
  at += length;
  return true;
}

} // namespace

void write_verdict(const Machine &machine, const char *cache, const Verdict &verdict) {
  Text name, text, path;
  name_file(machine, name);
  describe(machine, text);
  text.append("passed");
  for (uint32_t i = 0; i < path_count; i++) {
    if (verdict.passed[i]) text.format("\t%s", path_text(static_cast<Path>(i)));
  }
  for (const bool library_passed : {verdict.has_native_int4, verdict.has_float_tensors}) {
    text.append(library_passed ? "\tyes" : "\tno");
  }
  text.format("\n%s", verdict.report.words());
  // Where it cannot be kept, the next process tries again.
  if (!text.is_incomplete()) write_file(cache, name.words(), text, path);
}

bool read_verdict(const Machine &machine, const char *cache, Verdict &verdict) {
  Text name, text, expected;
  name_file(machine, name);
  describe(machine, expected);
  if (!read_file(cache, name.words(), text)) return false;
  // The paths that passed, then "yes" or "no" for tensors of int4 and of floats, then the report.
  const char *at = text.words();
  if (!skip(at, expected.words()) || !skip(at, "passed")) return false;
  Verdict read = {};
  for (uint32_t i = 0; i < path_count; i++) {
    const char *after = at;
    read.passed[i] = skip(after, "\t") && skip(after, path_text(static_cast<Path>(i)));
    if (read.passed[i]) at = after;
  }
  for (bool *library_passed : {&read.has_native_int4, &read.has_float_tensors}) {
    *library_passed = skip(at, "\tyes");
    if (!*library_passed && !skip(at, "\tno")) return false;
  }
  if (!skip(at, "\n")) return false;
  memcpy(verdict.passed, read.passed, sizeof verdict.passed);
  verdict.has_native_int4 = read.has_native_int4;
  verdict.has_float_tensors = read.has_float_tensors;
  verdict.is_final = true;
  verdict.report.append(at);
  return true;
}

} // namespace cider::metal
