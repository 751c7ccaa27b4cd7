// Tests of the host over the emulator, which CIDER_METAL_RUNTIME names. It reads its switches once, and the host keeps
// what it found: so each scenario has a process of its own.
#pragma once

#include "../../../kernels/cider.h"
#include "../../../kernels/cpu/test.h"

#include <initializer_list>

namespace cider::test {

// Whether all scenarios are wanted, instead of one of each kind: `all` on the command line.
static inline bool wants_all(int count, char **arguments) { return count > 1 && strcmp(arguments[1], "all") == 0; }

struct Setting {
  const char *name, *value;
};

// A folder that is removed with what is in it.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  const char *path() const { return path_; }

  // Calls visit(path, name, context) for each file.
  void each_file(void (*visit)(const char *path, const char *name, void *context), void *context) const;
  uint32_t file_count() const;

private:
  char path_[256];
};

// Begins a process with these settings of the emulator and no others; it gets 0, and the caller its id.
int begin_process(std::initializer_list<Setting> settings);
// Waits for the process, and says whether its exit code was 0.
bool end_process(int process);

// Whether all checks of `body` pass in a process of its own.
inline bool in_process(std::initializer_list<Setting> settings, void (*body)(const char *cache), const char *cache) {
  const int process = begin_process(settings);
  if (process == 0) {
    checks = failures = 0;
    body(cache);
    exit(failures == 0 ? 0 : 1);
  }
  return end_process(process);
}

#define CHECK_SCENARIO(name, body, cache, ...) CHECK(cider::test::in_process({__VA_ARGS__}, body, cache), "%s", name)

// What the emulator has diagnosed, and its objects of Objective-C that are alive.
size_t diagnostics();
long live_objects();

// The files below are read by tests that look into them.
bool contains(const char *text, const char *part);
// The whole file, as a string to free; null if it cannot be read.
char *read_whole(const char *path);

// An open device of the backend metal; ends the process if there is none.
cider_device *open_metal(const char *isa, const char *cache);

} // namespace cider::test
