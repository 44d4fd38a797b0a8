// contrastive_loss: s[i, j] = scale a[i] . b[j];  P(i) = {j: group[j] = group[i]}, or {i} without groups
//   loss = x mean_i (LSE_j s[i, j] - LSE_{j in P(i)} s[i, j]) + y mean_j (LSE_i s[i, j] - LSE_{i in P(j)} s[i, j])
//
// a and b [N, D] are f32, bf16 or f16; group is i32 [N]; loss [1] and the four log-sum-exps [N] are f32. Scores and
// sums are in f32. Products run on tensor cores for 16-bit storage, by FMA for f32 (gemm/math.h).
//
// The score matrix is divided into splits of rows and splits of columns; a block has one of each and processes it in
// tiles of 128 x 64 scores, which stay in the registers of the product. The pair (max, sum of exponentials relative to
// it) of a row stays in registers for all columns of the split; the pairs of the columns of a tile are joined across
// the warps in shared memory, and with the pairs of the split's earlier rows. A second kernel merges the pairs of all
// splits in order, and a third adds the loss, so that every order follows from N and D.
//
// A block has 128 threads and 73 KB of shared memory (77 KB with groups); an SM holds 3 blocks (2 for f32 and with
// groups). a is read once for each split of columns, b once for each tile of rows (from L2). FLOPs: 2 N^2 D, with 2 N^2
// exponentials (at most 4 N^2 with groups). Bound by tensor cores from D = 256 on. After Cheng et al. 2024 (Inf-CL,
// arXiv 2410.17243), but with one product for both directions.
#include "cuda/loss/contrastive/score_sums.h"
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

// Stores the scores of the pairs (i, i), which are the positives without groups.
template <class Math, typename T>
VC_DEVICE void store_diagonal(const Scores<Math>& x, int row0, int column0, const Arguments<T>& p) {
#pragma unroll
  for (int r = 0; r < Math::kRows; ++r) {
    const int row = row0 + Math::row(r);
#pragma unroll
    for (int c = 0; c < Math::kColumns; ++c) {
      if (row == column0 + Math::column(c) && row < p.count) {
        p.sums.positives.store(static_cast<size_t>(row), x[r][c]);
      }
    }
  }
}

// Blocks per SM that the registers allow: groups, FMA of f32, and copies through registers need more than a third of
// them.
template <typename T, int V, bool kGrouped>
constexpr int kBlocks = sizeof(T) * V == 16 && sizeof(T) == 2 && !kGrouped ? 3 : 2;

// Words of shared memory behind the stages: the sums of a tile's columns, and with groups those of positives, by column
// and by row, and the groups of the rows and columns.
template <class Tile>
constexpr uint32_t sum_words(bool grouped) {
  constexpr uint32_t kColumns = ColumnPairs<Tile>::kFloats;
  return grouped ? 2 * kColumns + RowPairs<Tile>::kFloats + kTileRows + kTileColumns : kColumns;
}

template <typename T, int V, bool kGrouped>
__global__ void __launch_bounds__(kThreads, kBlocks<T, V, kGrouped>) score_kernel(Arguments<T> p) {
  using Tile = typename MathOf<T>::Tile;
  using Math = typename MathOf<T>::Type;
  static_assert(kThreads == kTileRows, "a thread stores the pair of one row");
  constexpr uint32_t kStages = Tile::kStages * Tile::kStageBytes, kColumns = ColumnPairs<Tile>::kFloats,
                     kRows = RowPairs<Tile>::kFloats;
  const RowPairs<Tile> row_pairs{shared_array<float>(0, kRows)};  // in place of the stages
  const ColumnPairs<Tile> columns{shared_array<float>(kStages, kColumns)};
  // with groups: those of positives, and the groups of the tile
  constexpr uint32_t kOwn = kGrouped ? kStages + 4 * kColumns : 0;
  const ColumnPairs<Tile> own_columns{shared_array<float>(kOwn, kGrouped ? kColumns : 0)};
  const RowPairs<Tile> own_rows{shared_array<float>(kOwn + 4 * kColumns * kGrouped, kGrouped ? kRows : 0)};
  const auto groups =
      shared_array<int32_t>(kOwn + 4 * (kColumns + kRows) * kGrouped, kGrouped ? kTileRows + kTileColumns : 0);
  const auto count = static_cast<size_t>(p.count);
  const int column_split = static_cast<int>(blockIdx.x) % p.column_splits,
            row_split = static_cast<int>(blockIdx.x) / p.column_splits;
  const int row_begin = row_split * p.row_split_tiles * kTileRows,
            row_end = min(p.count, row_begin + p.row_split_tiles * kTileRows);
  const int column_begin = column_split * p.column_split_tiles * kTileColumns,
            column_end = min(p.count, column_begin + p.column_split_tiles * kTileColumns);
  const auto thread = static_cast<int>(threadIdx.x);

  for (int row0 = row_begin; row0 < row_end; row0 += kTileRows) {
    LogSum rows[Math::kRows];
    if constexpr (kGrouped) {
      for (int i = thread; i < Tile::kWarpsN * kTileRows; i += kThreads) own_rows.store(i, {});
      load_group(p.group, row0 + thread, p.count, groups, thread);
    }
    for (int column0 = column_begin; column0 < column_end; column0 += kTileColumns) {
      if (kGrouped && thread < kTileColumns) {
        load_group(p.group, column0 + thread, p.count, groups, kTileRows + thread);
      }
      Scores<Math> x;
      scores_of(multiply_tile<T, V>(p.a, p.b, row0, column0), p.scale, p.count - row0, p.count - column0, x);
      if (!kGrouped && row0 < column0 + kTileColumns && column0 < row0 + kTileRows) {
        store_diagonal<Math>(x, row0, column0, p);
      }
      add_rows<Math>(x, rows);
      store_columns<Math, Tile>(x, columns);
      if constexpr (kGrouped) add_positives<Math, Tile>(groups, x, own_rows, own_columns);
      sync_threads();
      if (thread < kTileColumns && column0 + thread < p.count) {
        const size_t at = static_cast<size_t>(row_split) * count + static_cast<size_t>(column0 + thread);
        join_columns<Tile>(p.sums.columns, at, columns, row0 == row_begin);
        if constexpr (kGrouped) join_columns<Tile>(p.sums.column_positives, at, own_columns, row0 == row_begin);
      }
      // The next tile's product has a barrier before these sums are overwritten.
    }
    reduce_rows<Math>(rows, [&](int r, const LogSum& sum) { row_pairs.store(row_slot<Math, Tile>(r), sum); });
    sync_threads();
    if (row0 + thread < p.count) {
      const size_t at = static_cast<size_t>(column_split) * count + static_cast<size_t>(row0 + thread);
      store_rows<Tile>(row_pairs, p.sums.rows, at);
      if constexpr (kGrouped) store_rows<Tile>(own_rows, p.sums.row_positives, at);
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
  const size_t bytes = Tile::kStages * Tile::kStageBytes + sum_words<Tile>(s.grouped) * sizeof(float);
  const Grid grid{s.row_splits * s.column_splits};
  return s.grouped ? launch<score_kernel<T, V, true>>(grid, kThreads, bytes, stream, p)
                   : launch<score_kernel<T, V, false>>(grid, kThreads, bytes, stream, p);
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
