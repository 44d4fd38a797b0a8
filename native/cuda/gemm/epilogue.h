#pragma once
// The epilogue of a matrix product: reads the f32 tile from shared memory, adds bias and residual, applies the
// activation, rounds, and stores each column to the output it belongs to. Whole rows of the tile are stored, V channels
// per thread. The epilogue can also sum each column over parts of the tile's rows.
#include "cuda/elementwise/activation.h"
#include "cuda/gemm/math.h"
#include "cuda/primitives/sync.h"
#include "cuda/primitives/vector_access.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// The kernels that an op is compiled for. kScaled: factors of A may be given. kUnary: all activations are inlined;
// otherwise all but ReLU are function calls. kEveryWidth: 16-bit storage is also copied by 8 and 4 bytes, for layers
// whose channels are often not a multiple of 8. kSums: the outputs are summed over the positions of a clip.
template <bool kScaled_, bool kUnary_, bool kEveryWidth_, bool kSums_ = false>
struct Features {
  static constexpr bool kScaled = kScaled_, kUnary = kUnary_, kEveryWidth = kEveryWidth_, kSums = kSums_;
};

constexpr int kMaxOutputs = 4;  // outputs per launch

template <typename T>
struct Destination {
  Global<T> data[kMaxOutputs];
  int64_t stride[kMaxOutputs];
  int first[kMaxOutputs];  // first column of each output; absent outputs begin beyond the last column
  Global<const float> bias;
  Global<const T> residual;
  int64_t residual_stride;
  Global<const float> residual_scale;  // one factor per column, for linear layers; optional
  int rows, columns;                   // columns of one group
  int activation;
  int vector;  // elements that one access may store
};

// Sums of the f32 outputs over parts of kPartRows positions of a clip: [clips][parts][channels]. Tiles then begin where
// a clip begins, so that the sums of a clip do not depend on its neighbours in the batch.
constexpr int kPartRows = 64;  // the rows of every tile are a multiple of this

struct ClipSums {
  Global<float> data;
  int64_t channels;  // distance between parts
  int clip_rows, clip_tiles, parts;
};

// The rows of a block, and the clip and part they belong to.
struct TileRows {
  int first, end, clip, part;
};

// Tiles of kM rows that cover the outputs; with kSums each clip by itself, whose number of tiles is stored in `sums`.
template <class Features, class Tile>
int64_t row_tiles(int rows, ClipSums* sums) {
  const auto tiles = [](int n) { return (n + Tile::kM - 1) / Tile::kM; };
  if constexpr (!Features::kSums) return tiles(rows);
  sums->clip_tiles = tiles(sums->clip_rows);
  return int64_t{rows / sums->clip_rows} * sums->clip_tiles;
}

template <class Features, class Tile>
VC_DEVICE TileRows rows_of_tile(int tile, int rows, const ClipSums& sums) {
  if constexpr (!Features::kSums) return {tile * Tile::kM, rows, 0, 0};
  const int clip = tile / sums.clip_tiles, clip_tile = tile % sums.clip_tiles, begin = clip * sums.clip_rows;
  return {begin + clip_tile * Tile::kM, begin + sums.clip_rows, clip, clip_tile * (Tile::kM / kPartRows)};
}

// The sums of a block's threads, [part][half of a vector][thread]. The halves are 16 banks apart, so that neither the
// stores by threads nor the reads by columns cause bank conflicts.
template <class Tile, int V>
struct PartSums {
  static constexpr int kVectors = Tile::kN / V, kSlots = Tile::kThreads / kVectors;
  static constexpr int kValues = V < 4 ? V : 4, kPlanes = V / kValues;
  static constexpr int kUsed = kSlots * kVectors * kValues, kPlane = kUsed + (48 - kUsed % 32) % 32;
  static constexpr int kParts = Tile::kM / kPartRows;
  static constexpr uint32_t kOffset = Tile::kStaged + (Tile::kM + 1) * Tile::kN * sizeof(float);  // after the tile
  static constexpr uint32_t kCount = kParts * kPlanes * kPlane;
  static_assert(Tile::kM % kPartRows == 0, "whole parts");
  static_assert(kOffset + kCount * sizeof(float) <= Tile::kStaged + Tile::kStagedBytes, "enough shared memory");

