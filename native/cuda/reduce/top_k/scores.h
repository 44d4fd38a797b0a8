#pragma once
// The score of a query and a row, f32: each lane sums its own 16-byte chunks of the row by FMA, and warp_sum's tree
// adds the lanes. The bits depend on the query and the row alone, not on the kernel or on the other scores.
#include "cuda/primitives/math.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace top_k_op {

template <typename T>
constexpr int kChunk = 16 / static_cast<int>(sizeof(T));

// Queries are stored as floats, in the order in which a warp reads them for the chunks of a row: 4 floats of each lane,
// then the next 4 of each. `chunk` is kChunk of the rows.
VC_DEVICE size_t place_of(int channel, int chunk) {
  const int block = channel / (chunk * kWarpSize) * (chunk * kWarpSize), lane = channel / chunk % kWarpSize;
  return static_cast<size_t>(block + channel % chunk / 4 * 4 * kWarpSize + lane * 4 + channel % 4);
}

// A lane's chunk of a row from channel c on; zero beyond the last. V: values that one load may have.
template <int V, typename T>
VC_DEVICE void load_chunk(Global<const T> row, size_t from, int c, int depth, float (&x)[kChunk<T>]) {
#pragma unroll
  for (int i = 0; i < kChunk<T>; i += V) {
    float part[V] = {};
    if (c + i < depth) load_values(row, from + static_cast<size_t>(i), part);
#pragma unroll
    for (int e = 0; e < V; ++e) x[i + e] = part[e];
  }
}

// Sums kCount values over the lanes. After the last halving, lane l has the sum of value l kCount / 32.
template <int kCount>
VC_DEVICE float sum_each(float (&v)[kCount]) {
  int count = kCount;
#pragma unroll
  for (int d = kWarpSize / 2; d > 0; d /= 2) {
    if (count == 1) {
      v[0] += shuffle_xor(v[0], d);
      continue;
    }
    count /= 2;
    const bool upper = (lane_id() & d) != 0;
#pragma unroll
    for (int i = 0; i < kCount / 2; ++i) {
      if (i >= count) break;
      const float kept = upper ? v[i + count] : v[i], sent = upper ? v[i] : v[i + count];
      v[i] = kept + shuffle_xor(sent, d);
    }
  }
  return v[0];
}

// The scores of kCount pairs of a query and a row; lane l has that of pair l kCount / 32.
template <int V, int kCount, typename T>
VC_DEVICE float score_pairs(const Global<const float> (&queries)[kCount], const Global<const T> (&rows)[kCount],
                            int depth) {
  float sums[kCount] = {};
  for (int c = lane_id() * kChunk<T>; c < depth; c += kWarpSize * kChunk<T>) {
    float x[kCount][kChunk<T>];
#pragma unroll
    for (int j = 0; j < kCount; ++j) load_chunk<V>(rows[j], static_cast<size_t>(c), c, depth, x[j]);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
#pragma unroll
      for (int i = 0; i < kChunk<T>; i += 4) {
        const Packed<float, 4> y = queries[j].template load_packed<4>(place_of(c + i, kChunk<T>));
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[j] = fma(x[j][i + e], y[e], sums[j]);
      }
    }
  }
  return sum_each(sums);
}

}  // namespace top_k_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
