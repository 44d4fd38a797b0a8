#pragma once
// Ops over many dense tensors: the update of all parameters by an optimizer.
#include "cpu/primitives/simd.h"
#include "runtime/dense.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int64_t kTensorChunk = 16384;  // elements per task

// The number of chunks of the inputs first, first + step, and so on.
inline int64_t tensor_chunks(const Call& call, int first, int step) {
  int64_t count = 0;
  for (int i = first; i < call.inputs; i += step) count += ceil_div(call.in[i].elements(), kTensorChunk);
  return count;
}

// Calls body(k, begin, end, chunk) for every chunk [begin, end) of tensor k, whose size is that of input first + k
// step.
template <typename F>
void for_tensor_chunks(const Call& call, int first, int step, const F& body) {
  call.pool->parallel_for(tensor_chunks(call, first, step), [&](int64_t task, int) {
    int64_t chunk = task;
    for (int i = first, k = 0; i < call.inputs; i += step, ++k) {
      const int64_t size = call.in[i].elements(), chunks = ceil_div(size, kTensorChunk);
      if (chunk < chunks) {
        body(k, chunk * kTensorChunk, min64(size, (chunk + 1) * kTensorChunk), task);
        return;
      }
      chunk -= chunks;
    }
  });
}

// Whether the norm of global_norm is finite, so that the optimizer may take the step.
inline bool is_finite(const Tensor& control) { return control.f32()[2] != 0; }

inline Vec square_root(Vec x) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);  // the plain form warns with GCC 12
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)x);
#elif defined(VIDEOCLIP_NEON)
  return (Vec)vsqrtq_f32((float32x4_t)x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