  VC_DEVICE static uint32_t at(int part, int slot, int column) {
    const int plane = column % V / kValues;
    return static_cast<uint32_t>((part * kPlanes + plane) * kPlane + (slot * kVectors + column / V) * kValues +
                                 column % kValues);
  }

  VC_DEVICE static void store(int part, int slot, int column, const float (&sum)[V]) {
    const Shared<float> shared = shared_array<float>(kOffset, kCount);
#pragma unroll
    for (int i = 0; i < V; i += kValues) {
      if constexpr (kValues == 1) {
        shared.store(at(part, slot, column), sum[0]);
      } else {
        Packed<float, kValues> values;
#pragma unroll
        for (int e = 0; e < kValues; ++e) values[e] = sum[i + e];
        shared.template store_packed<kValues>(at(part, slot, column + i), values);
      }
    }
  }

  // Adds the slots in order; call it after a barrier. `n` is the first column of the tile among all channels.
  VC_DEVICE static void add(const ClipSums& sums, const TileRows& rows, int n, int columns) {
    const Shared<float> shared = shared_array<float>(kOffset, kCount);
    for (int i = static_cast<int>(threadIdx.x); i < kParts * Tile::kN; i += Tile::kThreads) {
      const int part = i / Tile::kN, column = i % Tile::kN;
      if (column >= columns || rows.part + part >= sums.parts) continue;
      float sum = 0;
      for (int slot = 0; slot < kSlots; ++slot) sum += shared.load(at(part, slot, column));
      const int64_t row = static_cast<int64_t>(rows.clip) * sums.parts + rows.part + part;
      sums.data.store(static_cast<size_t>(row * sums.channels + n + column), sum);
    }
  }
};

// Reads V staged values. Every second group of 4 lanes reads the second of its two chunks of 8 values first, so that 8
// lanes read from all 8 bank groups.
template <class Tile, int V>
VC_DEVICE void load_staged(Shared<float> staged, int row, int column, float (&v)[V]) {
  if constexpr (V == 8) {
    const bool flip = lane_id() / 4 % 2 != 0;
    const Packed<float, 4> one = staged.load_packed<4>(staged_at<Tile>(row, column + (flip ? 4 : 0)));
    const Packed<float, 4> two = staged.load_packed<4>(staged_at<Tile>(row, column + (flip ? 0 : 4)));
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      v[i] = flip ? two[i] : one[i];
      v[4 + i] = flip ? one[i] : two[i];
    }
  } else {
    const Packed<float, V> values = staged.load_packed<V>(staged_at<Tile>(row, column));
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = values[i];
  }
}

