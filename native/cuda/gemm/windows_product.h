#pragma once
// partial[split, o, k] = sum over the positions m of a split of dy[m, o] x[window m, k]: the weight gradient of a
// convolution as a matrix product over the positions. This sum is long, so it is divided (split-K), and the partial
// sums are added in order.
//
// Both operands are stored with their rows along the positions. A tile in shared memory therefore has 32 positions of
// 64 columns, and fragments are read transposed (ldmatrix.trans). A block computes 64 x 64 sums: 4 warps of 32 x 32 on
// tensor cores, or 8 x 4 sums per thread in f32. Shared memory holds three stages of cp.async of 8 KB (16 bits) or 16
// KB (f32) and the table of the rows' windows, at most 49 KB per block. A step has two barriers; between them the table
// of the next step is filled.
#include "cuda/gemm/loader.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/mma.h"
#include "cuda/primitives/sync.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

struct ProductTile {
  static constexpr int kM = 64, kN = 64, kDepth = 32;  // outputs, window columns, positions per step
  static constexpr int kThreads = 128, kSums = 32, kStages = 3;
};

template <typename T>
struct ProductArguments {
  Matrix<T> dy;  // [positions][outputs of a group]
  Windows<T> x;  // [positions][columns of a group]
  Global<float> partial;
  int outputs, columns, groups, group_channels, tiles_m, tiles_n, splits, split_steps;
};

// mma.m16n8k16 for 16-bit storage. The 8 positions of one chunk of columns that a matrix of ldmatrix reads are in 8
// different bank groups.
template <typename T>
class TransposedTensorCores {
 public:
  static constexpr int kParts = 1;  // 64 columns are this many tiles of 128 bytes
  VC_DEVICE static constexpr int pattern(int row) { return row % 8; }

  VC_DEVICE void accumulate(Shared<T> a_tile, Shared<T> b_tile) {
    const int lane = lane_id(), m0 = warp_id() / 2 * 32, n0 = warp_id() % 2 * 32;
#pragma unroll
    for (int depth = 0; depth < ProductTile::kDepth; depth += 16) {
      uint32_t a[2][4], b[4][2];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int row = depth + lane % 8 + lane / 16 * 8, chunk = (m0 + i * 16) / 8 + lane / 8 % 2;
        ldmatrix_x4_trans(a[i], a_tile, tile_at<T>(row, chunk * 8, pattern(row)));
      }
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        const int row = depth + lane % 8 + lane / 8 % 2 * 8, chunk = (n0 + j * 8) / 8 + lane / 16;
        uint32_t both[4];
        ldmatrix_x4_trans(both, b_tile, tile_at<T>(row, chunk * 8, pattern(row)));
        b[j][0] = both[0], b[j][1] = both[1], b[j + 1][0] = both[2], b[j + 1][1] = both[3];
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) mma_m16n8k16<T>(sums_[i][j], a[i], b[j]);
      }
    }
  }

  // Calls store(row, column, neighbouring sums) for the sums of the tile. 4 lanes fill a sector.
  template <class F>
  VC_DEVICE void each(F store) const {
    const int lane = lane_id(), m0 = warp_id() / 2 * 32, n0 = warp_id() % 2 * 32;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const Packed<float, 2> pair = {{sums_[i][j][half * 2], sums_[i][j][half * 2 + 1]}};
          store(m0 + i * 16 + lane / 4 + half * 8, n0 + j * 8 + lane % 4 * 2, pair);
        }
      }
    }
  }

 private:
  float sums_[2][4][4] = {};
};

// f32: 16 x 8 threads with 4 columns and 8 outputs each. 64 columns are two tiles of 32.
class TransposedFma {
 public:
  static constexpr int kParts = 2;
  VC_DEVICE static constexpr int pattern(int) { return 0; }  // a warp reads whole rows

  VC_DEVICE void accumulate(Shared<float> a_tile, Shared<float> b_tile) {
    const Shared<float> a_part = a_tile.offset(static_cast<uint32_t>(row() / 32 * kPart));
    const Shared<float> b_part = b_tile.offset(static_cast<uint32_t>(column() / 32 * kPart));
#pragma unroll 4
    for (int depth = 0; depth < ProductTile::kDepth; ++depth) {
      const Packed<float, 4> b = b_part.load_packed<4>(tile_at<float>(depth, column() % 32, 0));
      Packed<float, 4> a[2];
#pragma unroll
      for (int i = 0; i < 2; ++i) a[i] = a_part.load_packed<4>(tile_at<float>(depth, row() % 32 + i * 4, 0));
#pragma unroll
      for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums_[i][j] = fma(a[i / 4][i % 4], b[j], sums_[i][j]);
      }
    }
  }

  template <class F>
  VC_DEVICE void each(F store) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      store(row() + i, column(), Packed<float, 4>{{sums_[i][0], sums_[i][1], sums_[i][2], sums_[i][3]}});
    }
  }

 private:
  static constexpr int kPart = ProductTile::kDepth * kStep<float>;
  VC_DEVICE static int row() { return static_cast<int>(threadIdx.x) / 16 * 8; }
  VC_DEVICE static int column() { return static_cast<int>(threadIdx.x) % 16 * 4; }

  float sums_[8][4] = {};
};

