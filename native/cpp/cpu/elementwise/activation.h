#pragma once
// The functions of ops/unary.h on rows of values.
#include <cmath>

#include "cpu/conv/swish.h"
#include "cpu/primitives/storage.h"
#include "cpu/primitives/vector_math.h"
#include "ops/elementwise/unary.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

inline float softplus(float x) { return (x > 0 ? x : 0.0f) + std::log1p(std::exp(x > 0 ? -x : x)); }

template <typename T, typename F>
inline void map(const T* in, T* out, int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, f(load(in + i)));
  if (i < n) store_some(out + i, f(load_some(in + i, n - i)), n - i);
}

// Applies the activation to n values; `in` may be `out`. `kind` is an Activation; kIdentity copies.
template <typename T>
inline void activate(int kind, const T* in, T* out, int64_t n) {
  switch (kind) {
    case kRelu:
      return map(in, out, n, [](Vec x) { return x < Vec{} ? Vec{} : x; });
    case kSigmoid:
      return map(in, out, n, [](Vec x) { return sigmoid(x); });
    case kTanh:
      return map(in, out, n, [](Vec x) { return tanh(x); });
    case kGelu:
      return map(in, out, n, [](Vec x) { return gelu(x); });
    case kGeluTanh:
      return map(in, out, n, [](Vec x) {
        const Vec u = splat(0.7978845608f) * (x + splat(0.044715f) * x * x * x);
        return x * sigmoid(u + u);
      });
    case kSwish:
      return map(in, out, n, [](Vec x) { return swish(x); });
    case kExp:
      return map(in, out, n, [](Vec x) { return exp(x); });
    case kSoftplus:
      for (int64_t i = 0; i < n; ++i) set(out + i, softplus(value(in[i])));
      return;
    default:
      return map(in, out, n, [](Vec x) { return x; });
  }
}

// The activation of a vector.
inline Vec activated(int64_t kind, Vec x) {
  if (kind < kRelu) return x;
  if (kind == kRelu) return x < Vec{} ? Vec{} : x;
  alignas(64) float some[kLanes];
  store(some, x);
  activate(static_cast<int>(kind), some, some, kLanes);
  return load(some);
}

// Applies the activation in place to `count` rows of n outputs that a kernel has just stored. Kernels of convolutions
// apply no activation and ReLU themselves, so this function does nothing for these two; the others cost little while
// the rows are in the L1 cache.
__attribute__((noinline)) inline void activate_stored(int64_t kind, float* rows, int64_t stride, int64_t count,
                                                      int64_t n) {
  if (kind <= kRelu) return;
  for (int64_t r = 0; r < count; ++r) activate(static_cast<int>(kind), rows + r * stride, rows + r * stride, n);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
