#pragma once
// The attention kernel of Hopper (sm_90a) for bf16 and f16, and heads of 40 to 128 channels, a multiple of 8. It
// computes what tensor_core_kernel.h computes, with the same tiles of keys in the same order.
//
// A block has one or two warpgroups of 64 queries of one head. The copy engine brings q once, and k and v in tiles of
// 64 keys through two stages of each; the last warp of the block is the producer that starts the copies. Scores and
// outputs are products by wgmma: q and k are in shared memory, the rounded weights stay in registers, and v is read
// transposed. Tiles without a valid key are neither copied nor computed. In a tile that the mask divides, the consumers
// overwrite the rows of masked keys with zeros. While one warpgroup or block computes its weights, the products of
// another may run.
#include "cuda/attention/problem.h"
#include "cuda/attention/tensor_core_kernel.h"
#include "cuda/gemm/loader.h"
#include "cuda/primitives/tensor_copy.h"
#include "cuda/primitives/wgmma.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention {

// Shared memory: q, then two stages of k, two of v, and the mbarriers. A row of a tile has boxes of 64 channels.
template <int kHeadSize, int kWarpgroups, int kBlocksPerSm>
struct HopperTile {
  static constexpr int kHead = kHeadSize, kGroups = kWarpgroups, kBlocks = kBlocksPerSm;
  static constexpr int kQueries = 64 * kGroups, kThreads = 128 * kGroups, kBlockThreads = kThreads + kWarpSize;
  static constexpr int kBoxes = (kHead + kBoxValues - 1) / kBoxValues, kStages = 2;
  static constexpr uint32_t kQ = kQueries * kBoxes * kBoxValues, kStage = kKeys * kBoxes * kBoxValues;  // elements
  static constexpr uint32_t kBarriers = 2 * (kQ + 2 * kStages * kStage);
  static constexpr uint32_t kSharedBytes = kBarriers + (1 + 4 * kStages) * sizeof(uint64_t);
  static_assert(kHead % 64 == 0, "v is read in whole blocks of 64 channels");
};

template <typename T>
struct HopperArguments {
  TensorMap q, k, v;  // channels, heads, positions, batch
  Arguments<T> p;
};

// The shared memory of a block. `full` and `empty` belong to the stages of k, then of v.
template <typename T, class Tile>
struct HopperMemory {
  Shared<T> q = shared_array<T>(0, Tile::kQ);
  Shared<T> k = shared_array<T>(2 * Tile::kQ, Tile::kStages* Tile::kStage);
  Shared<T> v = shared_array<T>(2 * (Tile::kQ + Tile::kStages * Tile::kStage), Tile::kStages* Tile::kStage);
  Mbarriers q_full = shared_array<uint64_t>(Tile::kBarriers, 1);
  Mbarriers full = shared_array<uint64_t>(Tile::kBarriers + 8, 2 * Tile::kStages);
  Mbarriers empty = shared_array<uint64_t>(Tile::kBarriers + 8 + 16 * Tile::kStages, 2 * Tile::kStages);
};

// The valid keys of a tile, for a warp.
template <typename T>
VC_DEVICE KeyBits valid_keys(const Arguments<T>& p, int n, int tile) {
  const int key = tile * kKeys + lane_id();
  return {{ballot(is_valid(mask_bits(p, n, key))), ballot(is_valid(mask_bits(p, n, key + 32)))}};
}

template <class Tile, typename T>
VC_DEVICE void produce(const HopperArguments<T>& a, const HopperMemory<T, Tile>& memory, const Place& at, int tiles) {
  constexpr uint32_t kBoxBytes = 2 * kBoxValues;
  if (lane_id() == 0) {
    mbarrier_arrive_expect(memory.q_full, 0, Tile::kQueries * Tile::kBoxes * kBoxBytes);
#pragma unroll
    for (int box = 0; box < Tile::kBoxes; ++box) {
      copy_box(memory.q, static_cast<uint32_t>(box * Tile::kQueries * kBoxValues), a.q, box * kBoxValues, at.head,
               at.query, at.n, memory.q_full, 0);
    }
  }
  uint32_t slot = 0, parity = 1;
  for (int tile = 0; tile < tiles; ++tile) {
    if (valid_keys(a.p, at.n, tile).none()) continue;
    if (lane_id() == 0) {
#pragma unroll
      for (uint32_t operand = 0; operand < 2; ++operand) {
        const uint32_t barrier = operand * Tile::kStages + slot;
        mbarrier_wait(memory.empty, barrier, parity);
        mbarrier_arrive_expect(memory.full, barrier, kKeys * Tile::kBoxes * kBoxBytes);
#pragma unroll
        for (int box = 0; box < Tile::kBoxes; ++box) {
          copy_box(operand ? memory.v : memory.k, slot * Tile::kStage + static_cast<uint32_t>(box * kKeys * kBoxValues),
                   operand ? a.v : a.k, box * kBoxValues, at.head, tile * kKeys, at.n, memory.full, barrier);
        }
      }
    }
    if (++slot == Tile::kStages) slot = 0, parity ^= 1;
  }
}

