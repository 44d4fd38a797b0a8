#pragma once
// out[r] = sum of x[r, :] in f32, one block of 4 warps per row, in a fixed order. x [R, C] of T, C a multiple of 4.
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kReductionThreads = 128;

template <typename T>
struct ReductionArguments {
  Global<float> out;
  Global<const T> x;
  int C;
};

template <typename T>
__global__ void __launch_bounds__(kReductionThreads) reduction_kernel(ReductionArguments<T> p) {
  const Shared<float> partial = shared_array<float>(0, kReductionThreads / kWarpSize);
  const Global<const T> row = p.x.offset(static_cast<size_t>(blockIdx.x) * static_cast<size_t>(p.C));
  float sum = 0;
  for (int c = static_cast<int>(threadIdx.x) * 4; c < p.C; c += kReductionThreads * 4) {
    const Packed<T, 4> x = row.template load_packed<4>(static_cast<size_t>(c));
    for (int i = 0; i < 4; ++i) sum += to_float(x[i]);
  }
  sum = warp_sum(sum);
  if (lane_id() == 0) partial.store(static_cast<uint32_t>(warp_id()), sum);
  sync_threads();
  if (threadIdx.x != 0) return;
  for (uint32_t w = 1; w < kReductionThreads / kWarpSize; ++w) sum += partial.load(w);
  p.out.store(blockIdx.x, sum);
}

template <typename T>
Status reduction(const ReductionArguments<T>& p, int rows, Stream stream) {
  return launch<reduction_kernel<T>>(Grid{static_cast<unsigned>(rows)}, kReductionThreads,
                sizeof(float) * kReductionThreads / kWarpSize, stream, p);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
