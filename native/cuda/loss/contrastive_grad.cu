// contrastive_grad, with s, R, C, P, Q and the positives of ops/contrastive_loss.h, and their gradients u, w, v, z:
//   g[i, j] = u[i] exp(s[i, j] - R[i]) + w[j] exp(s[i, j] - C[j]),
//             and where j is a positive of i  + v[i] exp(s[i, j] - P[i]) + z[j] exp(s[i, j] - Q[j])
//   da[i] = scale sum_j g[i, j] b[j];  db[j] = scale sum_i g[i, j] a[i]
//
// a, b, da and db [N, D] are of T (f32, bf16 or f16); group is i32 [N]; the vectors [N] are f32. Scores and g are in
// f32; g is rounded to T before the product. Rows are processed in blocks whose g takes at most 32 MB of the workspace.
// One kernel computes g tile by tile, as the loss computes its scores (128 threads, 72 KB of shared memory); matmul
// multiplies it. This is done once for da, and once for db with a and b exchanged: scores are computed twice, and every
// sum runs along rows. FLOPs: 8 N^2 D, with 4 N^2 exponentials. a and b are read once for each tile of the other side
// (from L2); g is written and read once. Bound by tensor cores from D = 256 on.
#include "cuda/loss/contrastive/tile.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "ops/loss/contrastive_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace contrastive_grad_op {

using namespace contrastive;

constexpr int64_t kBlockBytes = 32 << 20;
constexpr int kBatch = 4;  // rows whose values a thread loads at once

// The layout of g in the workspace: elements from row to row, and rows per block.
struct Cut {
  int64_t stride, rows;

  Cut(int64_t count, size_t item) {
    stride = (count + 7) / 8 * 8;
    const int64_t most = kBlockBytes / (stride * static_cast<int64_t>(item)) / kTileRows;
    rows = min((count + kTileRows - 1) / kTileRows, max(int64_t{1}, most)) * kTileRows;
  }
};

size_t workspace(const Call& call, int) {
  const size_t item = item_size(call.in[0].dtype);
  const Cut cut(call.in[0].shape[0], item);
  return static_cast<size_t>(cut.stride * cut.rows) * item;
}

// A row or column: its log-sum-exps times log2 e, over all scores and over positives, and the gradients of both.
struct Factors {
  float end = 0, factor = 0, own_end = 0, own_factor = 0;

  // The weight of a score times log2 e, and what a positive adds to it.
  VC_DEVICE float all(float s) const { return factor * exp2_approx(s - end); }
  VC_DEVICE float own(float s) const { return own_factor * exp2_approx(s - own_end); }
};

// The log-sum-exps and their gradients, for one side.
struct Side {
  Global<const float> end, factor, own_end, own_factor;

  VC_DEVICE Factors at(int i) const {
    const auto at = static_cast<size_t>(i);
    return {end.load(at) * kLog2E, factor.load(at), own_end.load(at) * kLog2E, own_factor.load(at)};
  }
};

template <typename T>
struct Arguments {
  gemm::Matrix<T> x, y;  // rows and columns of g
  Global<const int32_t> group;
  Global<T> g;
  Side rows, columns;
  int64_t stride;
  int first, count, tiles;   // first row of the block; tiles of columns
  float scale, score_scale;  // the second one times log2 e
};

template <typename T, int V>
__global__ void __launch_bounds__(kThreads, 2) weight_kernel(Arguments<T> p) {
  using Tile = typename MathOf<T>::Tile;
  const Shared<float> staged = shared_array<float>(0, kTileRows * kTileColumns);
  const int local = static_cast<int>(blockIdx.x) / p.tiles * kTileRows, row0 = p.first + local;
  const int column0 = static_cast<int>(blockIdx.x) % p.tiles * kTileColumns;
  multiply_tile<T, V>(p.x, p.y, row0, column0).stage(staged);
  sync_threads();
  const int j = column0 + static_cast<int>(threadIdx.x) % kTileColumns;
  if (j >= p.count) return;
  const int32_t group = p.group ? p.group.load(static_cast<size_t>(j)) : 0;
  const Factors column = p.columns.at(j);
  constexpr int kStep = kThreads / kTileColumns;
  for (int first = static_cast<int>(threadIdx.x) / kTileColumns; first < kTileRows; first += kBatch * kStep) {
    Factors rows[kBatch];
    bool positive[kBatch];
#pragma unroll
    for (int k = 0; k < kBatch; ++k) {
      const int i = row0 + first + k * kStep;
      positive[k] = i == j;
      if (i >= p.count) continue;
      rows[k] = p.rows.at(i);
      if (p.group) positive[k] = p.group.load(static_cast<size_t>(i)) == group;
    }
#pragma unroll
    for (int k = 0; k < kBatch; ++k) {
      const int r = first + k * kStep;
      if (row0 + r >= p.count) return;
      const float s = staged.load(gemm::staged_at<Tile>(r, j - column0)) * p.score_scale;
      float g = rows[k].all(s) + column.all(s);
      if (positive[k]) {
        // without groups the exponentials of the only positive are 1
        g += p.group ? rows[k].own(s) + column.own(s) : rows[k].own_factor + column.own_factor;
      }
      p.g.store(static_cast<size_t>((local + r) * p.stride + j), from_float<T>(g * p.scale));
    }
  }
}

