#pragma once
// The products of mainloop.h and of matmul on Hopper (sm_90a), for 16-bit storage. The copy engine fills the stages in
// shared memory, wgmma multiplies them there, and mbarriers connect the two.
//
// The last warp of a block is the producer: one of its threads issues two tensor copies for each step, one for A and
// one for B, or one for each 64 rows of an operand that is stored along its rows, as soon as the consumers have
// released the stage. The other warps form one or two warpgroups of 64 rows each. They wait for a stage, multiply it,
// and release the stage before it, whose products are then complete. Blocks are persistent: each computes every
// gridDim.x-th tile, and the producer loads the next tile during the epilogue of the last one.
//
// A step covers 64 channels of one tap, so K is padded to whole steps in each tap; the padding is zero on both sides
// and is not multiplied beyond whole groups of 16. Every output is summed over these groups in the order of K, as in
// mainloop.h; the order within a group is that of the hardware.
#include "cuda/gemm/epilogue.h"
#include "cuda/gemm/operands.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/tensor_copy.h"
#include "cuda/primitives/wgmma.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

constexpr uint32_t kHopperSharedBytes = 227 * 1024;
// Bytes of 64 rows of an operand that is stored along its rows.
constexpr uint32_t kBlockBytes = 64 * kRowBytes;

// The tile of a block, and as many stages, at most 8, as shared memory holds beside the outputs and the mbarriers.
template <int kRows, int kColumns>
struct PipelineTile {
  static constexpr int kM = kRows, kN = kColumns;
  static constexpr int kThreads = kRows * 2;  // that compute: a warpgroup has 128 threads for 64 rows
  static constexpr int kBlockThreads = kThreads + kWarpSize;
  static constexpr uint32_t kStageBytes = (kRows + kColumns) * kRowBytes;
  // The f32 outputs, their bias, and PartSums: for each part two planes with 4 sums of each thread, padded by up to 48.
  static constexpr uint32_t kStagedBytes =
      ((kRows + 1) * kColumns + kRows / kPartRows * 2 * (kThreads * 4 + 48)) * sizeof(float);
  static constexpr uint32_t kBarrierBytes = 1024;
  static constexpr uint32_t kFree = kHopperSharedBytes - kStagedBytes - kBarrierBytes;
  static constexpr int kStages = kFree / kStageBytes < 8 ? kFree / kStageBytes : 8;
  static constexpr uint32_t kStaged = kStages * kStageBytes;
  static constexpr uint32_t kBarriers = kStaged + kStagedBytes;
  static constexpr uint32_t kSharedBytes = kBarriers + 2 * kStages * sizeof(uint64_t);
  static_assert(kStages >= 3 && kBarriers % sizeof(uint64_t) == 0 && kSharedBytes <= kHopperSharedBytes, "fits");
  // Barrier 0 is for all threads, barriers 2 and 3 are for one warpgroup.
  VC_DEVICE static void sync() { named_barrier_sync(1, kThreads); }
};

// The maps have three axes: those of a matrix are K, rows and the batch, or rows, K and the batch if it is stored along
// its rows. Those of the weights of windows are channels, taps and columns. Out is T, or float for partial sums.
template <typename T, typename Out = T>
struct PipelineArguments {
  TensorMap a, b;
  Destination<Out> out;
  InputScale<T> input_scale;
  ClipSums sums;
  int tiles, tiles_m, tiles_n;
  int channels, taps;
  // A batch of products, whose channels are split into parts of a whole number of steps. The outputs of a product are
  // out_batch apart. An operand that all products share has a batch of one.
  int batch, split_channels;
  bool batched_a, batched_b;
  int64_t out_batch;
  // For windows: taps along W and H, the grid of the rows, and the distance and the beginning of the windows.
  bool windows;
  FastDivmod taps_w, taps_h, row_w, row_h, row_t;
  int step[3], low[3];  // along W, H and T
};

// The place of a block in its ring of stages.
template <int kStages>
struct Ring {
  uint32_t slot = 0, parity = 0;
  VC_DEVICE void advance() {
    if (++slot < kStages) return;
    slot = 0;
    parity ^= 1;
  }
};

// The sums of a warpgroup: 64 rows. kLinesA, kLinesB: the operand is stored along its rows.
template <typename T, class Tile, bool kLinesA, bool kLinesB>
class Warpgroup {
 public:
  VC_DEVICE int first_row() const { return warp_id() / 4 * 64; }

  // Starts to add the products of the first `depth` values of each row of a stage. They are in flight until finish().
  VC_DEVICE void accumulate(Shared<T> stage, int depth) {
    switch ((depth + 15) / 16) {
      case 1:
        return multiply_groups<1>(stage);
      case 2:
        return multiply_groups<2>(stage);
      case 3:
        return multiply_groups<3>(stage);
      default:
        return multiply_groups<4>(stage);
    }
  }

