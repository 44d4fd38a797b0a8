#pragma once
// The attention kernel for bf16 and f16, and heads of up to 128 channels.
//
// A block has kQueries queries of one head, and a warp has 16 or 32 of them, whose q stays in registers. Each tile of
// 64 keys takes three phases: scores by mma; the running max, sum and rescaling factor of each row; and the product
// with v by a second mma, for which the rounded weights are already in the layout of A fragments. K and V are copied by
// cp.async: K one tile ahead, V during the scores. Rows of masked keys are zeros in shared memory, whatever memory
// holds; tiles without a valid key are not read. The order of operations of a row follows from the positions of its
// keys alone.
#include "cuda/attention/problem.h"
#include "cuda/attention/tiles.h"
#include "cuda/primitives/async_copy.h"
#include "cuda/primitives/mma.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention {

// Index of an element of a tile with rows of kChunks chunks of 16 bytes. The chunk index is combined by exclusive or
// with bits of the row, so that one chunk column of 8 rows, and 8 consecutive chunks, are in 8 different bank groups.
template <int kChunks>
VC_DEVICE uint32_t tile_at(int row, int chunk) {
  const int pattern = kChunks >= 8 ? row % 8 : row / (8 / kChunks) % kChunks;
  return static_cast<uint32_t>((row * kChunks + (chunk ^ pattern)) * 8);
}

// Loads rows 0 to kRows - 1 of a tile, with zeros where `valid(row)` is false and after `size` channels. Without kWide
// the operand does not allow copies of 16 bytes, and values are gathered in registers.
template <class Tile, int kRows, bool kWide, typename T, class Valid>
VC_DEVICE void load_tile(Shared<T> tile, Global<const T> from, int stride, int size, const Valid& valid) {
  constexpr int kPassRows = Tile::kThreads / Tile::kChunks;
  static_assert(Tile::kThreads % Tile::kChunks == 0 && kRows % kPassRows == 0, "whole passes");
  const int chunk = static_cast<int>(threadIdx.x) % Tile::kChunks, c = chunk * 8;
  int row = static_cast<int>(threadIdx.x) / Tile::kChunks;
  int at = row * stride + c;
#pragma unroll
  for (int pass = 0; pass < kRows / kPassRows; ++pass, row += kPassRows, at += kPassRows * stride) {
    const uint32_t to = tile_at<Tile::kChunks>(row, chunk);
    if constexpr (kWide) {
      const bool some = c < size && valid(row);
      cp_async_16(tile, to, from, some ? static_cast<size_t>(at) : 0, some);
    } else {
      Packed<T, 8> values = {};
      if (valid(row)) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          if (c + j < size) values[j] = from.load(static_cast<size_t>(at + j));
        }
      }
      tile.template store_packed<8>(to, values);
    }
  }
}

// Which of 64 keys are valid.
struct KeyBits {
  uint32_t words[2];

  VC_DEVICE bool none() const { return (words[0] | words[1]) == 0; }
  VC_DEVICE bool all() const { return (words[0] & words[1]) == ~0u; }
  VC_DEVICE bool operator[](int key) const { return (key < 32 ? words[0] : words[1]) >> (key % 32) & 1; }
};