// Overwrites the rows of masked keys with zeros, by all consumers.
template <class Tile, typename T>
VC_DEVICE void clear_masked(Shared<T> k, Shared<T> v, KeyBits bits) {
  constexpr int kChunks = kBoxValues / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kKeys * Tile::kBoxes * kChunks; i += Tile::kThreads) {
    const int row = i / kChunks % kKeys;
    if (bits[row]) continue;
    k.template store_packed<8>(static_cast<uint32_t>(i) * 8, {});
    v.template store_packed<8>(static_cast<uint32_t>(i) * 8, {});
  }
  fence_proxy_async();
  named_barrier_sync(1, Tile::kThreads);
}

// The queries of one warpgroup: its scores of a tile, weights and outputs. Register i of a thread has the row and
// column that wgmma.h gives.
template <typename T, class Tile>
class HopperGroup {
 public:
  VC_DEVICE HopperGroup(const Arguments<T>& p, int first_query)
      : p_(p), query_(first_query + warp_id() % 4 * 16 + lane_id() / 4) {
#pragma unroll
    for (int i = 0; i < kKeys / 2; ++i) scores_[i] = 0;
#pragma unroll
    for (int i = 0; i < Tile::kHead / 2; ++i) out_[i] = 0;
  }

  // Computes the scores q k^T. `q` begins with the rows of the warpgroup.
  VC_DEVICE void multiply_keys(Shared<T> q, Shared<T> k) {
    wgmma_fence(scores_);
    const auto operand = [](Shared<T> tile, int d, int rows) {
      return wgmma_operand(tile, static_cast<uint32_t>(d / 4 * rows * gemm::kRowBytes + d % 4 * 32));
    };
    wgmma<T, false, false, false>(scores_, operand(q, 0, Tile::kQueries), operand(k, 0, kKeys));
#pragma unroll
    for (int d = 1; d < Tile::kHead / 16; ++d) {
      wgmma<T>(scores_, operand(q, d, Tile::kQueries), operand(k, d, kKeys));
    }
    wgmma_commit();
    wgmma_wait<0>(scores_);
  }

  // Turns the scores into weights, and rescales the outputs so far.
  VC_DEVICE void weigh(KeyBits bits, int key0, bool divided) {
    if (p_.negative) {
#pragma unroll
      for (int i = 0; i < kKeys / 2; ++i) scores_[i] = -scores_[i];
    }
    if (divided) {
      const int attended_end[2] = {attended_keys(p_, query_) - key0, attended_keys(p_, query_ + 8) - key0};
#pragma unroll
      for (int i = 0; i < kKeys / 2; ++i) {
        const int key = i / 4 * 8 + lane_id() % 4 * 2 + i % 2;
        if (!bits[key] || key >= attended_end[i / 2 % 2]) scores_[i] = kMinusInfinity;
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float row_max = kMinusInfinity;
#pragma unroll
      for (int j = 0; j < kKeys / 8; ++j) row_max = max(row_max, max(score(j, half, 0), score(j, half, 1)));
      row_max = max(row_max, shuffle_xor(row_max, 1));
      row_max = max(row_max, shuffle_xor(row_max, 2));
      float max_shift;
      const float factor = rows_[half].raise(row_max * p_.scale, &max_shift);
#pragma unroll
      for (int i = half * 2; i < Tile::kHead / 2; i += 4) {
        out_[i] *= factor;
        out_[i + 1] *= factor;
      }
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kKeys / 8; ++j) {
        const float low = exp2_approx(fma(score(j, half, 0), p_.scale, -max_shift));
        const float high = exp2_approx(fma(score(j, half, 1), p_.scale, -max_shift));
        sum += low;
        sum += high;
        weights_[j / 2][j % 2 * 2 + half] = pack_pair<T>(low, high);
      }
      rows_[half].sum += sum;
    }
  }

  // Adds the products of the weights and v to the outputs.
  VC_DEVICE void multiply_values(Shared<T> v) {
    wgmma_fence(out_);
#pragma unroll
    for (int j = 0; j < kKeys / 16; ++j) {
      const auto line = static_cast<uint32_t>(j * 16 * gemm::kRowBytes);
      wgmma<T, true>(out_, weights_[j], wgmma_operand(v, line, kKeys * gemm::kRowBytes));
    }
    wgmma_commit();
    wgmma_wait<0>(out_);
  }

  // Writes the outputs to the rows of the warp in `tile`, which has the layout of q.
  VC_DEVICE void stage(Shared<T> tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = rows_[half].sum;
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      const float scale = inverse(sum);
      const int row = warp_id() % 4 * 16 + half * 8 + lane_id() / 4;
#pragma unroll
      for (int c = 0; c < Tile::kHead / 8; ++c) {
        const int column = c * 8 + lane_id() % 4 * 2;
        const uint32_t pair = pack_pair<T>(out_[c * 4 + half * 2] * scale, out_[c * 4 + half * 2 + 1] * scale);
        tile.template store_packed<2>(at(row, column), unpack_pair<T>(pair));
      }
    }
  }

  // Index of a channel of a row of q.
  VC_DEVICE static uint32_t at(int row, int channel) {
    return static_cast<uint32_t>(channel / kBoxValues * Tile::kQueries * kBoxValues) +
           gemm::tile_at<T>(row, channel % kBoxValues, row % 8);
  }

 private:
  VC_DEVICE float score(int j, int half, int e) const { return scores_[j * 4 + half * 2 + e]; }

  const Arguments<T>& p_;
  int query_;  // of the first of the thread's two rows
  float scores_[kKeys / 2], out_[Tile::kHead / 2];
  uint32_t weights_[kKeys / 16][4];
  RowState rows_[2];
};