  VC_DEVICE void finish() { wgmma_wait<0>(sums_); }

  VC_DEVICE void clear() {
#pragma unroll
    for (int i = 0; i < kSums; ++i) sums_[i] = 0;
  }

  VC_DEVICE void stage(Shared<float> staged) const {
    const int row = warp_id() * 16 + lane_id() / 4, column = lane_id() % 4 * 2;
#pragma unroll
    for (int i = 0; i < kSums; i += 2) {
      const Packed<float, 2> pair = {{wgmma_sum(sums_[i]), wgmma_sum(sums_[i + 1])}};
      staged.store_packed<2>(staged_at<Tile>(row + i / 2 % 2 * 8, column + i / 4 * 8), pair);
    }
  }

 private:
  // The number of wgmma between a fence and a commit is a constant: otherwise ptxas adds a fence before each of them.
  template <int kGroups>
  VC_DEVICE void multiply_groups(Shared<T> stage) {
    wgmma_fence(sums_);
#pragma unroll
    for (int k = 0; k < kGroups * 16; k += 16) multiply(stage, k);
    wgmma_commit();
  }
  VC_DEVICE void multiply(Shared<T> stage, int k) {
    const auto moved = [&](bool lines) { return static_cast<uint32_t>(k) * (lines ? kRowBytes : sizeof(T)); };
    const uint32_t a = static_cast<uint32_t>(first_row()) * kRowBytes + moved(kLinesA);
    const uint32_t b = Tile::kM * kRowBytes + moved(kLinesB);
    wgmma<T, kLinesA, kLinesB>(sums_, wgmma_operand(stage, a), wgmma_operand(stage, b, kBlockBytes));
  }

  static constexpr int kSums = Tile::kN / 2;
  float sums_[kSums];
};

// What one tile covers.
struct TilePlace {
  TileRows rows;
  int n0, product, split;
  int channel, channel_end;
};

template <class Features, class Tile, class Arguments>
VC_DEVICE TilePlace place_of(const Arguments& p, int tile) {
  TilePlace place = {};
  place.n0 = tile % p.tiles_n * Tile::kN;
  int rest = tile / p.tiles_n;
  const int m_tile = rest % p.tiles_m;
  rest /= p.tiles_m;
  place.product = rest % p.batch, place.split = rest / p.batch;
  place.channel = place.split * p.split_channels;
  place.channel_end = place.channel + min(p.split_channels, p.channels - place.channel);
  place.rows = rows_of_tile<Features, Tile>(m_tile, p.out.rows, p.sums);
  return place;
}

// Copies rows first to first + kRows - 1 of a matrix.
template <int kRows, bool kLines, typename T>
VC_DEVICE void copy_rows(Shared<T> stages, uint32_t to, const TensorMap& map, int channel, int first, int product,
                         Mbarriers full, uint32_t slot) {
  if constexpr (kLines) {
    static_assert(kRows % 64 == 0, "whole blocks of rows");
#pragma unroll
    for (int block = 0; block < kRows; block += 64) {
      copy_box(stages, to + static_cast<uint32_t>(block * kStep<T>), map, first + block, channel, product, full, slot);
    }
  } else {
    copy_box(stages, to, map, channel, first, product, full, slot);
  }
}

// Issues the copies of all tiles of the block, on one thread.
template <class Features, class Tile, bool kLinesA, bool kLinesB, typename T, typename Out>
VC_DEVICE void produce(const PipelineArguments<T, Out>& p, Shared<T> stages, Mbarriers full, Mbarriers empty) {
  constexpr uint32_t kStageElements = Tile::kStageBytes / sizeof(T);
  Ring<Tile::kStages> ring;
  for (int tile = static_cast<int>(blockIdx.x); tile < p.tiles; tile += static_cast<int>(gridDim.x)) {
    const TilePlace place = place_of<Features, Tile>(p, tile);
    int at[5] = {};
    if (p.windows) {
      at[4] = p.row_t.divide(p.row_h.divide(p.row_w.divide(place.rows.first, &at[1]), &at[2]), &at[3]);
      for (int i = 0; i < 3; ++i) at[1 + i] = at[1 + i] * p.step[i] - p.low[i];
    }
    for (int tap = 0; tap < p.taps; ++tap) {
      int offsets[3] = {};
      offsets[2] = p.taps_h.divide(p.taps_w.divide(tap, &offsets[0]), &offsets[1]);
      for (int channel = place.channel; channel < place.channel_end; channel += kStep<T>) {
        mbarrier_wait(empty, ring.slot, ring.parity ^ 1);  // the first round passes at once
        mbarrier_arrive_expect(full, ring.slot, Tile::kStageBytes);
        const uint32_t a = ring.slot * kStageElements, b = a + Tile::kM * kStep<T>;
        if (p.windows) {
          at[0] = channel;
          copy_windows(stages, a, p.a, at, offsets, full, ring.slot);
          copy_box(stages, b, p.b, channel, tap, place.n0, full, ring.slot);
        } else {
          copy_rows<Tile::kM, kLinesA>(stages, a, p.a, channel, place.rows.first, p.batched_a ? place.product : 0, full,
                                       ring.slot);
          copy_rows<Tile::kN, kLinesB>(stages, b, p.b, channel, place.n0, p.batched_b ? place.product : 0, full,
                                       ring.slot);
        }
        ring.advance();
      }
    }
  }
}

