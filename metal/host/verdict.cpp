#include "verdict.h"

#include "gate.h"

#include <new>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

namespace cider::metal {

namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Verdict *found = nullptr; // of this process; kept, so that nothing runs when the library is unloaded

constexpr const char *outcome_texts[] = {"ok", "warn", "fail"};

// Null if there is no memory.
Verdict *make_verdict(Machine *machine, const char *cache) {
  void *memory = malloc(sizeof(Verdict));
  if (memory == nullptr) {
    fail(CIDER_OUT_OF_MEMORY, "no memory for the trial of Metal");
    return nullptr;
  }
  auto *verdict = new (memory) Verdict{};
  if (cache != nullptr && read_verdict(*machine, cache, *verdict)) return verdict;
  run_gate(machine, cache, *verdict);
  // Where nothing passed there may be a next time, and it is cheap.
  if (cache != nullptr && verdict->is_final && verdict->any()) write_verdict(*machine, cache, *verdict);
  return verdict;
}

} // namespace

bool Verdict::any() const {
  for (const bool path_passed : passed) {
    if (path_passed) return true;
  }
  return false;
}

Path Verdict::best() const {
  uint32_t path = 0;
  while (!passed[path]) path++;
  return static_cast<Path>(path);
}

void note(Verdict &verdict, Outcome outcome, const char *name, const char *format, ...) {
  char detail[8192];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(detail, sizeof detail, format, arguments);
  va_end(arguments);
  for (char *at = detail; *at != 0; at++) {
    if (*at == '\n' || *at == '\t') *at = ' ';
  }
  verdict.report.format("%s\t%s\t%s\n", outcome_texts[static_cast<int>(outcome)], name, detail);
}

const Verdict *find_verdict(const char *cache) {
  pthread_mutex_lock(&mutex);
  Machine *machine = found == nullptr ? hold_machine() : nullptr;
  if (machine != nullptr) {
    found = make_verdict(machine, cache);
    leave_machine(machine);
  }
  pthread_mutex_unlock(&mutex);
  return found;
}

} // namespace cider::metal
