#include "cpu-features.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

namespace cider {

#if defined(__x86_64__)

namespace {

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx); // leaves zeros for a leaf that does not exist
  return r;
}

bool bit(unsigned word, int index) { return (word >> index & 1) != 0; }

// XCR0: which register files the operating system saves on a context switch.
uint64_t saved_state(bool osxsave) {
  if (!osxsave) return 0;
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Linux lets a process use the tile registers only after it has asked; then all its threads may.
bool tiles_permitted() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr long tile_data = 18;              // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

} // namespace

CpuFeatures detect_cpu_features() {
  const Registers basic = cpuid(1, 0);
  const Registers extended = cpuid(7, 0);
  const Registers more = cpuid(7, 1);
  const uint64_t saved = saved_state(bit(basic.ecx, 27));
  const bool ymm = (saved & 0x6) == 0x6;   // SSE and AVX
  const bool zmm = (saved & 0xe6) == 0xe6; // and mask registers, upper halves, upper 16
  const bool tiles = (saved & 0x60000) == 0x60000 && bit(extended.edx, 24) && tiles_permitted(); // AMX
  const bool avx512f = zmm && bit(extended.ebx, 16);
  return {
      .avx2 = ymm && bit(extended.ebx, 5),
      .fma = ymm && bit(basic.ecx, 12),
      .f16c = ymm && bit(basic.ecx, 29),
      .avx_vnni = ymm && bit(more.eax, 4),
      .avx512f = avx512f,
      .avx512bw = avx512f && bit(extended.ebx, 30),
      .avx512vl = avx512f && bit(extended.ebx, 31),
      .avx512dq = avx512f && bit(extended.ebx, 17),
      .avx512_vnni = avx512f && bit(extended.ecx, 11),
      .avx512_bf16 = avx512f && bit(more.eax, 5),
      .gfni = bit(extended.ecx, 8),
      .amx_int8 = tiles && bit(extended.edx, 25),
      .amx_bf16 = tiles && bit(extended.edx, 22),
  };
}

#elif defined(__aarch64__)

#if defined(__APPLE__)

namespace {

bool has(const char *name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}

} // namespace

CpuFeatures detect_cpu_features() {
  return {
      .fp16 = has("hw.optional.arm.FEAT_FP16"),
      .dotprod = has("hw.optional.arm.FEAT_DotProd"),
      .i8mm = has("hw.optional.arm.FEAT_I8MM"),
      .bf16 = has("hw.optional.arm.FEAT_BF16"),
      .sve = has("hw.optional.arm.FEAT_SVE"),
  };
}

#else

CpuFeatures detect_cpu_features() {
  // Bits of the kernel's interface, asm/hwcap.h; old headers lack the later ones.
  const unsigned long first = getauxval(AT_HWCAP);
  const unsigned long second = getauxval(AT_HWCAP2);
  return {
      .fp16 = (first >> 10 & 1) != 0,    // HWCAP_ASIMDHP
      .dotprod = (first >> 20 & 1) != 0, // HWCAP_ASIMDDP
      .i8mm = (second >> 13 & 1) != 0,   // HWCAP2_I8MM
      .bf16 = (second >> 14 & 1) != 0,   // HWCAP2_BF16
      .sve = (first >> 22 & 1) != 0,     // HWCAP_SVE
  };
}

#endif
#endif

namespace {

struct Named {
  const char *name;
  bool CpuFeatures::*present;
};

constexpr Named named_features[] = {
#if defined(__x86_64__)
    {"avx2", &CpuFeatures::avx2},
    {"fma", &CpuFeatures::fma},
    {"f16c", &CpuFeatures::f16c},
    {"avx_vnni", &CpuFeatures::avx_vnni},
    {"avx512f", &CpuFeatures::avx512f},
    {"avx512bw", &CpuFeatures::avx512bw},
    {"avx512vl", &CpuFeatures::avx512vl},
    {"avx512dq", &CpuFeatures::avx512dq},
    {"avx512_vnni", &CpuFeatures::avx512_vnni},
    {"avx512_bf16", &CpuFeatures::avx512_bf16},
    {"gfni", &CpuFeatures::gfni},
    {"amx_int8", &CpuFeatures::amx_int8},
    {"amx_bf16", &CpuFeatures::amx_bf16},
#elif defined(__aarch64__)
    {"fp16", &CpuFeatures::fp16}, {"dotprod", &CpuFeatures::dotprod}, {"i8mm", &CpuFeatures::i8mm},
    {"bf16", &CpuFeatures::bf16}, {"sve", &CpuFeatures::sve},
#endif
};

constexpr size_t joined_bytes() {
  size_t bytes = 1;
  for (const Named &feature : named_features) bytes += __builtin_strlen(feature.name) + 1;
  return bytes;
}

char joined[joined_bytes()];
pthread_once_t join_once = PTHREAD_ONCE_INIT;

void join() {
  const CpuFeatures found = detect_cpu_features();
  char *end = joined;
  for (const Named &feature : named_features) {
    if (!(found.*feature.present)) continue;
    if (end != joined) *end++ = ' ';
    const size_t length = strlen(feature.name);
    memcpy(end, feature.name, length);
    end += length;
  }
  *end = '\0';
}

} // namespace

const char *cpu_feature_names() {
  pthread_once(&join_once, join);
  return joined;
}

} // namespace cider
