#pragma once
// Products of a tile of 64 rows of A and 64 rows of B, over steps of 64 channels, f16 with f32 sums: what the later
// steps of the convolution and of the contrastive loss are made of. A block has 128 threads.
//
// A tile in shared memory has 64 rows of 64 channels, 128 bytes: a row covers all 32 banks once, so eight rows at the
// same channel lie in the same four banks. `kSwizzle` spreads them: the 16-byte chunk c of row r is stored at place
// c xor (r mod 8).
#include "cuda/primitives/async_copy.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/mma.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace ladder {

constexpr int kTile = 64, kThreads = 128;
constexpr uint32_t kTileElements = kTile * kTile;

template <bool kSwizzle>
VC_DEVICE uint32_t tile_at(int row, int chunk) {
  return static_cast<uint32_t>(row * kTile + (kSwizzle ? chunk ^ row % 8 : chunk) * 8);
}

// Copies 64 rows of 64 channels. row_at(r) is the element where row r begins, or -1 for a row of zeros. Neighbouring
// threads copy neighbouring 16 bytes. With `kAsync`, cp.async copies past the registers, and the caller waits.
template <bool kSwizzle, bool kAsync, class RowAt>
VC_DEVICE void load_tile(Shared<f16> tile, Global<const f16> from, const RowAt& row_at) {
  const int chunk = static_cast<int>(threadIdx.x) % 8;
#pragma unroll
  for (int row = static_cast<int>(threadIdx.x) / 8; row < kTile; row += kThreads / 8) {
    const int64_t first = row_at(row);
    const bool valid = first >= 0;
    const auto at = static_cast<size_t>(valid ? first + chunk * 8 : 0);
    if constexpr (kAsync) {
      cp_async_16(tile, tile_at<kSwizzle>(row, chunk), from, at, valid);
    } else {
      tile.store_packed<8>(tile_at<kSwizzle>(row, chunk), from.load_packed_or_zero<8>(at, valid));
    }
  }
}

// The sums of one thread, on tensor cores: 2 x 4 fragments of 16 x 8 numbers. A warp has 32 x 32 of the tile.
struct TensorCoreSums {
  float v[2][4][4] = {};

  // Adds the products of 64 channels.
  template <bool kSwizzle>
  VC_DEVICE void add(Shared<f16> a, Shared<f16> b) {
    const int lane = lane_id(), row = warp_id() / 2 * 32, column = warp_id() % 2 * 32;
#pragma unroll
    for (int chunk = 0; chunk < 8; chunk += 2) {  // 16 channels
      uint32_t x[2][4], w[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        ldmatrix_x4(x[i], a, tile_at<kSwizzle>(row + i * 16 + lane % 16, chunk + lane / 16));
        ldmatrix_x4(w[i], b, tile_at<kSwizzle>(column + i * 16 + lane / 16 * 8 + lane % 8, chunk + lane / 8 % 2));
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) mma_m16n8k16<f16>(v[i][j], x[i], w[j / 2] + j % 2 * 2);
      }
    }
  }

  // f(row, column, first, second) for each pair of neighbouring columns.
  template <class F>
  VC_DEVICE void for_pairs(const F& f) const {
    const int lane = lane_id(), row = warp_id() / 2 * 32 + lane / 4, column = warp_id() % 2 * 32 + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        f(row + i * 16, column + j * 8, v[i][j][0], v[i][j][1]);
        f(row + i * 16 + 8, column + j * 8, v[i][j][2], v[i][j][3]);
      }
    }
  }
};

// The whole product. load(step, a, b) copies both tiles of a step with the same kSwizzle, and with kAsync where there
// is more than one stage. Several stages let the tensor cores work on one step while the next ones arrive.
template <bool kSwizzle, int kStages, class Load>
VC_DEVICE void multiply(int steps, const Load& load, TensorCoreSums* sums) {
  const Shared<f16> memory = shared_array<f16>(0, kStages * 2 * kTileElements);
  const auto stage = [&](int step) { return memory.offset(static_cast<uint32_t>(step % kStages) * 2 * kTileElements); };
  if constexpr (kStages == 1) {
    for (int step = 0; step < steps; ++step) {
      sync_threads();  // all threads have read the tiles of the step before
      load(step, memory, memory.offset(kTileElements));
      sync_threads();
      sums->add<kSwizzle>(memory, memory.offset(kTileElements));
    }
  } else {
    const auto start = [&](int step) {
      if (step < steps) load(step, stage(step), stage(step).offset(kTileElements));
      cp_async_commit();  // an empty group counts too
    };
#pragma unroll
    for (int step = 0; step < kStages - 1; ++step) start(step);
    for (int step = 0; step < steps; ++step) {
      cp_async_wait<kStages - 2>();
      sync_threads();  // this step has arrived, and all threads are done with the stage that is filled next
      start(step + kStages - 1);
      sums->add<kSwizzle>(stage(step), stage(step).offset(kTileElements));
    }
    cp_async_wait<0>();
  }
  sync_threads();
}

// The same product without tensor cores: 4 x 8 sums a thread by FMA, so that 12 loads from shared memory serve 64 FMA.
// Rows have 72 elements, which spreads eight rows over all banks.
constexpr uint32_t kPaddedRow = 72, kPaddedElements = kTile * kPaddedRow;

struct FmaSums {
  float v[4][8] = {};

  VC_DEVICE static int row(int i) { return i * 16 + static_cast<int>(threadIdx.x) / 8; }
  VC_DEVICE static int column(int j) { return j * 8 + static_cast<int>(threadIdx.x) % 8; }

  VC_DEVICE void add(Shared<f16> a, Shared<f16> b) {
#pragma unroll 4
    for (uint32_t k = 0; k < kTile; k += 2) {
      Packed<f16, 2> x[4], w[8];
#pragma unroll
      for (int i = 0; i < 4; ++i) x[i] = a.load_packed<2>(static_cast<uint32_t>(row(i)) * kPaddedRow + k);
#pragma unroll
      for (int j = 0; j < 8; ++j) w[j] = b.load_packed<2>(static_cast<uint32_t>(column(j)) * kPaddedRow + k);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          v[i][j] = fma(to_float(x[i][0]), to_float(w[j][0]), v[i][j]);
          v[i][j] = fma(to_float(x[i][1]), to_float(w[j][1]), v[i][j]);
        }
      }
    }
  }
};

template <class RowAt>
VC_DEVICE void load_padded(Shared<f16> tile, Global<const f16> from, const RowAt& row_at) {
  const int chunk = static_cast<int>(threadIdx.x) % 8;
#pragma unroll
  for (int row = static_cast<int>(threadIdx.x) / 8; row < kTile; row += kThreads / 8) {
    const int64_t first = row_at(row);
    const auto at = static_cast<size_t>(first >= 0 ? first + chunk * 8 : 0);
    tile.store_packed<8>(static_cast<uint32_t>(row) * kPaddedRow + static_cast<uint32_t>(chunk) * 8,
                         from.load_packed_or_zero<8>(at, first >= 0));
  }
}

// load(step, a, b) copies both tiles with load_padded.
template <class Load>
VC_DEVICE void multiply_by_fma(int steps, const Load& load, FmaSums* sums) {
  const Shared<f16> memory = shared_array<f16>(0, 2 * kPaddedElements);
  for (int step = 0; step < steps; ++step) {
    sync_threads();
    load(step, memory, memory.offset(kPaddedElements));
    sync_threads();
    sums->add(memory, memory.offset(kPaddedElements));
  }
}

}  // namespace ladder
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
