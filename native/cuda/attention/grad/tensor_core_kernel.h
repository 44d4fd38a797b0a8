#pragma once
// The attention_grad kernels for bf16 and f16, and heads of up to 128 channels, on tensor cores. Scores, weights and
// sums are in f32; weights and ds are rounded to T as factors of the second products.
//
// In the first kernel, a block has 64 queries of a head, 16 per warp, and goes through the keys twice, in tiles of 64:
// first for the row max, sum and sum of p dp of each query, which it stores in the workspace, then for dq. In the
// second kernel, a block has 64 keys and goes through the queries for dk and dv; it recomputes the weights from those
// numbers as k q^T, so that they are again in the layout of A fragments for the second products. There are no atomics:
// the order of each sum follows from the positions of queries and keys alone. Rows of masked keys are zeros in shared
// memory, whatever memory holds.
//
// 4 warps and four tiles of 64 rows take 512 HS bytes: 16, 32 or 64 KB at 32, 64 or 128 channels. An SM holds 4, 3 or 2
// such blocks, which overlap each other's copies. Shared memory is accessed without bank conflicts
// (attention/tensor_core_kernel.h). FLOPs: 18 Sq Sk HS per head. A tile of rows is read once or twice for each block of
// 64 of the other side. Bound by shared memory, since a fragment that is read serves one product.
#include "cuda/attention/grad/problem.h"
#include "cuda/attention/tensor_core_kernel.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention_grad {

using attention::KeyBits;
using attention::tile_at;

template <int kHeadSize, int kBlocksPerSm>
struct Tile {
  static constexpr int kHead = kHeadSize, kChunks = kHead / 8;  // channels, padded with zeros
  static constexpr int kRows = 64, kThreads = 128, kBlocks = kBlocksPerSm;
  static constexpr uint32_t kElements = kRows * kHead;
  static constexpr uint32_t kStatistics = 4 * kElements * 2;  // offset in bytes
  static constexpr size_t kSharedBytes = kStatistics + 3 * kRows * sizeof(float);
};

// Values of 16 rows and kColumns columns, and their rounded values as A fragments.
template <int kColumns>
using Scores = float[kColumns / 8][4];
template <int kColumns>
using Factors = uint32_t[kColumns / 16][4];

template <typename T, class Tile>
VC_DEVICE Shared<T> tile_of(int i) {
  return shared_array<T>(static_cast<uint32_t>(i) * Tile::kElements * 2, Tile::kElements);
}

template <class Tile, typename T, class Valid>
VC_DEVICE void load_rows(Shared<T> to, const Arguments<T>& p, const Rows3<const T>& from, const Place& at, int first,
                         const Valid& valid) {
  attention::load_tile<Tile, Tile::kRows, true>(to, from.data.offset(from.at(at.n, first, int64_t{at.head} * p.size)),
                                                static_cast<int>(from.position), p.size, valid);
}

// out[r][c] = a_tile[row + r] . b_tile[column + c], for 16 rows and 8 kTiles columns
template <class Tile, typename T, int kTiles>
VC_DEVICE void multiply(Shared<T> a_tile, int row, Shared<T> b_tile, int column, float (&out)[kTiles][4]) {
  const int lane = lane_id();
#pragma unroll
  for (auto& tile : out) {
#pragma unroll
    for (float& v : tile) v = 0;
  }
#pragma unroll
  for (int d = 0; d < Tile::kHead / 16; ++d) {
    uint32_t a[4];
    ldmatrix_x4(a, a_tile, tile_at<Tile::kChunks>(row + lane % 16, 2 * d + lane / 16));
#pragma unroll
    for (int j = 0; j < kTiles; j += 2) {
      uint32_t b[4];
      ldmatrix_x4(b, b_tile, tile_at<Tile::kChunks>(column + j * 8 + lane / 16 * 8 + lane % 8, 2 * d + lane / 8 % 2));
      mma_m16n8k16<T>(out[j], a, b);
      mma_m16n8k16<T>(out[j + 1], a, b + 2);
    }
  }
}

