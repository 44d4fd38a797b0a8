#pragma once
// Instructions that a processor may have beyond those of a backend.
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace videoclip {

// Whether this arm64 processor multiplies pairs of bf16 (FEAT_BF16: BFMMLA). The system is asked once.
inline bool has_bfmmla() {
#if defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long kBf16 = 1ul << 14;  // HWCAP2_BF16, which older headers lack
  static const bool has = (getauxval(AT_HWCAP2) & kBf16) != 0;
  return has;
#elif defined(__aarch64__) && defined(__APPLE__)
  static const bool has = [] {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname("hw.optional.arm.FEAT_BF16", &value, &size, nullptr, 0) == 0 && value != 0;
  }();
  return has;
#else
  return false;
#endif
}

}  // namespace videoclip
