#pragma once
// A tile of 128 x 64 dot products of rows.
#include "cuda/gemm/math.h"
#include "cuda/gemm/operands.h"
#include "cuda/loss/contrastive/sums.h"
#include "cuda/primitives/kernel.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace contrastive {

template <typename T>
struct MathOf {
  using Tile = gemm::Tile128x64;
  using Type = gemm::TensorCores<T, Tile>;
};
template <>
struct MathOf<float> {
  using Tile = gemm::TileF32;
  using Type = gemm::PlainFma<Tile>;
};

// Computes the scores of one tile, unscaled. The stages may be overwritten afterwards.
template <typename T, int V>
VC_DEVICE typename MathOf<T>::Type multiply_tile(const gemm::Matrix<T>& of_rows, const gemm::Matrix<T>& of_columns,
                                                 int row0, int column0) {
  using Tile = typename MathOf<T>::Tile;
  using Math = typename MathOf<T>::Type;
  static_assert(Tile::kM == kTileRows && Tile::kN == kTileColumns && Tile::kThreads == kThreads, "one tile for all");
  constexpr uint32_t kStageElements = Tile::kStageBytes / sizeof(T);
  const gemm::MatrixRows<T> a(of_rows, 0, row0), b(of_columns, 0, column0);
  const gemm::Loader<T, V, Tile::kM, Tile, Math, gemm::MatrixRows<T>> a_loader(a);
  const gemm::Loader<T, V, Tile::kN, Tile, Math, gemm::MatrixRows<T>> b_loader(b);
  const Shared<T> stages = shared_array<T>(0, Tile::kStages * kStageElements);
  const int steps = (of_rows.columns + gemm::kStep<T> - 1) / gemm::kStep<T>;
  const auto load = [&](int step, int slot) {
    if (step < steps) {
      const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kStageElements);
      a_loader.load(stage, step);
      b_loader.load(stage.offset(Tile::kM * gemm::kStep<T>), step);
    }
    cp_async_commit();
  };
  Math math;
#pragma unroll
  for (int step = 0; step < Tile::kStages - 1; ++step) load(step, step);
  int slot = 0;
  for (int step = 0; step < steps; ++step) {
    const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kStageElements);
    cp_async_wait<Tile::kStages - 2>();
    sync_threads();
    load(step + Tile::kStages - 1, slot == 0 ? Tile::kStages - 1 : slot - 1);
    math.accumulate(stage, stage.offset(Tile::kM * gemm::kStep<T>));
    slot = slot == Tile::kStages - 1 ? 0 : slot + 1;
  }
  cp_async_wait<0>();
  sync_threads();
  return math;
}

}  // namespace contrastive
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
