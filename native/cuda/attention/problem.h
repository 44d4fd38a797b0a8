#pragma once
// The arguments of both attention kernels, and the keys that a query attends to.
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention {

constexpr int64_t kMaxChannels = 1 << 24;

// [N, S, heads x size], with any stride between batch rows and between positions.
template <typename T>
struct Sequence {
  Global<T> data;
  int64_t batch;
  int position;  // stride between positions; at most kMaxChannels, so that offsets in a tile fit 32 bits

  VC_DEVICE Global<T> head(int n, int channel, int first) const {
    return data.offset(static_cast<size_t>(n * batch + int64_t{first} * position + channel));
  }
};

template <typename T>
Sequence<T> sequence(const Tensor& t) {
  return {global<T>(t), t.strides[0], static_cast<int>(t.strides[1])};
}

template <typename T>
struct Arguments {
  Sequence<T> y;
  Sequence<const T> q, k, v;
  Global<const uint8_t> mask_u8;  // one of the two is set, or neither
  Global<const float> mask_f32;
  int64_t mask_batch, mask_key;
  int queries, keys, heads, size;
  int query_tiles, channel_chunks;  // channel_chunks: of v and y, in the plain kernel
  bool causal;
  bool negative;  // the sign of the scale
  float scale;    // its absolute value times log2 e: weights are 2^(scale score - max_shift)
};

// The part of the problem that a block has. Blocks of one head are neighbours, so that its k and v come from L2.
struct Place {
  int n, head, query;
};

template <typename T>
VC_DEVICE Place locate(const Arguments<T>& p, int block, int tile_queries) {
  const int head = block / p.query_tiles;
  return {head / p.heads, head % p.heads, block % p.query_tiles * tile_queries};
}

// The number of keys up to the last one that `query` may attend to.
template <typename T>
VC_DEVICE int attended_keys(const Arguments<T>& p, int query) {
  return p.causal ? max(0, min(p.keys, query + p.keys - p.queries + 1)) : p.keys;
}

// Raw mask bits; returned unconverted so that the load can stay in flight.
template <typename T>
VC_DEVICE uint32_t mask_bits(const Arguments<T>& p, int n, int key) {
  if (key >= p.keys) return 0;
  const auto at = static_cast<size_t>(n * p.mask_batch + key * p.mask_key);
  if (p.mask_u8) return p.mask_u8.load(at);
  if (p.mask_f32) return float_to_bits(p.mask_f32.load(at));
  return 1;
}

// -0.0 counts as zero.
VC_DEVICE bool is_valid(uint32_t mask_bits) { return mask_bits << 1 != 0; }

constexpr float kMinusInfinity = -__builtin_huge_valf();

// The row max (scaled), and this lane's part of the sum of weights of one row.
struct RowState {
  float row_max = kMinusInfinity, sum = 0;

  // Takes in the max of further scores. Returns the factor for the row's earlier sums, and the max shift of the new
  // weights. If the row has no valid score yet, the shift is 0, so that weights are 2^-inf = 0.
  VC_DEVICE float raise(float scaled_max, float* max_shift) {
    const float before = row_max;
    row_max = max(before, scaled_max);
    *max_shift = row_max == kMinusInfinity ? 0.0f : row_max;
    const float factor = exp2_approx(before - *max_shift);
    sum *= factor;
    return factor;
  }
};

// The factor for finished rows. Rows that attend to no key stay zero.
VC_DEVICE float inverse(float sum) { return sum == 0 ? 0.0f : 1.0f / sum; }

}  // namespace attention
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
