#pragma once
// out[m, n] = act( sum_k A[m, k] B[n, k] + bias[n] + residual[m, n] ): the kernel that conv3d and linear share.
//
// A is a matrix, or the windows of a convolution or of its gradient (operands.h). B is [columns][K]. Values are stored
// as T and summed in f32. A block computes one tile of outputs (tiles.h). It iterates over K in steps of 128 bytes
// through kStages stages of shared memory, which cp.async fills kStages - 1 steps ahead, with one barrier per step.
// Every output is summed in the order of K, whatever the tile. Blocks of the same rows are neighbours in the grid, so
// that A is read from memory about once and then from L2.
#include "cuda/gemm/epilogue.h"
#include "cuda/gemm/pipeline.h"
#include "cuda/primitives/kernel.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

template <typename T, class A>
struct Arguments {
  A a;
  Matrix<T> b;  // the weights of all groups
  Destination<T> out;
  InputScale<T> input_scale;
  ClipSums sums;
  int groups, tiles_n;
  int group_channels;  // distance in A from one group to the next
};

template <typename T>
MatrixRows<T> rows_of(const Matrix<T>&);
template <typename T>
WindowRows<T> rows_of(const Windows<T>&);
template <typename T>
SpreadRows<T> rows_of(const SpreadWindows<T>&);

template <typename T, class Tile, bool kTensorCores>
struct MathOf {
  using Type = TensorCores<T, Tile>;
};
template <typename T, class Tile>
struct MathOf<T, Tile, false> {
  using Type = PlainFma<Tile>;
};

// V: elements of A and B that one copy may move.
template <class Features, class Tile, int V, bool kTensorCores, typename T, class A>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) gemm_kernel(Arguments<T, A> p) {
  using Math = typename MathOf<T, Tile, kTensorCores>::Type;
  using Rows = decltype(rows_of(p.a));
  constexpr uint32_t kStageElements = Tile::kStageBytes / sizeof(T);
  const auto block = static_cast<int>(blockIdx.x);
  const int n_tile = block % p.tiles_n, m_tile = block / p.tiles_n / p.groups, group = block / p.tiles_n % p.groups;
  const TileRows rows = rows_of_tile<Features, Tile>(m_tile, p.out.rows, p.sums);
  const int n0 = n_tile * Tile::kN;
  const auto columns = static_cast<size_t>(p.out.columns);

  Rows a_rows(p.a, static_cast<size_t>(group) * static_cast<size_t>(p.group_channels), rows.first, rows.end);
  const MatrixRows<T> b_rows(p.b, static_cast<size_t>(group) * columns * static_cast<size_t>(p.b.columns), n0,
                             p.b.rows);
  if constexpr (Rows::kTableBytes > 0) {
    a_rows.fill_table(Tile::kStages * Tile::kStageBytes, Tile::kM, Tile::kThreads);
    sync_threads();
  }
  const Loader<T, V, Tile::kM, Tile, Math, Rows> a_loader(a_rows);
  const Loader<T, V, Tile::kN, Tile, Math, MatrixRows<T>> b_loader(b_rows);

  const Shared<T> stages = shared_array<T>(0, Tile::kStages * kStageElements);
  const int steps = (p.b.columns + kStep<T> - 1) / kStep<T>;
  const auto load = [&](int step, int slot) {
    if (step < steps) {
      const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kStageElements);
      a_loader.load(stage, step);
      b_loader.load(stage.offset(Tile::kM * kStep<T>), step);
    }
    cp_async_commit();  // one group per step, empty after the last step
  };

  Math math;
#pragma unroll
  for (int step = 0; step < Tile::kStages - 1; ++step) load(step, step);
  int slot = 0;
  for (int step = 0; step < steps; ++step) {
    const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kStageElements);
    cp_async_wait<Tile::kStages - 2>();
    if constexpr (Features::kScaled) {
      if (p.input_scale.factors) a_loader.scale(stage, step, p.a, rows.first, rows.end, p.input_scale);
    }
    sync_threads();
    // All threads have finished reading the previous stage, which is overwritten now.
    load(step + Tile::kStages - 1, slot == 0 ? Tile::kStages - 1 : slot - 1);
    math.accumulate(stage, stage.offset(Tile::kM * kStep<T>));
    slot = slot == Tile::kStages - 1 ? 0 : slot + 1;
  }
  cp_async_wait<0>();
  sync_threads();
  finish<Tile, Features::kUnary, Features::kSums>(math, p.out, p.sums, rows, n0, group);
}

template <class Features, class Tile, int V, bool kTensorCores, typename T, class A>
Status start(Arguments<T, A> p, Stream stream) {
  using Rows = decltype(rows_of(p.a));
  p.tiles_n = (p.out.columns + Tile::kN - 1) / Tile::kN;
  const int64_t blocks = row_tiles<Features, Tile>(p.out.rows, &p.sums) * p.groups * p.tiles_n;
  if (blocks > 0x7fffffff) return {"a matrix product of more than 2^31 - 1 tiles"};
  constexpr size_t kShared = Tile::kStages * Tile::kStageBytes + Rows::kTableBytes * Tile::kM;
  return launch<gemm_kernel<Features, Tile, V, kTensorCores, T, A>>(Grid{blocks}, Tile::kThreads, kShared, stream, p);
}

// Chooses the tile and the width of the copies for a layer. clip_rows: rows of A per clip. vector: elements of A, B and
// the factors that one copy may move. `call` gives the stream and says whether f32 may be rounded to tf32. Copies below
// 16 bytes have one tile only: such layers are few, and each kernel costs compile time.
template <class Features, typename T, class A>
Status multiply(const Arguments<T, A>& p, int64_t clip_rows, int vector, const Call& call) {
  const Stream stream = call.stream;
  if (p.out.rows == 0 || p.out.columns == 0) return {};
  if constexpr (sizeof(T) == 4) {
    (void)clip_rows;
    // tf32 keeps 10 bits of the mantissa, so it is used only where the caller asked for it.
    if (call.tf32 && vector >= 4) return start<Features, Tile64x64, 4, true>(p, stream);
    if (vector >= 4) return start<Features, TileF32, 4, false>(p, stream);
    return start<Features, TileF32, 1, false>(p, stream);
  } else {
    if (vector >= 8) {
      return for_tile(p.out.columns, clip_rows, [&](auto tile) {
        if constexpr (!std::is_same<A, SpreadWindows<T>>::value) {
          Status status;
          if (pipeline<Features, decltype(tile), T>(p, call, &status)) return status;
        }
        return start<Features, decltype(tile), 8, true>(p, stream);
      });
    }
    if constexpr (Features::kEveryWidth) {
      if (vector == 4) return start<Features, Tile64x64, 4, true>(p, stream);
      if (vector == 2) return start<Features, Tile64x64, 2, true>(p, stream);
    }
    return start<Features, Tile64x64, 1, true>(p, stream);
  }
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
