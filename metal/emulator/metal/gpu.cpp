#include "gpu.h"

#include "../runtime/environment.h"

namespace emulator {
namespace {

constexpr unsigned long GIGABYTE = 1ul << 30;

// The base models with 16 GB.
const Gpu M5 = {"Apple M5 (emulated)", "applegpu_g17g", 1010, 581960 * PAGE_BYTES, 12 * GIGABYTE, 16 * GIGABYTE};
const Gpu M4 = {"Apple M4 (emulated)", "applegpu_g16g", 1009, 581960 * PAGE_BYTES, 12 * GIGABYTE, 16 * GIGABYTE};

constexpr long APPLE1 = 1001, COMMON1 = 3001, COMMON3 = 3003, METAL3 = 5001, METAL4 = 5002;

} // namespace

const Gpu &gpu() { return environment().is_m5 ? M5 : M4; }

bool supports_family(long family) {
  if (family == METAL4) return environment().os >= Version{26, 0};
  return (family >= APPLE1 && family <= gpu().newest_family) || (family >= COMMON1 && family <= COMMON3) ||
         family == METAL3;
}

// Builds are named by the kernel's major version, a letter for the minor version of the system, and a number.
std::string os_version() {
  const Version os = environment().os;
  const int kernel = os.major >= 26 ? os.major - 1 : os.major + 9;
  const char letter = static_cast<char>('A' + os.minor);
  return "Version " + std::to_string(os.major) + "." + std::to_string(os.minor) + " (Build " + std::to_string(kernel) +
         letter + "71)";
}

} // namespace emulator