template <class Tile, typename T>
VC_DEVICE void consume(const Arguments<T>& p, const HopperMemory<T, Tile>& memory, const Place& at, int tiles) {
  const int group = warp_id() / 4, first_query = at.query + group * 64;
  const int first_attended = attended_keys(p, first_query), last_attended = attended_keys(p, first_query + 63);
  const Shared<T> q = memory.q.offset(static_cast<uint32_t>(group * 64 * kBoxValues));
  HopperGroup<T, Tile> math(p, first_query);
  uint32_t slot = 0, parity = 0;
  const auto release = [&](uint32_t barrier) {
    if (lane_id() == 0) mbarrier_arrive(memory.empty, barrier);
  };

  mbarrier_wait(memory.q_full, 0, 0);
  for (int tile = 0; tile < tiles; ++tile) {
    const KeyBits bits = valid_keys(p, at.n, tile);
    if (bits.none()) continue;
    const int key0 = tile * kKeys;
    const Shared<T> k = memory.k.offset(slot * Tile::kStage), v = memory.v.offset(slot * Tile::kStage);
    mbarrier_wait(memory.full, slot, parity);
    // Keys beyond the last one are zeros already.
    const bool masked = (p.mask_u8 || p.mask_f32) && !bits.all();
    if (masked) {
      mbarrier_wait(memory.full, Tile::kStages + slot, parity);
      clear_masked<Tile>(k, v, bits);
    }
    const bool attended = key0 < last_attended;  // by a query of this warpgroup
    if (attended) math.multiply_keys(q, k);
    release(slot);
    if (attended) math.weigh(bits, key0, !bits.all() || key0 + kKeys > first_attended);
    if (!masked) mbarrier_wait(memory.full, Tile::kStages + slot, parity);
    if (attended) math.multiply_values(v);
    release(Tile::kStages + slot);
    if (++slot == Tile::kStages) slot = 0, parity ^= 1;
  }

  // All wgmma that read q are complete: the outputs take its place, so that stores have 16 bytes.
  named_barrier_sync(2 + group, 128);
  math.stage(q);
  sync_warp();
  const Global<T> y = p.y.head(at.n, at.head * p.size, 0);
  constexpr int kChunks = Tile::kHead / 8;
  for (int i = lane_id(); i < 16 * kChunks; i += kWarpSize) {
    const int row = warp_id() % 4 * 16 + i / kChunks, c = i % kChunks * 8;
    if (first_query + row >= p.queries || c >= p.size) continue;
    const Packed<T, 8> values = q.template load_packed<8>(HopperGroup<T, Tile>::at(row, c));
    y.template store_packed<8>(static_cast<size_t>(int64_t{first_query + row} * p.y.position + c), values);
  }
}

template <typename T, class Tile>
__global__ void __launch_bounds__(Tile::kBlockThreads, Tile::kBlocks)
    hopper_kernel(const __grid_constant__ HopperArguments<T> a) {
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
  const HopperMemory<T, Tile> memory;
  if (threadIdx.x == 0) {
    mbarrier_init(memory.q_full, 0, 1);
    for (uint32_t i = 0; i < 2 * Tile::kStages; ++i) {
      mbarrier_init(memory.full, i, 1);
      mbarrier_init(memory.empty, i, Tile::kThreads / kWarpSize);
    }
    fence_proxy_async();
  }
  sync_threads();
  const Place at = locate(a.p, static_cast<int>(blockIdx.x), Tile::kQueries);
  const int tiles = (attended_keys(a.p, min(at.query + Tile::kQueries, a.p.queries) - 1) + kKeys - 1) / kKeys;
  // The shuffle tells the compiler that the branch is uniform, which wgmma needs.
  if (shuffle(warp_id(), 0) == Tile::kThreads / kWarpSize) {
    produce<Tile>(a, memory, at, tiles);
  } else {
    consume<Tile>(a.p, memory, at, tiles);
  }
#else
  wgmma_missing();
#endif
}

// A map of positions of heads, for tiles of `positions` of one head.
template <typename T>
Status map_positions(TensorMap* map, const Tensor& t, int heads, int size, int positions) {
  const int64_t batch = t.shape[0] > 1 ? t.strides[0] : t.strides[1];
  return encode_tiled<4, T>(map, global<const T>(t), {size, heads, t.shape[1], t.shape[0]},
                            {1, size, t.strides[1], batch}, {kBoxValues, 1, positions, 1});
}

}  // namespace attention
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
