#include "scenario.h"

#include <dirent.h>
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cider::test {

namespace {

// Of the emulator: a scenario starts from none of them.
constexpr const char *switches[] = {"CIDER_EMULATOR_ORDER", "CIDER_EMULATOR_LAYOUT",  "CIDER_EMULATOR_SUBNORMALS",
                                    "CIDER_EMULATOR_OS",    "CIDER_EMULATOR_GPU",     "CIDER_EMULATOR_FAIL",
                                    "CIDER_EMULATOR_FATAL", "CIDER_EMULATOR_CXXFLAGS"};

template <class Function>
Function emulator_function(const char *name) {
  void *address = dlsym(RTLD_DEFAULT, name);
  if (address == nullptr) {
    fprintf(stderr, "the emulator has no %s\n", name);
    exit(1);
  }
  return reinterpret_cast<Function>(address);
}

} // namespace

TemporaryFolder::TemporaryFolder() {
  const char *folder = getenv("TMPDIR");
  snprintf(path_, sizeof path_, "%s/cider-host-test-XXXXXX", folder == nullptr ? "/tmp" : folder);
  if (mkdtemp(path_) == nullptr) abort();
}

TemporaryFolder::~TemporaryFolder() {
  each_file([](const char *path, const char *, void *) { unlink(path); }, nullptr);
  rmdir(path_);
}

void TemporaryFolder::each_file(void (*visit)(const char *path, const char *name, void *context), void *context) const {
  DIR *folder = opendir(path_);
  if (folder == nullptr) return;
  while (const dirent *entry = readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    char path[sizeof path_ + sizeof entry->d_name];
    snprintf(path, sizeof path, "%s/%s", path_, entry->d_name);
    visit(path, entry->d_name, context);
  }
  closedir(folder);
}

uint32_t TemporaryFolder::file_count() const {
  uint32_t count = 0;
  each_file([](const char *, const char *, void *context) { ++*static_cast<uint32_t *>(context); }, &count);
  return count;
}

int begin_process(std::initializer_list<Setting> settings) {
  fflush(nullptr);
  const pid_t process = fork();
  if (process < 0) abort();
  if (process == 0) {
    for (const char *name : switches) unsetenv(name);
    for (const Setting &setting : settings) setenv(setting.name, setting.value, 1);
  }
  return process;
}

bool end_process(int process) {
  int status = 0;
  return waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

size_t diagnostics() { return emulator_function<size_t (*)()>("emulator_diagnostic_count")(); }

long live_objects() { return emulator_function<long (*)()>("emulator_live_objects")(); }

bool contains(const char *text, const char *part) { return strstr(text, part) != nullptr; }

char *read_whole(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == nullptr) return nullptr;
  auto *text = static_cast<char *>(calloc(1, 1 << 20));
  const size_t count = fread(text, 1, (1 << 20) - 1, file);
  text[count] = 0;
  fclose(file);
  return text;
}

cider_device *open_metal(const char *isa, const char *cache) {
  const cider_open_params params = {isa, 0, "metal", cache};
  cider_device *device = nullptr;
  if (cider_open(&params, &device) != CIDER_OK) {
    fprintf(stderr, "metal cannot be opened: %s\n", cider_last_error());
    exit(1);
  }
  return device;
}

} // namespace cider::test
