#include "machine.h"

#include "../../kernels/abi/abi.h"
#include "../../kernels/abi/error.h"

#include <ctype.h>
#include <new>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace cider::metal {

namespace {

constexpr Integer family_apple10 = 1010;
// Apple10 is the generation of architectures such as applegpu_g17g.
constexpr uint32_t first_generation_with_matrix_units = 17;

pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;
Machine *shared = nullptr;
uint32_t holders = 0;

// The default device; where a process without a screen has none, the first of all.
id find_device() {
  const Runtime &objc = *runtime();
  id device = objc.default_device();
  if (device != nullptr || objc.all_devices == nullptr) return device;
  const Owned all(objc.all_devices());
  device = all.get() == nullptr ? nullptr : send<id>(all.get(), &Selectors::first_object);
  return device == nullptr ? nullptr : retain(device);
}

SystemVersion find_system_version() {
  id process = send<id>(class_named("NSProcessInfo"), &Selectors::process_info);
  return parse_system_version(text_of(send<id>(process, &Selectors::operating_system_version_string)));
}

Machine *open_machine() {
  if (runtime() == nullptr) {
    fail(CIDER_UNAVAILABLE, "this machine has no Metal: %s", runtime_problem());
    return nullptr;
  }
  const Pool pool;
  id device = find_device();
  void *memory = device == nullptr ? nullptr : calloc(1, sizeof(Machine));
  if (memory == nullptr) {
    release(device);
    fail(CIDER_UNAVAILABLE, "this machine has no Metal: no GPU was found");
    return nullptr;
  }
  auto *machine = new (memory) Machine{};
  machine->device = device;
  machine->system = find_system_version();
  pthread_mutex_init(&machine->mutex, nullptr);
  snprintf(machine->gpu, sizeof machine->gpu, "%s", text_of(send<id>(device, &Selectors::name)));
  if (responds(device, &Selectors::architecture)) {
    id architecture = send<id>(device, &Selectors::architecture);
    snprintf(machine->architecture, sizeof machine->architecture, "%s",
             text_of(send<id>(architecture, &Selectors::name)));
  }
  machine->max_buffer_length = send<UInteger>(device, &Selectors::max_buffer_length);
  return machine;
}

void close_machine(Machine *machine) {
  machine->pipelines.clear();
  for (Library &library : machine->libraries) release(library.object);
  release(machine->device);
  pthread_mutex_destroy(&machine->mutex);
  machine->~Machine();
  free(machine);
}

} // namespace

SystemVersion parse_system_version(const char *text) {
  SystemVersion version = {};
  snprintf(version.text, sizeof version.text, "%s", text);
  const char *at = text;
  while (*at != 0 && !isdigit(static_cast<unsigned char>(*at))) at++;
  char *end;
  version.major = static_cast<uint32_t>(strtoul(at, &end, 10));
  if (*end == '.') version.minor = static_cast<uint32_t>(strtoul(end + 1, &end, 10));
  // The build is the last word that begins with a digit and has a letter.
  for (at = end; *at != 0; at = end) {
    while (*at != 0 && !isdigit(static_cast<unsigned char>(*at))) at++;
    bool has_letter = false;
    end = const_cast<char *>(at);
    for (; isalnum(static_cast<unsigned char>(*end)); end++)
      has_letter |= isalpha(static_cast<unsigned char>(*end)) != 0;
    if (has_letter) snprintf(version.build, sizeof version.build, "%.*s", static_cast<int>(end - at), at);
  }
  return version;
}

uint32_t architecture_generation(const char *name) {
  const char *mark = strstr(name, "_g");
  return mark == nullptr ? 0 : static_cast<uint32_t>(strtoul(mark + 2, nullptr, 10));
}

bool Machine::supports_family(Integer family) const {
  return send<Bool, Integer>(device, &Selectors::supports_family, family);
}

bool Machine::has_matrix_units() const {
  return supports_family(family_apple10) || architecture_generation(architecture) >= first_generation_with_matrix_units;
}

Machine *hold_machine() {
  pthread_mutex_lock(&shared_mutex);
  if (holders == 0) shared = open_machine();
  if (shared != nullptr) holders++;
  Machine *machine = shared;
  pthread_mutex_unlock(&shared_mutex);
  return machine;
}

void leave_machine(Machine *machine) {
  pthread_mutex_lock(&shared_mutex);
  if (--holders == 0) {
    close_machine(machine);
    shared = nullptr;
  }
  pthread_mutex_unlock(&shared_mutex);
}

} // namespace cider::metal
