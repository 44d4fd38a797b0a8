#pragma once
// Arithmetic that differs between compilers. The approximations (`_approx`) have an error of about 2 ulp, and flush
// subnormals on the device.
#include "cuda/primitives/target.h"

#if defined(VIDEOCLIP_EMULATED)
#include <cmath>
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

#if defined(VIDEOCLIP_EMULATED)

VC_DEVICE float exp2_approx(float x) { return ::exp2f(x); }
VC_DEVICE float rsqrt_approx(float x) { return 1.0f / ::sqrtf(x); }
VC_DEVICE float reciprocal_approx(float x) { return 1.0f / x; }
VC_DEVICE float square_root(float x) { return ::sqrtf(x); }
VC_DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
VC_DEVICE float max(float a, float b) { return ::fmaxf(a, b); }
VC_DEVICE float min(float a, float b) { return ::fminf(a, b); }
VC_DEVICE float max_nan(float a, float b) { return a != a ? a : b != b ? b : ::fmaxf(a, b); }
VC_DEVICE int lowest_bit(uint32_t bits) { return __builtin_ctz(bits); }

#else

VC_DEVICE float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
VC_DEVICE float rsqrt_approx(float x) {
  float y;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
VC_DEVICE float reciprocal_approx(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
VC_DEVICE float square_root(float x) { return __fsqrt_rn(x); }
VC_DEVICE float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
VC_DEVICE float max(float a, float b) { return ::fmaxf(a, b); }
VC_DEVICE float min(float a, float b) { return ::fminf(a, b); }
// Returns NaN if an argument is NaN. max and min return the other argument then.
VC_DEVICE float max_nan(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}
// The number of the lowest bit that is set; there must be one.
VC_DEVICE int lowest_bit(uint32_t bits) { return __ffs(static_cast<int>(bits)) - 1; }

#endif

VC_DEVICE float exp_approx(float x) { return exp2_approx(x * 1.4426950408889634f); }

template <typename T>
VC_HOST_DEVICE constexpr T max(T a, T b) {
  return a < b ? b : a;
}
template <typename T>
VC_HOST_DEVICE constexpr T min(T a, T b) {
  return b < a ? b : a;
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