// sums[r][c] += sum over i of factors[r][i] rows[first + i][c], 16 x 16 kSteps times 16 kSteps x kHead
template <class Tile, typename T, int kSteps>
VC_DEVICE void add_products(const uint32_t (&factors)[kSteps][4], Shared<T> rows, int first,
                            float (&sums)[Tile::kChunks][4]) {
  const int lane = lane_id();
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
#pragma unroll
    for (int c = 0; c < Tile::kChunks; c += 2) {
      uint32_t b[4];
      ldmatrix_x4_trans(b, rows, tile_at<Tile::kChunks>(first + i * 16 + lane % 16, c + lane / 16));
      mma_m16n8k16<T>(sums[c], factors[i], b);
      mma_m16n8k16<T>(sums[c + 1], factors[i], b + 2);
    }
  }
}

VC_DEVICE float quad_sum(float x) {
  x += shuffle_xor(x, 1);
  return x + shuffle_xor(x, 2);
}
VC_DEVICE float quad_max(float x) {
  x = max(x, shuffle_xor(x, 1));
  return max(x, shuffle_xor(x, 2));
}

// Stores the warp's 16 rows of sums, times `factors` of this lane's two rows. They go through the warp's own rows of
// `tile`, so that stores have 16 bytes.
template <class Tile, typename T>
VC_DEVICE void store_rows(Shared<T> tile, const Arguments<T>& p, const Rows3<T>& to, const Place& at, int row,
                          int count, const float (&sums)[Tile::kChunks][4], const float (&factors)[2]) {
  const int lane = lane_id();
  sync_warp();
#pragma unroll
  for (int c = 0; c < Tile::kChunks; ++c) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t pair = pack_pair<T>(sums[c][2 * half] * factors[half], sums[c][2 * half + 1] * factors[half]);
      tile.template store_packed<2>(tile_at<Tile::kChunks>(row + half * 8 + lane / 4, c) + lane % 4 * 2u,
                                    unpack_pair<T>(pair));
    }
  }
  sync_warp();
#pragma unroll
  for (int i = lane; i < 16 * Tile::kChunks; i += kWarpSize) {
    const int r = row + i / Tile::kChunks, chunk = i % Tile::kChunks;
    if (at.first + r >= count || chunk * 8 >= p.size) continue;
    to.data.template store_packed<8>(to.at(at.n, at.first + r, int64_t{at.head} * p.size + chunk * 8),
                                     tile.template load_packed<8>(tile_at<Tile::kChunks>(r, chunk)));
  }
}

constexpr float kLog2E = 1.4426950408889634f;

// The row max, and this lane's parts of the sum of weights and of the sum of weights times dp, of a row.
struct RowSums {
  float row_max = kMinusInfinity, sum = 0, delta = 0;

  // 0 as long as the row has no valid score, so that weights are 2^-inf = 0
  VC_DEVICE float max_shift() const { return row_max == kMinusInfinity ? 0.0f : row_max; }

  template <int kTiles>
  VC_DEVICE void add(const float (&s)[kTiles][4], const float (&dp)[kTiles][4], int half) {
    float high = row_max;
#pragma unroll
    for (const auto& tile : s) high = max(high, max(tile[2 * half], tile[2 * half + 1]));
    const float before = row_max;
    row_max = quad_max(high);
    const float factor = exp2_approx(before - max_shift());
    sum *= factor, delta *= factor;
#pragma unroll
    for (int j = 0; j < kTiles; ++j) {
#pragma unroll
      for (int e = 2 * half; e < 2 * half + 2; ++e) {
        const float weight = exp2_approx(s[j][e] - max_shift());
        sum += weight;
        delta = fma(weight, dp[j][e], delta);
      }
    }
  }
};

