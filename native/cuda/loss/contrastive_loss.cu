// contrastive_loss: s[i, j] = scale a[i] . b[j];  P(i) = {j: group[j] = group[i]}, or {i} without groups
//   loss = x mean_i (LSE_j s[i, j] - LSE_{j in P(i)} s[i, j]) + y mean_j (LSE_i s[i, j] - LSE_{i in P(j)} s[i, j])
//
// a and b [N, D] are f32, bf16 or f16; group is i32 [N]; loss [1] and the four log-sum-exps [N] are f32. Scores and
// sums are in f32. Products run on tensor cores for 16-bit storage, by FMA for f32 (gemm/math.h).
//
// The score matrix is divided into splits of rows and splits of columns; a block has one of each and processes it in
// tiles of 128 x 64 scores. A tile is reduced along both directions in shared memory. The pair (max, sum of
// exponentials relative to it) of a row is merged with the block's earlier pair of that row; the pair of a column stays
// in registers for all rows of the split. A second kernel merges the pairs of all splits in order, and a third adds the
// loss, so that every order follows from N and D.
//
// A block has 128 threads and 72 KB of shared memory; an SM holds 3 blocks (2 for f32). a is read once for each split
// of columns, b once for each split of rows (from L2). FLOPs: 2 N^2 D, with 2 N^2 exponentials (at most 4 N^2 with
// groups). Bound by tensor cores from D = 256 on. After Cheng et al. 2024 (Inf-CL, arXiv 2410.17243), but with one
// product for both directions.
#include "cuda/loss/contrastive/sums.h"
#include "cuda/loss/contrastive/tile.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "ops/loss/contrastive_loss.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace contrastive_loss_op {

using namespace contrastive;

size_t workspace(const Call& call, int) {
  Sums sums;
  return Sums::lay_out(Split(call), nullptr, &sums);
}

template <typename T>
struct Arguments {
  gemm::Matrix<T> a, b;
  Global<const int32_t> group;
  Sums sums;
  int count, row_split_tiles, column_split_tiles, column_splits;
  float scale;  // times log2 e
};

// The sum over the 16 lanes that share a row, with the same bits in each of them.
VC_DEVICE LogSum row_sum(const float (&x)[4]) {
  LogSum s;
  s.max_score = max(max(x[0], x[1]), max(x[2], x[3]));
#pragma unroll
  for (int d = 8; d > 0; d /= 2) s.max_score = max(s.max_score, shuffle_xor(s.max_score, d));
  const float max_shift = s.max_score == kMinusInfinity ? 0.0f : s.max_score;
#pragma unroll
  for (int e = 0; e < 4; ++e) s.sum += exp2_approx(x[e] - max_shift);
#pragma unroll
  for (int d = 8; d > 0; d /= 2) s.sum += shuffle_xor(s.sum, d);
  return s;
}

VC_DEVICE void join(Global<float> sums, size_t i, LogSum s, bool first) {
  if (!first) {
    LogSum before = load_sum(sums, i);
    before.add(s);
    s = before;
  }
  store_sum(sums, i, s);
}

// Reduces two rows per warp at a time, with 4 neighbouring columns per lane. Only the first lane of a row accesses the
// block's pair of the row.
template <bool kGrouped, typename T>
VC_DEVICE void reduce_rows(const Arguments<T>& p, Shared<float> staged, int row0, int column0, int column_split,
                           bool first) {
  using Tile = typename MathOf<T>::Tile;
  constexpr int kWarpRows = kTileRows * kWarpSize / kThreads;
  const int column = lane_id() % 16 * 4;
  int32_t groups[4] = {};
  if constexpr (kGrouped) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (column0 + column + e < p.count) groups[e] = p.group.load(static_cast<size_t>(column0 + column + e));
    }
  }
  for (int i = 0; i < kWarpRows; i += 2) {
    const int r = warp_id() * kWarpRows + i + lane_id() / 16, row = row0 + r;
    const Packed<float, 4> scores = staged.load_packed<4>(gemm::staged_at<Tile>(r, column));
    float x[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      x[e] = column0 + column + e < p.count ? scores[e] * p.scale : kMinusInfinity;
      if (!kGrouped && column0 + column + e == row && row < p.count) {
        p.sums.positives.store(static_cast<size_t>(row), x[e]);
      }
    }
    const bool stores = lane_id() % 16 == 0 && row < p.count;
    const auto at = static_cast<size_t>(column_split) * static_cast<size_t>(p.count) + static_cast<size_t>(row);
    const LogSum sum = row_sum(x);
    if (stores) join(p.sums.rows, at, sum, first);
    if constexpr (kGrouped) {
      bool any = first;  // the first pair must be written in any case
      const int32_t group = row < p.count ? p.group.load(static_cast<size_t>(row)) : 0;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        if (groups[e] != group) x[e] = kMinusInfinity;
        any = any || x[e] != kMinusInfinity;
      }
      if (!vote_any(any)) continue;
      const LogSum positive = row_sum(x);
      if (stores) join(p.sums.row_positives, at, positive, first);
    }
  }
}

