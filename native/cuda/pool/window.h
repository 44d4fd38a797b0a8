#pragma once
// The windows of a 3-D pool, from the attributes of ops/max_pool3d.h and ops/avg_pool3d.h and the shapes of x and y.
#include "cuda/primitives/fast_divmod.h"
#include "cuda/primitives/math.h"
#include "runtime/kernel.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

struct PoolAxis {
  int kernel, stride, low, high;
  int in, out;  // positions
};

// The part of a window inside the input, and the number of its positions inside the padded input.
struct Window {
  int begin, end, padded;

  VC_DEVICE Window(const PoolAxis& a, int index) {
    const int start = index * a.stride - a.low, stop = min(start + a.kernel, a.in + a.high);
    padded = stop - start;
    begin = max(start, 0);
    end = min(stop, a.in);
  }
  VC_DEVICE int inside() const { return max(0, end - begin); }
};

struct Pool {
  PoolAxis axis[3];    // T, H, W
  int64_t x[4], y[4];  // strides of N, T, H, W
  int64_t clips;
  int channels;
  bool padding_counts;  // as positions of an average, or as zeros of a maximum

  // `Attributes` are those of ops/pool/max_pool3d.h or ops/pool/avg_pool3d.h. `in` and `out` are the input and output
  // of the pool, in a call of its gradient too.
  template <typename Attributes>
  Pool(const Attributes& a, bool counts, const Tensor& in, const Tensor& out) : padding_counts(counts) {
    for (int i = 0; i < 3; ++i) {
      axis[i] = {static_cast<int>(a.kernel[i]), static_cast<int>(a.stride[i]),     static_cast<int>(a.low[i]),
                 static_cast<int>(a.high[i]),   static_cast<int>(in.shape[1 + i]), static_cast<int>(out.shape[1 + i])};
    }
    for (int i = 0; i < 4; ++i) x[i] = in.strides[i], y[i] = out.strides[i];
    clips = in.shape[0];
    channels = static_cast<int>(in.shape[4]);
  }
};

VC_DEVICE size_t pool_offset(const int64_t (&strides)[4], int64_t n, int t, int h, int w) {
  return static_cast<size_t>(n * strides[0] + t * strides[1] + h * strides[2] + w * strides[3]);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