template <typename T, class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) query_cores_kernel(Arguments<T> p) {
  constexpr int kColumns = 32;  // columns at a time; s and dp take 16 registers each
  const Place at(p, Tile::kRows);
  const int lane = lane_id(), g = lane / 4, t = lane % 4, warp_row = warp_id() * 16;
  const Shared<T> q = tile_of<T, Tile>(0), dy = tile_of<T, Tile>(1), k = tile_of<T, Tile>(2), v = tile_of<T, Tile>(3);
  const auto is_query = [&](int row) { return at.first + row < p.queries; };
  // Copy this block's q and dy.
  load_rows<Tile>(q, p, p.q, at, at.first, is_query);
  load_rows<Tile>(dy, p, p.dy, at, at.first, is_query);
  cp_async_commit();
  const float scale = p.scale * kLog2E;

  // Calls f(first row in the tile of keys, s, dp) for one group of 32 keys after another.
  const auto each = [&](const auto& f) {
    for (int key0 = 0; key0 < p.attended_keys(at.first + Tile::kRows); key0 += Tile::kRows) {
      const KeyBits bits = {{ballot(p.is_valid(at.n, key0 + lane)), ballot(p.is_valid(at.n, key0 + 32 + lane))}};
      if (bits.none()) continue;
      sync_threads();  // all threads have finished reading the previous tiles
      load_rows<Tile>(k, p, p.k, at, key0, [&](int row) { return bits[row]; });
      load_rows<Tile>(v, p, p.v, at, key0, [&](int row) { return bits[row]; });
      cp_async_commit();
      cp_async_wait<0>();
      sync_threads();
#pragma unroll 1
      for (int first = 0; first < Tile::kRows; first += kColumns) {
        Scores<kColumns> s, dp;
        multiply<Tile>(q, warp_row, k, first, s);
        multiply<Tile>(dy, warp_row, v, first, dp);
#pragma unroll
        for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const int key = first + j * 8 + 2 * t + e % 2, query = at.first + warp_row + e / 2 * 8 + g;
            s[j][e] = bits[key] && p.attends(query, key0 + key) ? s[j][e] * scale : kMinusInfinity;
          }
        }
        f(first, s, dp);
      }
    }
  };

  // First pass: row max, sum of weights and sum of p dp.
  RowSums rows[2];
  each([&](int, const Scores<kColumns>& s, const Scores<kColumns>& dp) {
    rows[0].add(s, dp, 0);
    rows[1].add(s, dp, 1);
  });
  float max_shift[2], inverse[2], delta[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float sum = quad_sum(rows[half].sum);
    max_shift[half] = rows[half].max_shift();
    inverse[half] = sum > 0 ? 1.0f / sum : 0.0f;
    delta[half] = quad_sum(rows[half].delta) * inverse[half];
  }

  // Second pass: dq.
  float dq[Tile::kChunks][4] = {};
  each([&](int first, const Scores<kColumns>& s, const Scores<kColumns>& dp) {
    Factors<kColumns> ds;
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float value[2];
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const float weight = exp2_approx(s[j][2 * half + e] - max_shift[half]);
          value[e] = weight * (dp[j][2 * half + e] - delta[half]);
        }
        ds[j / 2][j % 2 * 2 + half] = pack_pair<T>(value[0], value[1]);
      }
    }
    add_products<Tile>(ds, k, first, dq);
  });
  cp_async_wait<0>();  // waits for q and dy if there was no valid key
  sync_threads();
  // Store dq and the statistics for the second kernel.
  store_rows<Tile>(q, p, p.dq, at, warp_row, p.queries, dq, {inverse[0] * p.scale, inverse[1] * p.scale});
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = at.first + warp_row + half * 8 + g;
    if (t != 0 || query >= p.queries) continue;
    p.store_statistics(at.n, at.head, query, {max_shift[half], inverse[half], delta[half]});
  }
}

