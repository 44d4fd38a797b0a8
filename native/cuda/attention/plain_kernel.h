#pragma once
// The attention kernel for f32, and for 16-bit heads of more than 128 channels: products are computed by FMA in f32.
//
// A block has 32 queries of one head, and a warp has 8 of them. Keys are processed in tiles of 32 in shared memory. A
// lane has one key while scores are computed, and every 32nd channel while the weighted values are summed. Heads of
// more than kHead channels compute their scores in parts; a block then has one chunk of kHead channels of v and y.
// Shared memory: 4 (3 x 32 kHead + 1152) bytes.
#include "cuda/attention/problem.h"
#include "cuda/primitives/vector_access.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention {

constexpr int kPlainWarps = 4, kPlainThreads = kPlainWarps * kWarpSize;
constexpr int kWarpRows = 8;  // 4 channels of a key then cost 9 reads of shared memory for 32 FMA
constexpr int kPlainQueries = kPlainWarps * kWarpRows;
constexpr int kPlainKeys = kWarpSize;

// Offsets in shared memory, in floats. Rows of K are padded by 4, so that the lanes' 16-byte reads of one column are
// free of bank conflicts.
template <int kHead>
struct PlainLayout {
  static constexpr uint32_t kKeyRow = kHead + 4;
  static constexpr uint32_t kQ = 0, kK = kPlainQueries * kHead, kV = kK + kPlainKeys * kKeyRow;
  static constexpr uint32_t kWeights = kV + kPlainKeys * kHead;
  static constexpr uint32_t kSize = kWeights + kPlainQueries * kPlainKeys;
};

// Loads kHead channels from `first` on of 32 rows as floats, V elements per access. Missing rows and channels are zero.
template <int kHead, int V, typename T, class Valid>
VC_DEVICE void load_floats(Shared<float> to, uint32_t to_stride, Global<const T> from, int stride, int first, int size,
                           const Valid& valid) {
  constexpr int kRowVectors = kHead / 4, kPassRows = kPlainThreads / kRowVectors;
  const int c = static_cast<int>(threadIdx.x) % kRowVectors * 4;
  int row = static_cast<int>(threadIdx.x) / kRowVectors;
  int at = row * stride + first + c;
#pragma unroll 4
  for (int pass = 0; pass < 32 / kPassRows; ++pass, row += kPassRows, at += kPassRows * stride) {
    const bool some = valid(row);
    Packed<float, 4> values = {};
#pragma unroll
    for (int j = 0; j < 4; j += V) {
      if (!some || first + c + j >= size) continue;
      float part[V];
      load_values(from, static_cast<size_t>(at + j), part);
#pragma unroll
      for (int e = 0; e < V; ++e) values[j + e] = part[e];
    }
    to.store_packed<4>(static_cast<uint32_t>(row) * to_stride + static_cast<uint32_t>(c), values);
  }
}