// A thread has one column and every second row, so that both halves of the block finish at the same time.
template <bool kGrouped, typename T>
VC_DEVICE void reduce_columns(const Arguments<T>& p, Shared<float> staged, int row0, int column, int32_t group,
                              LogSum* all, LogSum* positive) {
  using Tile = typename MathOf<T>::Tile;
  const int first = static_cast<int>(threadIdx.x) / kTileColumns, rows = min(kTileRows, p.count - row0);
  constexpr int kStep = kThreads / kTileColumns;
  LogSum sum, own;
  for (int r = first; r < rows; r += kStep) {
    const float x = staged.load(gemm::staged_at<Tile>(r, column)) * p.scale;
    sum.max_score = max(sum.max_score, x);
    if (kGrouped && p.group.load(static_cast<size_t>(row0 + r)) == group) own.max_score = max(own.max_score, x);
  }
  const float max_shift = sum.max_score == kMinusInfinity ? 0.0f : sum.max_score,
              own_max_shift = own.max_score == kMinusInfinity ? 0.0f : own.max_score;
  for (int r = first; r < rows; r += kStep) {
    const float x = staged.load(gemm::staged_at<Tile>(r, column)) * p.scale;
    sum.sum += exp2_approx(x - max_shift);
    if (kGrouped && p.group.load(static_cast<size_t>(row0 + r)) == group) own.sum += exp2_approx(x - own_max_shift);
  }
  all->add(sum);
  if (kGrouped) positive->add(own);
}

// Blocks per SM that the registers allow: FMA of f32, and copies through registers, need more than a third of them.
template <typename T, int V>
constexpr int kBlocks = sizeof(T) * V == 16 && sizeof(T) == 2 ? 3 : 2;

template <typename T, int V, bool kGrouped>
__global__ void __launch_bounds__(kThreads, kBlocks<T, V>) score_kernel(Arguments<T> p) {
  const Shared<float> staged = shared_array<float>(0, kTileRows * kTileColumns);
  const Shared<float> halves = shared_array<float>(kTileRows * kTileColumns * sizeof(float), kTileColumns * 4);
  const int column_split = static_cast<int>(blockIdx.x) % p.column_splits,
            row_split = static_cast<int>(blockIdx.x) / p.column_splits;
  const int row_end = min(p.count, (row_split + 1) * p.row_split_tiles * kTileRows);
  const int column_end = min(p.count, (column_split + 1) * p.column_split_tiles * kTileColumns);
  const int own_column = static_cast<int>(threadIdx.x) % kTileColumns;
  const bool upper = threadIdx.x >= kTileColumns;

  bool first = true;
  for (int column0 = column_split * p.column_split_tiles * kTileColumns; column0 < column_end;
       column0 += kTileColumns) {
    const bool exists = column0 + own_column < p.count;
    const int32_t group = kGrouped && exists ? p.group.load(static_cast<size_t>(column0 + own_column)) : 0;
    LogSum all, positive;
    for (int row0 = row_split * p.row_split_tiles * kTileRows; row0 < row_end; row0 += kTileRows) {
      // Compute a tile, and reduce it along both directions.
      multiply_tile<T, V>(p.a, p.b, row0, column0, staged);
      reduce_rows<kGrouped>(p, staged, row0, column0, column_split, first);
      reduce_columns<kGrouped>(p, staged, row0, own_column, group, &all, &positive);
      sync_threads();
    }
    first = false;
    // Merge the two halves of each column, and store its pair.
    const auto slot = static_cast<uint32_t>(own_column) * 2;
    if (upper) {
      halves.store_packed<2>(slot, {{all.max_score, all.sum}});
      if (kGrouped) halves.store_packed<2>(2 * kTileColumns + slot, {{positive.max_score, positive.sum}});
    }
    sync_threads();
    if (!upper && exists) {
      const auto at =
          static_cast<size_t>(row_split) * static_cast<size_t>(p.count) + static_cast<size_t>(column0 + own_column);
      const Packed<float, 2> other = halves.load_packed<2>(slot);
      all.add({other[0], other[1]});
      store_sum(p.sums.columns, at, all);
      if constexpr (kGrouped) {
        const Packed<float, 2> own = halves.load_packed<2>(2 * kTileColumns + slot);
        positive.add({own[0], own[1]});
        store_sum(p.sums.column_positives, at, positive);
      }
    }
    sync_threads();
  }
}

struct JoinArguments {
  Sums sums;
  Global<float> row_lse, column_lse, row_own, column_own;
  int count, column_splits, row_splits;
  float of_rows, of_columns;
  bool grouped;
};