template <typename T, class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) key_cores_kernel(Arguments<T> p) {
  constexpr int kColumns = 32;
  const Place at(p, Tile::kRows);
  const int thread = static_cast<int>(threadIdx.x), lane = lane_id(), g = lane / 4, t = lane % 4;
  const int warp_row = warp_id() * 16;
  const Shared<T> k = tile_of<T, Tile>(0), v = tile_of<T, Tile>(1), q = tile_of<T, Tile>(2), dy = tile_of<T, Tile>(3);
  const Shared<float> statistics = shared_array<float>(Tile::kStatistics, 3 * Tile::kRows);  // [3][kRows]
  const KeyBits bits = {{ballot(p.is_valid(at.n, at.first + lane)), ballot(p.is_valid(at.n, at.first + 32 + lane))}};
  // Copy this block's k and v.
  load_rows<Tile>(k, p, p.k, at, at.first, [&](int row) { return bits[row]; });
  load_rows<Tile>(v, p, p.v, at, at.first, [&](int row) { return bits[row]; });
  cp_async_commit();
  const float scale = p.scale * kLog2E;

  const int key = at.first + warp_row + g;  // the key of this lane's first row
  const bool valid[2] = {bits[warp_row + g], bits[warp_row + g + 8]};
  float dk[Tile::kChunks][4] = {}, dv[Tile::kChunks][4] = {};
  for (int query0 = p.first_query(at.first) / Tile::kRows * Tile::kRows; query0 < p.queries; query0 += Tile::kRows) {
    // Copy a tile of q and dy, and the statistics of its queries.
    sync_threads();  // all threads have finished reading the previous tiles
    const auto is_query = [&](int row) { return query0 + row < p.queries; };
    load_rows<Tile>(q, p, p.q, at, query0, is_query);
    load_rows<Tile>(dy, p, p.dy, at, query0, is_query);
    cp_async_commit();
    if (thread < Tile::kRows) {
#pragma unroll
      for (int i = 0; i < 3; ++i) {  // weights are zero after the last query
        const float value = p.statistics.load(is_query(thread) ? p.statistic(at.n, at.head, query0 + thread, i) : 0);
        statistics.store(static_cast<uint32_t>(i * Tile::kRows + thread), is_query(thread) ? value : 0.0f);
      }
    }
    cp_async_wait<0>();
    sync_threads();
#pragma unroll 1
    for (int first = 0; first < Tile::kRows; first += kColumns) {
      Scores<kColumns> s, dp;
      // Scores and dp.
      multiply<Tile>(k, warp_row, q, first, s);
      multiply<Tile>(v, warp_row, dy, first, dp);
      // Weights and ds, rounded to fragments.
      Factors<kColumns> weights, ds;
#pragma unroll
      for (int j = 0; j < kColumns / 8; ++j) {
        const int column = first + j * 8 + 2 * t;
        Packed<float, 2> of[3];  // max_shift, 1 / sum, delta
#pragma unroll
        for (int i = 0; i < 3; ++i) {
          of[i] = statistics.load_packed<2>(static_cast<uint32_t>(i * Tile::kRows + column));
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float weight[2], value[2];
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const bool attended = valid[half] && p.attends(query0 + column + e, key + half * 8);
            weight[e] = attended ? exp2_approx(s[j][2 * half + e] * scale - of[0][e]) * of[1][e] : 0.0f;
            value[e] = weight[e] * (dp[j][2 * half + e] - of[2][e]);
          }
          weights[j / 2][j % 2 * 2 + half] = pack_pair<T>(weight[0], weight[1]);
          ds[j / 2][j % 2 * 2 + half] = pack_pair<T>(value[0], value[1]);
        }
      }
      // Sums of dv and dk.
      add_products<Tile>(weights, dy, first, dv);
      add_products<Tile>(ds, q, first, dk);
    }
  }
  cp_async_wait<0>();  // waits for k and v if there was no query
  sync_threads();
  store_rows<Tile>(k, p, p.dk, at, warp_row, p.keys, dk, {p.scale, p.scale});
  store_rows<Tile>(v, p, p.dv, at, warp_row, p.keys, dv, {1.0f, 1.0f});
}

}  // namespace attention_grad
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