template <typename T, int kHead, int V>
__global__ void __launch_bounds__(kPlainThreads, 3) plain_kernel(Arguments<T> p) {
  using Layout = PlainLayout<kHead>;
  constexpr int kGroups = kHead / kWarpSize;
  const Shared<float> memory = shared_array<float>(0, Layout::kSize);
  const Shared<float> q_tile = memory.offset(Layout::kQ), k_tile = memory.offset(Layout::kK);
  const Shared<float> v_tile = memory.offset(Layout::kV);
  const int lane = lane_id(), warp = warp_id();
  // [2][32 keys][4 rows] of this warp
  const Shared<float> weights = memory.offset(Layout::kWeights + static_cast<uint32_t>(warp * kWarpRows * kPlainKeys));

  const auto block = static_cast<int>(blockIdx.x);
  const Place at = locate(p, block / p.channel_chunks, kPlainQueries);
  const int first_channel = block % p.channel_chunks * kHead;
  const Global<const T> q = p.q.head(at.n, at.head * p.size, at.query);
  const int first_query = at.query + warp * kWarpRows;
  const int keys = attended_keys(p, min(at.query + kPlainQueries, p.queries) - 1);
  const float scale = p.negative ? -p.scale : p.scale;

  float o[kWarpRows][kGroups] = {};
  RowState rows[kWarpRows];
  bool has_q = false;

  for (int key0 = 0; key0 < keys; key0 += kPlainKeys) {
    const uint32_t bits = ballot(is_valid(mask_bits(p, at.n, key0 + lane)));
    if (bits == 0) continue;
    const auto key_is_valid = [&](int row) { return (bits >> row & 1) != 0; };
    // Scores: s = q k^T, in parts of kHead channels.
    float s[kWarpRows] = {};
    for (int part = 0; part < p.size; part += kHead) {
      sync_threads();  // all threads have finished reading the previous tiles
      if (part == 0) {
        load_floats<kHead, V>(v_tile, kHead, p.v.head(at.n, at.head * p.size, key0), p.v.position, first_channel,
                              p.size, key_is_valid);
      }
      load_floats<kHead, V>(k_tile, Layout::kKeyRow, p.k.head(at.n, at.head * p.size, key0), p.k.position, part, p.size,
                            key_is_valid);
      if (!has_q) {
        load_floats<kHead, V>(q_tile, kHead, q, p.q.position, part, p.size,
                              [&](int row) { return at.query + row < p.queries; });
        has_q = p.size <= kHead;
      }
      sync_threads();
      const int width = min(kHead, p.size - part);
#pragma unroll 2
      for (int c = 0; c < width; c += 4) {
        const Packed<float, 4> key = k_tile.load_packed<4>(static_cast<uint32_t>(lane) * Layout::kKeyRow + c);
#pragma unroll
        for (int r = 0; r < kWarpRows; ++r) {
          const Packed<float, 4> query =
              q_tile.load_packed<4>(static_cast<uint32_t>((warp * kWarpRows + r) * kHead + c));
#pragma unroll
          for (int e = 0; e < 4; ++e) s[r] = fma(query[e], key[e], s[r]);
        }
      }
    }

    // Softmax: row max, weights, and the factor that rescales the sums so far.
    Packed<float, 4> w[2];
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      const bool attended = key_is_valid(lane) && key0 + lane < attended_keys(p, first_query + r);
      const float score = attended ? s[r] * scale : kMinusInfinity;
      float max_shift;
      const float factor = rows[r].raise(warp_max(score), &max_shift);
      const float weight = exp2_approx(score - max_shift);
      rows[r].sum += weight;
      w[r / 4][r % 4] = weight;
#pragma unroll
      for (int i = 0; i < kGroups; ++i) o[r][i] *= factor;
    }
    weights.store_packed<4>(static_cast<uint32_t>(lane) * 4, w[0]);
    weights.store_packed<4>(static_cast<uint32_t>(kPlainKeys + lane) * 4, w[1]);
    sync_warp();
    // Output: o += weights v.
#pragma unroll 4
    for (int key = 0; key < kPlainKeys; ++key) {
      w[0] = weights.load_packed<4>(static_cast<uint32_t>(key) * 4);
      w[1] = weights.load_packed<4>(static_cast<uint32_t>(kPlainKeys + key) * 4);
#pragma unroll
      for (int i = 0; i < kGroups; ++i) {
        const float value = v_tile.load(static_cast<uint32_t>(key * kHead + i * kWarpSize + lane));
#pragma unroll
        for (int r = 0; r < kWarpRows; ++r) o[r][i] = fma(w[r / 4][r % 4], value, o[r][i]);
      }
    }
  }

  // Divide by the sums, and store.
  const Global<T> y = p.y.head(at.n, at.head * p.size, 0);
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    const float factor = inverse(warp_sum(rows[r].sum));
    if (first_query + r >= p.queries) continue;
#pragma unroll
    for (int i = 0; i < kGroups; ++i) {
      const int c = first_channel + i * kWarpSize + lane;
      if (c >= p.size) continue;
      y.store(static_cast<size_t>(int64_t{first_query + r} * p.y.position + c), from_float<T>(o[r][i] * factor));
    }
  }
}

}  // namespace attention
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
