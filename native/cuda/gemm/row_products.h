#pragma once
// A tile of dot products of the rows of two matrices, left in the registers of the threads.
#include "cuda/gemm/loader.h"
#include "cuda/gemm/math.h"
#include "cuda/gemm/operands.h"
#include "cuda/primitives/async_copy.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

struct Nothing {
  template <class Rows>
  VC_DEVICE void operator()(const Rows&, const Rows&) const {}
};

// Row row0 of `of_rows` and row column0 of `of_columns` are the first of the tile; rows beyond the last are zero. The
// stages are at the start of shared memory, and may be overwritten afterwards. `each` is called with the rows of either
// matrix in shared memory (tile_at in loader.h), for one step of columns after another.
template <class Tile, class Math, int V, typename T, class Each = Nothing>
VC_DEVICE Math multiply_rows(const Matrix<T>& of_rows, const Matrix<T>& of_columns, int row0, int column0,
                             Each&& each = {}) {
  constexpr uint32_t kStageElements = Tile::kStageBytes / sizeof(T);
  const MatrixRows<T> a(of_rows, 0, row0), b(of_columns, 0, column0);
  const Loader<T, V, Tile::kM, Tile, Math, MatrixRows<T>> a_loader(a);
  const Loader<T, V, Tile::kN, Tile, Math, MatrixRows<T>> b_loader(b);
  const Shared<T> stages = shared_array<T>(0, Tile::kStages * kStageElements);
  const int steps = (of_rows.columns + kStep<T> - 1) / kStep<T>;
  const auto load = [&](int step, int slot) {
    if (step < steps) {
      const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kStageElements);
      a_loader.load(stage, step);
      b_loader.load(stage.offset(Tile::kM * kStep<T>), step);
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
    math.accumulate(stage, stage.offset(Tile::kM * kStep<T>));
    each(stage, stage.offset(Tile::kM * kStep<T>));
    slot = slot == Tile::kStages - 1 ? 0 : slot + 1;
  }
  cp_async_wait<0>();
  sync_threads();
  return math;
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