template <typename T>
struct TransposedMath {
  using Type = TransposedTensorCores<T>;
};
template <>
struct TransposedMath<float> {
  using Type = TransposedFma;
};

template <typename T>
constexpr uint32_t kProductStage = 2 * TransposedMath<T>::Type::kParts * ProductTile::kDepth * kStep<T>;  // elements
template <typename T>
constexpr size_t kProductShared =
    ProductTile::kStages * kProductStage<T> * sizeof(T) + ProductTile::kDepth * WindowRows<T>::kTableBytes;

// V: elements of x and dy that one copy may move.
template <typename T, int V>
__global__ void __launch_bounds__(ProductTile::kThreads, 3) windows_product_kernel(ProductArguments<T> p) {
  using Math = typename TransposedMath<T>::Type;
  using DyLoader = Loader<T, V, ProductTile::kDepth, ProductTile, Math, MatrixRows<T>>;
  using XLoader = Loader<T, V, ProductTile::kDepth, ProductTile, Math, WindowRows<T>>;
  constexpr int kStages = ProductTile::kStages, kPart = ProductTile::kDepth * kStep<T>;
  const int n_tile = static_cast<int>(blockIdx.x) % p.tiles_n, m_tile = static_cast<int>(blockIdx.x) / p.tiles_n;
  const int group = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.z);
  const Shared<T> stages = shared_array<T>(0, kStages * kProductStage<T>);
  const int begin = split * p.split_steps * ProductTile::kDepth;
  const int left = (p.dy.rows - begin + ProductTile::kDepth - 1) / ProductTile::kDepth;
  const int steps = min(p.split_steps, left);

  const auto load = [&](int step, int slot) {
    if (step < steps) {
      const int first = begin + step * ProductTile::kDepth;
      WindowRows<T> x_rows(p.x, static_cast<size_t>(group) * static_cast<size_t>(p.group_channels), first);
      const MatrixRows<T> dy_rows(p.dy, static_cast<size_t>(group) * static_cast<size_t>(p.outputs), first);
      x_rows.fill_table(kStages * kProductStage<T> * sizeof(T), ProductTile::kDepth, ProductTile::kThreads);
      sync_threads();
      const DyLoader dy_loader(dy_rows);
      const XLoader x_loader(x_rows);
      const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kProductStage<T>);
#pragma unroll
      for (int part = 0; part < Math::kParts; ++part) {
        dy_loader.load(stage.offset(static_cast<uint32_t>(part * kPart)), m_tile * Math::kParts + part);
        x_loader.load(stage.offset(static_cast<uint32_t>((Math::kParts + part) * kPart)), n_tile * Math::kParts + part);
      }
    }
    cp_async_commit();  // one group per step, empty after the last step
  };

  // Prologue: fill all stages but one.
  Math math;
  for (int step = 0; step < kStages - 1; ++step) {
    if (step > 0) sync_threads();  // before the table is filled again
    load(step, step);
  }
  int slot = 0;
  // Main loop: multiply one stage while the next ones are copied.
  for (int step = 0; step < steps; ++step) {
    cp_async_wait<kStages - 2>();
    // The data of the step are complete, and all threads have finished reading the previous stage and the table.
    sync_threads();
    load(step + kStages - 1, slot == 0 ? kStages - 1 : slot - 1);
    const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kProductStage<T>);
    math.accumulate(stage, stage.offset(static_cast<uint32_t>(Math::kParts * kPart)));
    slot = slot == kStages - 1 ? 0 : slot + 1;
  }
  cp_async_wait<0>();

  // Epilogue: store the partial sums of the split.
  const size_t base = (static_cast<size_t>(split) * static_cast<size_t>(p.groups) + static_cast<size_t>(group)) *
                      static_cast<size_t>(p.outputs);
  math.each([&](int row, int column, const auto& sums) {
    constexpr int kCount = sizeof(sums) / sizeof(float);
    const int o = m_tile * ProductTile::kM + row, k = n_tile * ProductTile::kN + column;
    if (o >= p.outputs) return;
    const size_t at = (base + static_cast<size_t>(o)) * static_cast<size_t>(p.columns) + static_cast<size_t>(k);
    if (p.columns % kCount == 0) {
      if (k < p.columns) p.partial.template store_packed<kCount>(at, sums);
      return;
    }
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (k + i < p.columns) p.partial.store(at + static_cast<size_t>(i), sums[i]);
    }
  });
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
