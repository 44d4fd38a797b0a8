#pragma once
// Ops over many dense tensors at once: what optimizers do to all parameters.
#include "cpu/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int64_t kTensorChunk = 16384;  // elements of a task

inline bool is_dense(const Tensor& t) {
  int64_t step = 1;
  for (int d = t.rank - 1; d >= 0; --d) {
    if (t.shape[d] != 1 && t.strides[d] != step) return false;
    step *= t.shape[d];
  }
  return t.dtype == DType::f32;
}

inline bool all_dense(const Call& call) {
  for (int i = 0; i < call.inputs; ++i) {
    if (!is_dense(call.in[i])) return false;
  }
  for (int i = 0; i < call.outputs; ++i) {
    if (!is_dense(call.out[i])) return false;
  }
  return true;
}

// Chunks of the inputs first, first + step, ...: of one tensor after the other.
inline int64_t tensor_chunks(const Call& call, int first, int step) {
  int64_t count = 0;
  for (int i = first; i < call.inputs; i += step) count += ceil_div(call.in[i].elements(), kTensorChunk);
  return count;
}

// body(k, begin, end, chunk) for every chunk [begin, end) of tensor k, whose size is that of input first + k step.
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

// Control of global_norm: whether to take the step.
inline bool is_finite(const Tensor& control) { return control.f32()[2] != 0; }

inline Vec square_root(Vec x) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);  // the plain form warns with GCC 12
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