__global__ void __launch_bounds__(kThreads) join_kernel(JoinArguments p) {
  const size_t i = size_t{blockIdx.x} * kThreads + threadIdx.x, count = static_cast<size_t>(p.count);
  if (i >= count) return;
  const auto joined = [&](Global<const float> sums, int parts) {
    LogSum s;
    for (int part = 0; part < parts; ++part) s.add(load_sum(sums, static_cast<size_t>(part) * count + i));
    return s.value();
  };
  const float row = joined(p.sums.rows, p.column_splits), column = joined(p.sums.columns, p.row_splits);
  float row_positive, column_positive;
  if (p.grouped) {
    row_positive = joined(p.sums.row_positives, p.column_splits);
    column_positive = joined(p.sums.column_positives, p.row_splits);
  } else {
    row_positive = column_positive = p.sums.positives.load(i) * kLn2;
  }
  p.row_lse.store(i, row);
  p.column_lse.store(i, column);
  p.row_own.store(i, row_positive);
  p.column_own.store(i, column_positive);
  // A direction of weight 0 adds nothing, not even NaN.
  const float row_term = p.of_rows == 0 ? 0.0f : p.of_rows * (row - row_positive);
  p.sums.terms.store(i, row_term + (p.of_columns == 0 ? 0.0f : p.of_columns * (column - column_positive)));
}

struct LossArguments {
  Global<float> loss;
  Global<const float> terms;
  int count;
};

__global__ void __launch_bounds__(kThreads) loss_kernel(LossArguments p) {
  const Shared<float> partial = shared_array<float>(0, kThreads / kWarpSize);
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < p.count; i += kThreads) sum += p.terms.load(static_cast<size_t>(i));
  sum = warp_sum(sum);
  if (lane_id() == 0) partial.store(static_cast<uint32_t>(warp_id()), sum);
  sync_threads();
  if (threadIdx.x != 0) return;
  float total = 0;
#pragma unroll
  for (uint32_t w = 0; w < kThreads / kWarpSize; ++w) total += partial.load(w);
  p.loss.store(0, total / static_cast<float>(p.count));
}

template <typename T, int V>
Status start_scores(const Arguments<T>& p, const Split& s, Stream stream) {
  using Tile = typename MathOf<T>::Tile;
  constexpr size_t kBytes = Tile::kStages * Tile::kStageBytes;
  static_assert(kBytes >= (kTileRows * kTileColumns + 4 * kTileColumns) * sizeof(float), "scores and halves");
  const Grid grid{s.row_splits * s.column_splits};
  return s.grouped ? launch<score_kernel<T, V, true>>(grid, kThreads, kBytes, stream, p)
                   : launch<score_kernel<T, V, false>>(grid, kThreads, kBytes, stream, p);
}

template <typename T>
Status scores(const Call& call, const Split& s, const Sums& sums) {
  const Tensor &a = call.in[0], &b = call.in[1];
  const auto count = static_cast<int>(s.count), depth = static_cast<int>(s.depth);
  const Arguments<T> p{{global<const T>(a), a.strides[0], count, depth},
                       {global<const T>(b), b.strides[0], count, depth},
                       global<const int32_t>(call.in[2]),
                       sums,
                       count,
                       static_cast<int>(s.row_split_tiles),
                       static_cast<int>(s.column_split_tiles),
                       static_cast<int>(s.column_splits),
                       static_cast<float>(ContrastiveLossAttributes(call).scale) * kLog2E};
  constexpr int kWide = 16 / static_cast<int>(sizeof(T));
  const int vector = min(widest_vector(a, depth, kWide), widest_vector(b, depth, kWide));
  return vector == kWide ? start_scores<T, kWide>(p, s, call.stream) : start_scores<T, 1>(p, s, call.stream);
}

Status contrastive_loss(const Call& call) {
  const ContrastiveLossAttributes attrs(call);
  const Split s(call);
  if (s.count > (1 << 28) || s.depth > (1 << 28)) return {"more than 2^28 rows or channels"};
  Sums sums;
  Sums::lay_out(s, call.workspace, &sums);
  Status status = for_float(call.in[0].dtype, [&](auto zero) { return scores<decltype(zero)>(call, s, sums); });
  if (!status) return status;
  const auto count = static_cast<int>(s.count);
  status = launch<join_kernel>(
      Grid{(s.count + kThreads - 1) / kThreads}, kThreads, 0, call.stream,
      JoinArguments{sums, global<float>(call.out[1]), global<float>(call.out[2]), global<float>(call.out[3]),
                    global<float>(call.out[4]), count, static_cast<int>(s.column_splits),
                    static_cast<int>(s.row_splits), static_cast<float>(attrs.row_weight),
                    static_cast<float>(attrs.column_weight), s.grouped});
  if (!status) return status;
  return launch<loss_kernel>(Grid{}, kThreads, sizeof(float) * kThreads / kWarpSize, call.stream,
                             LossArguments{global<float>(call.out[0]), sums.terms, count});
}

VIDEOCLIP_CUDA_KERNEL("contrastive_loss", contrastive_loss, workspace);

}  // namespace contrastive_loss_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