template <typename T, class Tile, bool kWide>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) tensor_core_kernel(Arguments<T> p) {
  constexpr int kHead = Tile::kHead, kChunks = Tile::kChunks, kRowTiles = Tile::kRowTiles;
  const Place at = locate(p, static_cast<int>(blockIdx.x), Tile::kQueries);
  const int lane = lane_id(), g = lane / 4, t = lane % 4;
  const int warp_row = warp_id() * Tile::kWarpQueries;  // the warp's first row in the tile

  const Shared<T> q_tile = shared_array<T>(0, Tile::kQueries * kHead);
  const Shared<T> k_stages = shared_array<T>(2 * Tile::kQueries * kHead, 2 * Tile::kStage);
  const Shared<T> v_stages = shared_array<T>(2 * (Tile::kQueries * kHead + 2 * Tile::kStage), 2 * Tile::kStage);
  const auto stage = [](int tile) { return static_cast<uint32_t>(tile % 2) * Tile::kStage; };

  const Global<const T> k = p.k.head(at.n, at.head * p.size, 0), v = p.v.head(at.n, at.head * p.size, 0);
  const int tiles = (attended_keys(p, min(at.query + Tile::kQueries, p.queries) - 1) + kKeys - 1) / kKeys;
  // The mask of this lane's two keys of a tile, read one tile ahead.
  const auto read_mask = [&](int tile) -> Packed<uint32_t, 2> {
    if (tile >= tiles) return {};
    return {{mask_bits(p, at.n, tile * kKeys + lane), mask_bits(p, at.n, tile * kKeys + 32 + lane)}};
  };
  const auto key_bits = [](const Packed<uint32_t, 2>& mask) -> KeyBits {
    return {{ballot(is_valid(mask[0])), ballot(is_valid(mask[1]))}};
  };
  // Starts the copies of a tile of one operand as one group, which is empty for tiles without valid keys.
  const auto load = [&](Shared<T> stages, Global<const T> from, int stride, int tile, KeyBits bits) {
    if (!bits.none()) {
      load_tile<Tile, kKeys, kWide>(stages.offset(stage(tile)),
                                    from.offset(static_cast<size_t>(tile * kKeys) * static_cast<size_t>(stride)),
                                    stride, p.size, [&](int row) { return bits[row]; });
    }
    cp_async_commit();
  };

  // Prologue: copy q and the first tile of k and v.
  KeyBits bits = key_bits(read_mask(0));
  Packed<uint32_t, 2> next_mask = read_mask(1);
  load_tile<Tile, Tile::kQueries, kWide>(q_tile, p.q.head(at.n, at.head * p.size, at.query), p.q.position, p.size,
                                         [&](int row) { return at.query + row < p.queries; });
  load(k_stages, k, p.k.position, 0, bits);
  load(v_stages, v, p.v.position, 0, bits);
  cp_async_wait<1>();
  sync_threads();

  // Read q as A fragments, with the sign of the scale.
  uint32_t q[kRowTiles][kHead / 16][4];
  const uint32_t sign = p.negative ? 0x80008000u : 0u;
#pragma unroll
  for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
    for (int d = 0; d < kHead / 16; ++d) {
      ldmatrix_x4(q[i][d], q_tile, tile_at<kChunks>(warp_row + i * 16 + lane % 16, 2 * d + lane / 16));
#pragma unroll
      for (int r = 0; r < 4; ++r) q[i][d][r] ^= sign;
    }
  }

  float o[kRowTiles][kChunks][4] = {};
  RowState rows[kRowTiles][2];

  // Main loop over tiles of keys.
  for (int tile = 0; tile < tiles; ++tile) {
    const KeyBits next = key_bits(next_mask);
    next_mask = read_mask(tile + 2);
    load(k_stages, k, p.k.position, tile + 1, next);

    const int key0 = tile * kKeys;
    // of this warp
    const int first_attended = attended_keys(p, at.query + warp_row);
    const int last_attended = attended_keys(p, at.query + warp_row + Tile::kWarpQueries - 1);
    const bool attended = !bits.none() && key0 < last_attended;
    uint32_t weights[kRowTiles][kKeys / 16][4];
    if (attended) {
      // Scores: s = q k^T.
      float s[kRowTiles][kKeys / 8][4] = {};
      const Shared<T> k_tile = k_stages.offset(stage(tile));
#pragma unroll
      for (int d = 0; d < kHead / 16; ++d) {
#pragma unroll
        for (int j = 0; j < kKeys / 8; j += 2) {
          uint32_t b[4];
          ldmatrix_x4(b, k_tile, tile_at<kChunks>(j * 8 + lane / 16 * 8 + lane % 8, 2 * d + lane / 8 % 2));
#pragma unroll
          for (int i = 0; i < kRowTiles; ++i) {
            mma_m16n8k16<T>(s[i][j], q[i][d], b);
            mma_m16n8k16<T>(s[i][j + 1], q[i][d], b + 2);
          }
        }
      }

      // Mask: scores of keys that a query does not attend to become -inf.
      if (!bits.all() || key0 + kKeys > first_attended) {
#pragma unroll
        for (int i = 0; i < kRowTiles; ++i) {
          const int query = at.query + warp_row + i * 16 + g;
          const int attended_end[2] = {attended_keys(p, query) - key0, attended_keys(p, query + 8) - key0};
#pragma unroll
          for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
              const int key = j * 8 + 2 * t + e % 2;
              if (!bits[key] || key >= attended_end[e / 2]) s[i][j][e] = kMinusInfinity;
            }
          }
        }
      }

      // Softmax: row max, rescaling of the sums so far, weights.
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float row_max = kMinusInfinity;
#pragma unroll
          for (int j = 0; j < kKeys / 8; ++j) row_max = max(row_max, max(s[i][j][2 * half], s[i][j][2 * half + 1]));
          row_max = max(row_max, shuffle_xor(row_max, 1));
          row_max = max(row_max, shuffle_xor(row_max, 2));
          float max_shift;
          const float factor = rows[i][half].raise(row_max * p.scale, &max_shift);