// Row Tile::kM of the staged tile holds the bias.
template <class Tile, bool kUnary, bool kSums, int V, typename T>
VC_DEVICE void store_tile(Shared<float> staged, const Destination<T>& p, const ClipSums& sums, const TileRows& rows,
                          int n0, int group) {
  constexpr int kVectors = Tile::kN / V, kPassRows = Tile::kThreads / kVectors;
  constexpr int kParts = kSums ? Tile::kM / kPartRows : 1, kRows = Tile::kM / kParts;
  static_assert(kPassRows > 0, "a row has fewer vectors than the block threads");
  const int first_row = static_cast<int>(threadIdx.x) / kVectors;
  const int column = static_cast<int>(threadIdx.x) % kVectors * V;
  const bool active = first_row < kPassRows && n0 + column < p.columns;
  if (!kSums && !active) return;

  if (active) {
    const int n = group * p.columns + n0 + column;
    Global<T> out = p.data[0];
    int64_t stride = p.stride[0];
    int begin = 0;
#pragma unroll
    for (int s = 1; s < kMaxOutputs; ++s) {
      if (n >= p.first[s]) out = p.data[s], stride = p.stride[s], begin = p.first[s];
    }
    float bias[V];
    load_staged<Tile>(staged, Tile::kM, column, bias);
    int row = first_row;
#pragma unroll 1
    for (int part = 0; part < kParts; ++part) {
      float sum[V] = {};
#pragma unroll 2
      for (; row < (part + 1) * kRows; row += kPassRows) {
        if (rows.first + row >= rows.end) break;
        const auto m = static_cast<size_t>(rows.first + row);
        float v[V];
        load_staged<Tile>(staged, row, column, v);
#pragma unroll
        for (int i = 0; i < V; ++i) v[i] += bias[i];
        if (p.residual) {
          float r[V];
          load_values(p.residual, m * static_cast<size_t>(p.residual_stride) + static_cast<size_t>(n), r);
          if (kUnary && p.residual_scale) {
#pragma unroll
            for (int i = 0; i < V; ++i) r[i] *= p.residual_scale.load(static_cast<size_t>(n + i));
          }
#pragma unroll
          for (int i = 0; i < V; ++i) v[i] += r[i];
        }
        if constexpr (kUnary) {
          activate_all(p.activation, v);
        } else if (p.activation == kRelu) {
          detail::activate_each<kRelu>(v);
        } else if (p.activation != kIdentity) {
#pragma unroll
          for (int i = 0; i < V; ++i) v[i] = activate_called(p.activation, v[i]);
        }
        store_values(out, m * static_cast<size_t>(stride) + static_cast<size_t>(n - begin), v);
        if constexpr (kSums) {
#pragma unroll
          for (int i = 0; i < V; ++i) sum[i] += v[i];
        }
      }
      if constexpr (kSums) PartSums<Tile, V>::store(part, first_row, column, sum);
    }
  }
  if constexpr (kSums) {
    Tile::sync();
    PartSums<Tile, V>::add(sums, rows, group * p.columns + n0, min(Tile::kN, p.columns - n0));
  }
}

// All threads that compute call this after the last read of the stages. With kUnary every activation is inlined;
// without it, all but ReLU are a function call. With kSums the columns are summed too.
template <class Tile, bool kUnary, bool kSums, typename T, class Math>
VC_DEVICE void finish(const Math& math, const Destination<T>& p, const ClipSums& sums, const TileRows& rows, int n0,
                      int group) {
  const Shared<float> staged = shared_array<float>(Tile::kStaged, (Tile::kM + 1) * Tile::kN);
  static_assert((Tile::kM + 1) * Tile::kN * sizeof(float) <= Tile::kStagedBytes, "enough shared memory");
  math.stage(staged);
  for (int i = static_cast<int>(threadIdx.x); i < Tile::kN; i += Tile::kThreads) {
    const bool some = p.bias && n0 + i < p.columns;
    staged.store(staged_at<Tile>(Tile::kM, i),
                 some ? p.bias.load(static_cast<size_t>(group * p.columns + n0 + i)) : 0.0f);
  }
  Tile::sync();
  constexpr int kMaxVector = 16 / static_cast<int>(sizeof(T));
  if (p.vector == kMaxVector) return store_tile<Tile, kUnary, kSums, kMaxVector>(staged, p, sums, rows, n0, group);
  // The code of all activations is long, and the number of features is almost always a multiple of 8.
  if constexpr (!kUnary) {
    if (kMaxVector > 4 && p.vector == 4) return store_tile<Tile, kUnary, kSums, 4>(staged, p, sums, rows, n0, group);
    if (p.vector == 2) return store_tile<Tile, kUnary, kSums, 2>(staged, p, sums, rows, n0, group);
  }
  store_tile<Tile, kUnary, kSums, 1>(staged, p, sums, rows, n0, group);
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
