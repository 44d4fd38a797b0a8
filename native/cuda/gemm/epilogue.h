#pragma once
// From the f32 tile in shared memory to the outputs: bias, residual, activation, rounding, and the channel range of the
// output that a column belongs to. Whole rows of a tile are stored, V channels a thread.
#include "cuda/activation.h"
#include "cuda/gemm/math.h"
#include "cuda/primitives/sync.h"
#include "cuda/vector_access.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

constexpr int kMostOutputs = 4;  // of one launch

template <typename T>
struct Destination {
  Global<T> data[kMostOutputs];
  int64_t stride[kMostOutputs];
  int first[kMostOutputs];  // column; beyond all columns for absent outputs
  Global<const float> bias;
  Global<const T> residual;
  int64_t residual_stride;
  Global<const float> residual_scale;  // per column, of linear layers; may be absent
  int rows, columns;                   // columns of one group
  int activation;
  int vector;  // elements that may be stored at once
};

// V staged values. Of the two chunks of 8 values every other group of 4 lanes takes the second first: 8 lanes then read
// all 8 bank groups.
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
template <class Tile, bool kUnary, int V, typename T>
VC_DEVICE void store_tile(Shared<float> staged, const Destination<T>& p, int m0, int n0, int group) {
  constexpr int kVectors = Tile::kN / V, kPassRows = Tile::kThreads / kVectors;
  static_assert(kPassRows > 0, "a row has fewer vectors than the block threads");
  const int first_row = static_cast<int>(threadIdx.x) / kVectors;
  const int column = static_cast<int>(threadIdx.x) % kVectors * V;
  if (first_row >= kPassRows || n0 + column >= p.columns) return;

  const int n = group * p.columns + n0 + column;
  Global<T> out = p.data[0];
  int64_t stride = p.stride[0];
  int begin = 0;
#pragma unroll
  for (int s = 1; s < kMostOutputs; ++s) {
    if (n >= p.first[s]) out = p.data[s], stride = p.stride[s], begin = p.first[s];
  }
  float bias[V];
  load_staged<Tile>(staged, Tile::kM, column, bias);
#pragma unroll 2
  for (int row = first_row; row < Tile::kM; row += kPassRows) {
    if (m0 + row >= p.rows) break;
    const auto m = static_cast<size_t>(m0 + row);
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
#pragma unroll
      for (int i = 0; i < V; ++i) v[i] = relu(v[i]);
    }
    store_values(out, m * static_cast<size_t>(stride) + static_cast<size_t>(n - begin), v);
  }
}

// All threads, after the last read of the stages. kUnary: any activation of activation.h, else none or ReLU.
template <class Tile, bool kUnary, typename T, class Math>
VC_DEVICE void finish(const Math& math, const Destination<T>& p, int m0, int n0, int group) {
  const Shared<float> staged = shared_array<float>(0, (Tile::kM + 1) * Tile::kN);
  static_assert((Tile::kM + 1) * Tile::kN * sizeof(float) <= Tile::kStages * Tile::kStageBytes,
                "in place of the stages");
  math.stage(staged);
  for (int i = static_cast<int>(threadIdx.x); i < Tile::kN; i += Tile::kThreads) {
    const bool some = p.bias && n0 + i < p.columns;
    staged.store(staged_at<Tile>(Tile::kM, i),
                 some ? p.bias.load(static_cast<size_t>(group * p.columns + n0 + i)) : 0.0f);
  }
  sync_threads();
  constexpr int kMost = 16 / static_cast<int>(sizeof(T));
  if (p.vector == kMost) return store_tile<Tile, kUnary, kMost>(staged, p, m0, n0, group);
  if constexpr (!kUnary) {  // the code of all activations is long, and features are rarely no multiple of 8
    if (kMost > 4 && p.vector == 4) return store_tile<Tile, kUnary, 4>(staged, p, m0, n0, group);
    if (p.vector == 2) return store_tile<Tile, kUnary, 2>(staged, p, m0, n0, group);
  }
  store_tile<Tile, kUnary, 1>(staged, p, m0, n0, group);
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
