#pragma once
// out[M, N] = a[M, K] b[N, K]^T, an example of every primitive a matrix kernel needs.
// Storage T (bf16 or f16), sums in f32. Block: 64 x 64 outputs, 4 warps of 32 x 32; K in steps of 64 elements (128-byte
// rows), double buffered by cp.async: 2 x 16 KB of shared memory. K is a multiple of 8, N of 2.
#include "cuda/primitives/async_copy.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/mma.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kGemmThreads = 128;
constexpr int kBlock = 64;  // rows of a and of b per block
constexpr int kStep = 64;   // of K
constexpr int kStages = 2;
constexpr uint32_t kStageElements = 2 * kBlock * kStep;
constexpr size_t kGemmShared = kStages * kStageElements * 2;

template <typename T>
struct GemmArguments {
  Global<float> out;
  Global<const T> a, b;
  int M, N, K;
};

// Element of a tile of 64-element rows. Swizzled: the 16-byte chunk is exclusive-or'ed with the row, so that 8 rows of
// one chunk column are in 8 different bank groups.
template <bool kSwizzle>
VC_DEVICE uint32_t tile_at(int row, int chunk) {
  return static_cast<uint32_t>(row * kStep + ((kSwizzle ? chunk ^ (row % 8) : chunk) * 8));
}

template <typename T, bool kSwizzle>
VC_DEVICE void load_tile(Shared<T> tile, Global<const T> from, int first_row, int rows, int K, int k0) {
  for (int i = static_cast<int>(threadIdx.x); i < kBlock * kStep / 8; i += kGemmThreads) {
    const int row = i / (kStep / 8), chunk = i % (kStep / 8), k = k0 + chunk * 8;
    const bool valid = first_row + row < rows && k < K;
    const size_t at = static_cast<size_t>(first_row + row) * static_cast<size_t>(K) + static_cast<size_t>(k);
    cp_async_16(tile, tile_at<kSwizzle>(row, chunk), from, valid ? at : 0, valid);
  }
}

template <typename T, bool kSwizzle>
__global__ void __launch_bounds__(kGemmThreads) gemm_kernel(GemmArguments<T> p) {
  const Shared<T> all = shared_array<T>(0, kStages * kStageElements);
  const int m0 = static_cast<int>(blockIdx.y) * kBlock, n0 = static_cast<int>(blockIdx.x) * kBlock;
  const int warp_m = warp_id() / 2 * 32, warp_n = warp_id() % 2 * 32, lane = lane_id();
  float sums[2][4][4] = {};

  const auto load_stage = [&](int step) {
    const auto stage = static_cast<uint32_t>(step % kStages) * kStageElements;
    load_tile<T, kSwizzle>(all.offset(stage), p.a, m0, p.M, p.K, step * kStep);
    load_tile<T, kSwizzle>(all.offset(stage + kBlock * kStep), p.b, n0, p.N, p.K, step * kStep);
  };

  const int steps = (p.K + kStep - 1) / kStep;
  load_stage(0);
  cp_async_commit();
  for (int step = 0; step < steps; ++step) {
    if (step + 1 < steps) load_stage(step + 1);
    cp_async_commit();
    cp_async_wait<1>();
    sync_threads();
    const auto stage = static_cast<uint32_t>(step % kStages) * kStageElements;
    const Shared<T> a_tile = all.offset(stage), b_tile = all.offset(stage + kBlock * kStep);
#pragma unroll
    for (int k = 0; k < kStep / 8; k += 2) {  // in chunks of 8
      uint32_t a[2][4], b[4][2];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        ldmatrix_x4(a[i], a_tile, tile_at<kSwizzle>(warp_m + i * 16 + lane % 16, k + lane / 16));
      }
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        ldmatrix_x2(b[j], b_tile, tile_at<kSwizzle>(warp_n + j * 8 + lane % 8, k + lane / 8 % 2));
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) mma_m16n8k16<T>(sums[i][j], a[i], b[j]);
      }
    }
    sync_threads();
  }

#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int m = m0 + warp_m + i * 16 + half * 8 + lane / 4, n = n0 + warp_n + j * 8 + lane % 4 * 2;
        if (m >= p.M || n >= p.N) continue;
        const Packed<float, 2> pair = {{sums[i][j][half * 2], sums[i][j][half * 2 + 1]}};
        p.out.store_packed(static_cast<size_t>(m) * static_cast<size_t>(p.N) + static_cast<size_t>(n), pair);
      }
    }
  }
}

template <typename T, bool kSwizzle>
Status gemm(const GemmArguments<T>& p, Stream stream) {
  const Grid grid{static_cast<unsigned>((p.N + kBlock - 1) / kBlock),
                  static_cast<unsigned>((p.M + kBlock - 1) / kBlock)};
  return launch(gemm_kernel<T, kSwizzle>, grid, kGemmThreads, kGemmShared, stream, p);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
