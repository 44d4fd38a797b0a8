#include "runtime/matrix_unit.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace videoclip {
namespace {

#if defined(__x86_64__)

// Whether the system saves the registers of tiles (bits 17 and 18 of XCR0) when it switches threads.
bool system_saves_tiles() {
  unsigned int low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low >> 17 & 3) == 3;
}

const char* refusal() {
  unsigned int a = 0, b = 0, c = 0, d = 0;
  const bool saves = __get_cpuid(1, &a, &b, &c, &d) && (c >> 27 & 1);  // XGETBV can be used
  const bool known = __get_cpuid_count(7, 0, &a, &b, &c, &d);
  constexpr unsigned int kBf16 = 1u << 22, kTile = 1u << 24;
  if (!known || !(d & kTile) || !(d & kBf16)) return "this processor has no AMX";
  if (!saves || !system_saves_tiles()) return "the operating system does not support AMX";
#if defined(__linux__)
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  if (syscall(SYS_arch_prctl, kRequest, kTileData) != 0) return "the operating system denies AMX to this process";
#endif
  return nullptr;
}

#else

const char* refusal() { return "this processor has no AMX"; }

#endif

}  // namespace

const char* matrix_unit_refusal() {
  static const char* const reason = refusal();
  return reason;
}

}  // namespace videoclip