// dx = g y, by the kernel of matmul.
Status multiply(const Call& call, const Tensor& g, const Tensor& y, const Tensor& dx) {
#if defined(VIDEOCLIP_EMULATED)
  constexpr Backend kBackend = Backend::cuda_emulated;
#else
  constexpr Backend kBackend = Backend::cuda;
#endif
  const double plain[] = {0, 0};
  const Tensor in[] = {g, y};
  const Call product{in, 2, &dx, 1, plain, 2, nullptr, call.pool, call.stream, call.tf32};
  return find_kernel(kBackend, "matmul")->run(product);
}

template <typename T, int V>
Status side(const Call& call, const Tensor& x, const Tensor& y, const Tensor& dx, const Side& rows,
            const Side& columns) {
  using Tile = typename MathOf<T>::Tile;
  constexpr size_t kBytes = Tile::kStages * Tile::kStageBytes;
  static_assert(kBytes >= kTileRows * kTileColumns * sizeof(float), "scores");
  const int64_t count = x.shape[0], depth = x.shape[1];
  const Cut cut(count, sizeof(T));
  const auto scale = static_cast<float>(ContrastiveGradAttributes(call).scale);
  for (int64_t first = 0; first < count; first += cut.rows) {
    const int64_t n = min(cut.rows, count - first);
    Tensor g, block = dx;
    g.data = call.workspace, g.dtype = x.dtype, g.rank = 2;
    g.shape[0] = n, g.shape[1] = count, g.strides[0] = cut.stride, g.strides[1] = 1;
    block.data += static_cast<size_t>(first * dx.strides[0]) * sizeof(T);
    block.shape[0] = n;
    const auto tiles = static_cast<int>((count + kTileColumns - 1) / kTileColumns);
    const Arguments<T> p{{global<const T>(x), x.strides[0], static_cast<int>(count), static_cast<int>(depth)},
                         {global<const T>(y), y.strides[0], static_cast<int>(count), static_cast<int>(depth)},
                         global<const int32_t>(call.in[2]),
                         global<T>(g),
                         rows,
                         columns,
                         cut.stride,
                         static_cast<int>(first),
                         static_cast<int>(count),
                         tiles,
                         scale,
                         scale * kLog2E};
    const int64_t blocks = (n + kTileRows - 1) / kTileRows * tiles;
    if (blocks > 0x7fffffff) return {"contrastive_grad: more than 2^31 - 1 tiles"};
    Status status = launch<weight_kernel<T, V>>(Grid{static_cast<unsigned>(blocks)}, kThreads, kBytes, call.stream, p);
    if (!status) return status;
    status = multiply(call, g, y, block);
    if (!status) return status;
  }
  return {};
}

template <typename T, int V>
Status both_sides(const Call& call) {
  const auto vector = [&](int slot) { return global<const float>(call.in[slot]); };
  const Side rows{vector(3), vector(7), vector(5), vector(9)}, columns{vector(4), vector(8), vector(6), vector(10)};
  const Tensor &a = call.in[0], &b = call.in[1];
  const Status status = side<T, V>(call, a, b, call.out[0], rows, columns);
  return status ? side<T, V>(call, b, a, call.out[1], columns, rows) : status;
}

Status contrastive_grad(const Call& call) {
  const Tensor &a = call.in[0], &b = call.in[1];
  if (a.shape[0] > (1 << 28) || a.shape[1] > (1 << 28)) return {"more than 2^28 rows or channels"};
  return for_float(a.dtype, [&](auto zero) -> Status {
    using T = decltype(zero);
    constexpr int kWide = 16 / static_cast<int>(sizeof(T));
    const int vector = min(widest_vector(a, a.shape[1], kWide), widest_vector(b, a.shape[1], kWide));
    return vector == kWide ? both_sides<T, kWide>(call) : both_sides<T, 1>(call);
  });
}

VIDEOCLIP_CUDA_KERNEL("contrastive_grad", contrastive_grad, workspace);

}  // namespace contrastive_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