// Multiplies the rows of a warpgroup in a stage by their factors. The copy engine wrote them, and wgmma reads them.
template <class Tile, typename T>
VC_DEVICE void scale_rows(Shared<T> stage, const InputScale<T>& by, int group, int first, int end, int channel,
                          int channels) {
  constexpr int kChunk = 8, kChunks = kStep<T> / kChunk, kGroupThreads = 128;
  const int thread = static_cast<int>(threadIdx.x) % kGroupThreads, column = thread % kChunks * kChunk;
#pragma unroll 2
  for (int i = thread / kChunks; i < 64; i += kGroupThreads / kChunks) {
    const int r = group * 64 + i;
    if (first + r >= end || channel + column >= channels) continue;
    const uint32_t at = tile_at<T>(r, column, r % 8);
    const auto factors = static_cast<size_t>(by.clip_rows.divide(first + r) * by.stride + channel + column);
    Packed<T, kChunk> x = stage.template load_packed<kChunk>(at);
    const Packed<T, kChunk> factor = by.factors.template load_packed<kChunk>(factors);
#pragma unroll
    for (int e = 0; e < kChunk; ++e) x[e] = from_float<T>(to_float(x[e]) * to_float(factor[e]));
    stage.template store_packed<kChunk>(at, x);
  }
  fence_proxy_async();
  named_barrier_sync(2 + group, kGroupThreads);
}

template <class Features, class Tile, bool kLinesA, bool kLinesB, typename T, typename Out>
VC_DEVICE void consume(const PipelineArguments<T, Out>& p, Shared<T> stages, Mbarriers full, Mbarriers empty) {
  constexpr uint32_t kStageElements = Tile::kStageBytes / sizeof(T);
  const int group = warp_id() / 4;
  Ring<Tile::kStages> ring;
  for (int tile = static_cast<int>(blockIdx.x); tile < p.tiles; tile += static_cast<int>(gridDim.x)) {
    const TilePlace place = place_of<Features, Tile>(p, tile);
    Warpgroup<T, Tile, kLinesA, kLinesB> math;
    math.clear();
    int before = -1;  // the stage whose products may be in flight
    const auto release = [&] {
      if (before >= 0 && lane_id() == 0) mbarrier_arrive(empty, static_cast<uint32_t>(before));
    };
    for (int tap = 0; tap < p.taps; ++tap) {
      for (int channel = place.channel; channel < place.channel_end; channel += kStep<T>) {
        mbarrier_wait(full, ring.slot, ring.parity);
        const Shared<T> stage = stages.offset(ring.slot * kStageElements);
        if constexpr (Features::kScaled) {
          if (p.input_scale.factors) {
            scale_rows<Tile>(stage, p.input_scale, group, place.rows.first, place.rows.end, channel, p.channels);
          }
        }
        math.accumulate(stage, min(kStep<T>, p.channels - channel));
        wgmma_wait<1>();
        release();
        before = static_cast<int>(ring.slot);
        ring.advance();
      }
    }
    math.finish();
    sync_warp();
    release();
    Destination<Out> out = p.out;
    out.data[0] = out.data[0].offset(static_cast<size_t>((place.split * p.batch + place.product) * p.out_batch));
    finish<Tile, Features::kUnary, Features::kSums>(math, out, p.sums, place.rows, place.n0, 0);
    Tile::sync();  // the outputs of the next tile take their place
  }
}

template <class Features, class Tile, bool kLinesA, bool kLinesB, typename T, typename Out>
__global__ void __launch_bounds__(Tile::kBlockThreads, 1)
    pipeline_kernel(const __grid_constant__ PipelineArguments<T, Out> p) {
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
  const Shared<T> stages = shared_array<T>(0, Tile::kStages * Tile::kStageBytes / sizeof(T));
  const Mbarriers full = shared_array<uint64_t>(Tile::kBarriers, Tile::kStages);
  const Mbarriers empty = shared_array<uint64_t>(Tile::kBarriers + Tile::kStages * 8, Tile::kStages);
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < Tile::kStages; ++i) {
      mbarrier_init(full, i, 1);
      mbarrier_init(empty, i, Tile::kThreads / kWarpSize);
    }
    fence_proxy_async();
  }
  sync_threads();
  // The shuffle tells the compiler that the branch is uniform, which wgmma needs.
  if (shuffle(warp_id(), 0) == Tile::kThreads / kWarpSize) {
    if (lane_id() == 0) produce<Features, Tile, kLinesA, kLinesB>(p, stages, full, empty);
  } else {
    consume<Features, Tile, kLinesA, kLinesB>(p, stages, full, empty);
  }
