// The GPU of this machine, and what is made of it but once: compiled libraries and pipelines. Shared by the devices
// that are open.
#pragma once

#include "library.h"
#include "objc.h"
#include "pipelines.h"

#include <pthread.h>

namespace cider::metal {

struct SystemVersion {
  uint32_t major, minor;
  char text[96];  // as the system says it
  char build[32]; // such as 25F71
};

// The version and the build in a text such as "Version 26.5 (Build 25F71)", in any language.
SystemVersion parse_system_version(const char *text);

// The generation of the GPU in the name of an architecture such as applegpu_g17g; 0 if there is none.
uint32_t architecture_generation(const char *name);

struct Machine {
  id device;
  SystemVersion system;
  char gpu[128];
  char architecture[64]; // "" where the system does not say
  UInteger max_buffer_length;
  pthread_mutex_t mutex; // of what follows
  Library libraries[library_count];
  PipelineCache pipelines;

  bool supports_family(Integer family) const;
  // Whether the GPU multiplies matrices of integers by units of its own: family Apple10 or a later architecture.
  bool has_matrix_units() const;
};

// The machine, from now on held by one more; null, with a text for cider_last_error, if it has no Metal.
Machine *hold_machine();
void leave_machine(Machine *machine);

} // namespace cider::metal
