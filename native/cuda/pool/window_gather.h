#pragma once
// Gradients of pools by gathering: a thread has up to 16 bytes of channels of one input position and sums the
// contributions of the windows that contain it, in the order of the windows.
#include "cuda/pool/window.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kGatherThreads = 256;
constexpr int kGatherBlocks = 4;  // per SM, with 64 registers per thread; with more blocks ptxas spills

// The windows along an axis that contain position `at`.
struct WindowRange {
  int begin, end;

  VC_DEVICE WindowRange(const PoolAxis& a, int at) {
    const int p = at + a.low;  // window o covers [o s, o s + k)
    begin = p < a.kernel ? 0 : (p - a.kernel) / a.stride + 1;
    end = min(a.out, p / a.stride + 1);
  }
};

// The positions of x or y with their vectors of channels, one per thread.
struct Positions {
  FastDivmod vectors, size[3];
  int count;

  Positions() = default;
  Positions(const Tensor& t, int width, Status* status)
      : vectors(t.shape[4] / width), size{FastDivmod(t.shape[1]), FastDivmod(t.shape[2]), FastDivmod(t.shape[3])} {
    const int64_t all = t.elements() / width;
    if (all > 0x7fffffff - kGatherThreads) *status = {"a pool's gradient of more than 2^31 - 1 vectors"};
    count = static_cast<int>(all);
  }
  Grid grid() const { return {(count + kGatherThreads - 1) / kGatherThreads}; }

  // Returns false beyond the last position. `column` counts vectors.
  VC_DEVICE bool locate(int* n, int (&at)[3], int* column, int* index) const {
    const int item = static_cast<int>(blockIdx.x) * kGatherThreads + static_cast<int>(threadIdx.x);
    *index = item;
    if (item >= count) return false;
    int rest = vectors.divide(item, column);
    for (int i = 2; i >= 0; --i) rest = size[i].divide(rest, &at[i]);
    *n = rest;
    return true;
  }
};

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