#else
  wgmma_missing();
#endif
}

// Encodes the map of A. Returns false where the copy engine does not support the operand.
template <typename T>
bool map_rows(const Matrix<T>& a, int pixels, PipelineArguments<T>* p) {
  p->channels = a.columns, p->taps = 1;
  const int64_t rows = a.rows, stride = a.stride;
  return bool(encode_tiled<3, T>(&p->a, a.data, {a.columns, rows, 1}, {1, stride, stride}, {kBoxValues, pixels, 1}));
}

template <typename T>
bool map_rows(const Windows<T>& a, int pixels, PipelineArguments<T>* p) {
  const int taps[] = {a.kernel[2], a.kernel[1], a.kernel[0]};
  const int grid[] = {a.row_w.divisor(), a.row_h.divisor(), a.row_t.divisor()};
  const int64_t clips = a.rows / (int64_t{grid[0]} * grid[1] * grid[2]);
  WindowMap map = {{a.channels.divisor(), a.size[2], a.size[1], a.size[0], clips},
                   {1, a.stride[3], a.stride[2], a.stride[1], a.stride[0]},
                   {a.step[2], a.step[1], a.step[0]},
                   {},
                   {},
                   pixels};
  for (int i = 0; i < 3; ++i) {
    p->step[i] = map.step[i], p->low[i] = a.low[2 - i];
    map.lower[i] = -a.low[2 - i];
    map.upper[i] = (grid[i] - 1) * map.step[i] - a.low[2 - i] - static_cast<int>(map.sizes[1 + i] - 1);
  }
  if (!map.valid() || taps[0] > 16 || taps[1] > 16 || taps[2] > 16) return false;
  p->windows = true;
  p->channels = a.channels.divisor(), p->taps = taps[0] * taps[1] * taps[2];
  p->taps_w = a.taps_w, p->taps_h = a.taps_h;
  p->row_w = a.row_w, p->row_h = a.row_h, p->row_t = a.row_t;
  return bool(encode_windows(&p->a, a.data, map));
}

// Launches the kernel for tiles_m x tiles_n tiles of each product and part. Returns false for too many tiles.
template <class Features, class Tile, bool kLinesA, bool kLinesB, typename T, typename Out>
bool start_pipeline(PipelineArguments<T, Out>& p, int64_t tiles_m, int splits, const Call& call, Status* status) {
  p.tiles_n = (p.out.columns + Tile::kN - 1) / Tile::kN;
  const int64_t most = 0x7fffffff - call.gpu.multiprocessors, tiles = tiles_m * p.tiles_n;
  if (tiles > most / (int64_t{p.batch} * splits)) return false;
  p.tiles_m = static_cast<int>(tiles_m);
  p.tiles = static_cast<int>(tiles) * p.batch * splits;
  *status = launch<pipeline_kernel<Features, Tile, kLinesA, kLinesB, T, Out>>(
      Grid{min(p.tiles, call.gpu.multiprocessors)}, Tile::kBlockThreads, Tile::kSharedBytes, call.stream, p);
  return true;
}

// Runs the product on a Hopper GPU. Returns false, and does nothing, where this kernel does not support it.
template <class Features, class Tile, typename T, class Arguments>
bool pipeline(const Arguments& from, const Call& call, Status* status) {
  using Shape = PipelineTile<Tile::kM, Tile::kN>;
  PipelineArguments<T> p = {};
  if (!call.gpu.hopper || from.groups != 1 || from.b.columns == 0) return false;
  if (!map_rows(from.a, Shape::kM, &p)) return false;
  const int64_t channels = p.channels, taps = p.taps;
  const Status mapped = p.windows ? encode_tiled<3, T>(&p.b, from.b.data, {channels, taps, from.b.rows},
                                                       {1, channels, from.b.stride}, {kBoxValues, 1, Shape::kN})
                                  : encode_tiled<3, T>(&p.b, from.b.data, {channels, from.b.rows, 1},
                                                       {1, from.b.stride, from.b.stride}, {kBoxValues, Shape::kN, 1});
  if (!mapped) return false;
  p.out = from.out, p.input_scale = from.input_scale, p.sums = from.sums;
  p.batch = 1, p.split_channels = p.channels;
  const int64_t tiles_m = row_tiles<Features, Shape>(p.out.rows, &p.sums);
  return start_pipeline<Features, Shape, false, false>(p, tiles_m, 1, call, status);
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
