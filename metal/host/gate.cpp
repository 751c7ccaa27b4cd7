#include "gate.h"

#include "kernel-list.h"

#include <stdio.h>

namespace cider::metal {

namespace {

// Families that say what a GPU is, by MTLGPUFamily: Apple7 to Apple10, Metal 3 and 4.
constexpr Integer families[] = {1007, 1008, 1009, 1010, 5001, 5002};

// Versions of macOS: the first with tensors in Metal, and the first whose tensors have elements of int8 and int4 as far
// as is known.
constexpr uint32_t first_with_tensors = 26;
constexpr uint32_t first_minor_with_integers = 4;

void report_machine(const Machine &machine, Verdict &verdict) {
  note(verdict, machine.system.major > 0 ? Outcome::ok : Outcome::warn, "system", "%s", machine.system.text);
  Text known;
  for (const Integer family : families) {
    if (machine.supports_family(family)) known.format(" %ld", family);
  }
  const auto ask = [&](Selector Selectors::*selector) {
    return responds(machine.device, selector) ? send<UInteger>(machine.device, selector) : 0;
  };
  note(verdict, Outcome::ok, "gpu",
       "%s, architecture %s, families%s, buffers up to %lu bytes, %lu bytes of threadgroup memory, working set of %lu "
       "bytes",
       machine.gpu, machine.architecture[0] == 0 ? "unknown" : machine.architecture, known.words(),
       machine.max_buffer_length, ask(&Selectors::max_threadgroup_memory_length),
       ask(&Selectors::recommended_working_set));
}

bool is_older(const SystemVersion &system, uint32_t major, uint32_t minor) {
  return system.major < major || (system.major == major && system.minor < minor);
}

// Whether products by Metal's tensors are worth a try.
bool check_matrix_units(const Machine &machine, Verdict &verdict) {
  if (is_older(machine.system, first_with_tensors, 0)) {
    note(verdict, Outcome::warn, "matrix units", "Metal has none before macOS %u: integers are multiplied without",
         first_with_tensors);
    return false;
  }
  if (!machine.has_matrix_units()) {
    note(verdict, Outcome::warn, "matrix units", "the GPU has no units for matrices: integers are multiplied without");
    return false;
  }
  const bool is_early = is_older(machine.system, first_with_tensors, first_minor_with_integers);
  note(verdict, is_early ? Outcome::warn : Outcome::ok, "matrix units", "%s",
       is_early ? "macOS before 26.4 is not known to have tensors of integers: tried all the same"
                : "the GPU has units for matrices");
  return true;
}

bool is_expected_to_have_int4(const SystemVersion &system) {
  return !is_older(system, first_with_tensors, first_minor_with_integers);
}

// A path passes if all of its steps do; each says in the report what failed.
void try_paths(Device &device, Verdict &verdict) {
  if (!check_library(device, base_library, verdict) || !check_quantizer(device, verdict)) return;
  verdict.passed[plain_path] =
      check_library(device, plain_library, verdict) && check_products(device, plain_path, verdict);
  if (!check_matrix_units(*device.machine, verdict)) return;

  const bool has_probe = check_library(device, probe_library, verdict);
  if (has_probe) report_arithmetic(device, verdict);
  verdict.passed[fragments_path] = has_probe && check_library(device, fragments_library, verdict) &&
                                   check_layout(device, verdict) && check_products(device, fragments_path, verdict);
  verdict.passed[tensors_path] =
      check_library(device, tensors_library, verdict) && check_products(device, tensors_path, verdict);
  verdict.has_native_int4 = verdict.passed[tensors_path] && is_expected_to_have_int4(device.machine->system) &&
                            check_library(device, int4_library, verdict) && check_native_int4(device, verdict);
  verdict.has_float_tensors =
      check_library(device, float_tensors_library, verdict) && check_float_tensors(device, verdict);
}

} // namespace

void run_gate(Machine *machine, const char *cache, Verdict &verdict) {
  const Pool pool;
  verdict.is_final = true;
  report_machine(*machine, verdict);
  Device *device;
  hold_machine();
  if (create_device(machine, cache, &device) != CIDER_OK) {
    verdict.is_final = false;
    note(verdict, Outcome::fail, "device", "%s", cider_last_error());
    return;
  }
  try_paths(*device, verdict);
  leave_device(*device);
  if (verdict.any()) {
    note(verdict, Outcome::ok, "path", "%s%s", path_text(verdict.best()),
         verdict.has_native_int4 ? ", and tensors of int4 where tensors are asked for" : "");
  } else {
    note(verdict, Outcome::fail, "path", "none passed: this GPU is not used");
  }
}

bool check_library(Device &device, LibraryName name, Verdict &verdict) {
  Machine &machine = *device.machine;
  char step[32];
  snprintf(step, sizeof step, "library %s", library_text(name));
  pthread_mutex_lock(&machine.mutex);
  const Library &library = find_library(machine, name, device.cache);
  pthread_mutex_unlock(&machine.mutex);
  if (library.object == nullptr) {
    note(verdict, Outcome::fail, step, "%s", library.problem);
    return false;
  }
  const KernelList list = kernels_of(name);
  for (uint32_t i = 0; i < list.count; i++) {
    id pipeline;
    if (require_pipeline(machine, list.kernels[i], device.cache, &pipeline) == CIDER_OK) continue;
    note(verdict, Outcome::fail, step, "%s", cider_last_error());
    return false;
  }
  if (library.problem[0] != 0) note(verdict, Outcome::warn, step, "%s", library.problem);
  note(verdict, Outcome::ok, step, "compiled in %.2f s as Metal %lu.%lu, %u kernels", library.seconds,
       library.language >> 16, library.language & 0xffff, list.count);
  return true;
}

} // namespace cider::metal
