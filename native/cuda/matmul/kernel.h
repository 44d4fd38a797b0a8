#pragma once
// The kernel of matmul, and the kernel that adds the parts of a product whose K is split.
#include "cuda/gemm/epilogue.h"
#include "cuda/gemm/line_loader.h"
#include "cuda/gemm/pipeline.h"
#include "cuda/primitives/kernel.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// One operand: rows of K values, or lines of K with a value for each row.
template <typename T>
struct Operand {
  Global<const T> data;
  int64_t batch, stride;
  int rows;
};

// Out is T, or float for partial sums, which are then [split][batch][M][N].
template <typename T, typename Out>
struct Product {
  Operand<T> a, b;
  Destination<Out> out;
  int64_t out_batch;
  int K, steps;  // steps of K in each part
  int tiles_m, tiles_n, splits, batch;
};

template <typename T, int V, int kRows, class Tile, class Math, bool kTransposed>
struct OperandLoader {
  MatrixRows<T> rows;
  Loader<T, V, kRows, Tile, Math, MatrixRows<T>> loader;

  VC_DEVICE OperandLoader(const Operand<T>& p, int K, int first, size_t base)
      : rows({p.data, p.stride, p.rows, K}, base, first, p.rows), loader(rows) {}
  VC_DEVICE void load(Shared<T> tile, int step) const { loader.load(tile, step); }
};

template <typename T, int V, int kRows, class Tile, class Math>
struct OperandLoader<T, V, kRows, Tile, Math, true> {
  LineLoader<T, V, kRows, Tile> loader;

  VC_DEVICE OperandLoader(const Operand<T>& p, int K, int first, size_t base)
      : loader(p.data.offset(base), p.stride, p.rows, K, first) {}
  VC_DEVICE void load(Shared<T> tile, int step) const { loader.load(tile, step); }
};

template <bool kTensorCores, typename T, class Tile, bool kLinesA, bool kLinesB>
struct ProductMath {
  using Type = TensorCores<T, Tile, kLinesA, kLinesB>;
};
template <typename T, class Tile, bool kLinesA, bool kLinesB>
struct ProductMath<false, T, Tile, kLinesA, kLinesB> {
  using Type = PlainFma<Tile, kLinesA, kLinesB>;
};

// kLinesA, kLinesB: the operand is stored [K][rows]. V: elements that one copy may move.
template <bool kLinesA, bool kLinesB, class Tile, int V, bool kTensorCores, typename T, typename Out>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) matmul_kernel(Product<T, Out> p) {
  using Math = typename ProductMath<kTensorCores, T, Tile, kLinesA, kLinesB>::Type;
  constexpr uint32_t kStageElements = Tile::kStageBytes / sizeof(T);
  int rest = static_cast<int>(blockIdx.x);
  const int n0 = rest % p.tiles_n * Tile::kN;
  rest /= p.tiles_n;
  const int m0 = rest % p.tiles_m * Tile::kM;
  rest /= p.tiles_m;
  const int index = rest % p.batch, split = rest / p.batch;

  const auto base = [&](const Operand<T>& x) { return static_cast<size_t>(index * x.batch); };
  const OperandLoader<T, V, Tile::kM, Tile, Math, kLinesA> a_loader(p.a, p.K, m0, base(p.a));
  const OperandLoader<T, V, Tile::kN, Tile, Math, kLinesB> b_loader(p.b, p.K, n0, base(p.b));

  const Shared<T> stages = shared_array<T>(0, Tile::kStages * kStageElements);
  const int first = split * p.steps, all = (p.K + kStep<T> - 1) / kStep<T>;
  const int last = first + p.steps < all ? first + p.steps : all;
  const auto load = [&](int step, int slot) {
    if (step < last) {
      const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kStageElements);
      a_loader.load(stage, step);
      b_loader.load(stage.offset(Tile::kM * kStep<T>), step);
    }
    cp_async_commit();  // one group per step, empty after the last step
  };

  Math math;
#pragma unroll
  for (int i = 0; i < Tile::kStages - 1; ++i) load(first + i, i);
  int slot = 0;
  for (int step = first; step < last; ++step) {
    const Shared<T> stage = stages.offset(static_cast<uint32_t>(slot) * kStageElements);
    cp_async_wait<Tile::kStages - 2>();
    sync_threads();
    // All threads have finished reading the previous stage, which is overwritten now.
    load(step + Tile::kStages - 1, slot == 0 ? Tile::kStages - 1 : slot - 1);
    math.accumulate(stage, stage.offset(Tile::kM * kStep<T>));
    slot = slot == Tile::kStages - 1 ? 0 : slot + 1;
  }
  cp_async_wait<0>();
  sync_threads();
  Destination<Out> out = p.out;
  out.data[0] = out.data[0].offset(static_cast<size_t>((split * p.batch + index) * p.out_batch));
  finish<Tile, false, false>(math, out, {}, {m0, out.rows, 0, 0}, n0, 0);
}

// Adds the parts in order: y[r, n] = sum of parts [splits][rows][columns].
template <typename T>
struct Parts {
  Global<T> y;
  Global<const float> parts;
  int64_t stride;  // distance between rows of y
  int splits, rows, columns;
};

constexpr int kSumThreads = 256;

template <typename T>
__global__ void __launch_bounds__(kSumThreads) add_parts_kernel(Parts<T> p) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kSumThreads + static_cast<int>(threadIdx.x);
  const int64_t count = static_cast<int64_t>(p.rows) * p.columns;
  if (at >= count) return;
  float sum = p.parts.load(static_cast<size_t>(at));
  for (int s = 1; s < p.splits; ++s) sum += p.parts.load(static_cast<size_t>(s * count + at));
  p.y.store(static_cast<size_t>(at / p.columns * p.stride + at % p.columns), from_float<T>(sum));
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
