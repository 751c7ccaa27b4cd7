// NSProcessInfo. operatingSystemVersion is left out: it returns a struct in memory, which a host for both architectures
// must not ask for.
#include "../objc/object.h"
#include "../runtime/environment.h"
#include "gpu.h"
#include "string.h"

namespace emulator {
namespace {

class ProcessInfo : public Object {
public:
  static Class &objc_class();
};

struct OperatingSystemVersion {
  long major, minor, patch;
};

ProcessInfo *process_info(Class *, Selector) {
  static ProcessInfo *info = [] {
    auto *made = make<ProcessInfo>();
    exempt(made);
    return made;
  }();
  return info;
}
String *version_string(ProcessInfo *, Selector) { return string(os_version()); }
Boolean is_at_least(ProcessInfo *, Selector, OperatingSystemVersion version) {
  const Version os = environment().os;
  if (version.major != os.major) return version.major < os.major;
  if (version.minor != os.minor) return version.minor < os.minor;
  return version.patch <= 0;
}
unsigned long long physical_memory(ProcessInfo *, Selector) { return gpu().memory_bytes; }

[[maybe_unused]] Class &defined = ProcessInfo::objc_class();

Class &ProcessInfo::objc_class() {
  static Class &made =
      define_class("NSProcessInfo", object_class(),
                   {method("operatingSystemVersionString", version_string),
                    method("isOperatingSystemAtLeastVersion:", is_at_least), method("physicalMemory", physical_memory)},
                   {method("processInfo", process_info)});
  return made;
}

} // namespace
} // namespace emulator