#pragma unroll
          for (int c = 0; c < kChunks; ++c) {
            o[i][c][2 * half] *= factor;
            o[i][c][2 * half + 1] *= factor;
          }
          float sum = 0;
#pragma unroll
          for (int j = 0; j < kKeys / 8; ++j) {
            const float low = exp2_approx(fma(s[i][j][2 * half], p.scale, -max_shift));
            const float high = exp2_approx(fma(s[i][j][2 * half + 1], p.scale, -max_shift));
            sum += low;
            sum += high;
            weights[i][j / 2][j % 2 * 2 + half] = pack_pair<T>(low, high);
          }
          rows[i][half].sum += sum;
        }
      }
    }

    // Output: o += weights v.
    load(v_stages, v, p.v.position, tile + 1, next);
    cp_async_wait<2>();  // this tile's v; the next k and v may be in flight
    sync_threads();
    if (attended) {
      const Shared<T> v_tile = v_stages.offset(stage(tile));
#pragma unroll
      for (int j = 0; j < kKeys / 16; ++j) {
#pragma unroll
        for (int c = 0; c < kChunks; c += 2) {
          uint32_t b[4];
          ldmatrix_x4_trans(b, v_tile, tile_at<kChunks>(j * 16 + lane % 16, c + lane / 16));
#pragma unroll
          for (int i = 0; i < kRowTiles; ++i) {
            mma_m16n8k16<T>(o[i][c], weights[i][j], b);
            mma_m16n8k16<T>(o[i][c + 1], weights[i][j], b + 2);
          }
        }
      }
    }
    cp_async_wait<1>();  // the next k
    sync_threads();      // all threads have finished reading both stages of this tile
    bits = next;
  }

  // Stores the outputs through this warp's own rows of the q tile, so that stores have 16 bytes.
  sync_warp();
#pragma unroll
  for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = rows[i][half].sum;
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      const float scale = inverse(sum);
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        const uint32_t pair = pack_pair<T>(o[i][c][2 * half] * scale, o[i][c][2 * half + 1] * scale);
        const uint32_t to = tile_at<kChunks>(warp_row + i * 16 + half * 8 + g, c) + static_cast<uint32_t>(2 * t);
        q_tile.template store_packed<2>(to, unpack_pair<T>(pair));
      }
    }
  }
  sync_warp();
  const Global<T> y = p.y.head(at.n, at.head * p.size, 0);
#pragma unroll
  for (int i = lane; i < Tile::kWarpQueries * kChunks; i += kWarpSize) {
    const int row = warp_row + i / kChunks, chunk = i % kChunks, c = chunk * 8;
    if (at.query + row >= p.queries || c >= p.size) continue;
    const Packed<T, 8> values = q_tile.template load_packed<8>(tile_at<kChunks>(row, chunk));
    const auto to = static_cast<size_t>(int64_t{at.query + row} * p.y.position + c);
    if constexpr (kWide) {
      y.template store_packed<8>(to, values);
    } else {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        if (c + j < p.size) y.store(to + static_cast<size_t>(j), values[j]);
      }
    }
  }
}

}  // namespace attention
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
