#pragma once
// What both attention kernels take, and which keys a query sees.
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention {

constexpr int64_t kMostChannels = 1 << 24;

// [N, S, heads x size], any distance between batch rows and between positions.
template <typename T>
struct Sequence {
  Global<T> data;
  int64_t batch;
  int position;  // up to kMostChannels, so that offsets in a tile fit 32 bits

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
  Global<const uint8_t> mask_u8;  // one of them, or neither
  Global<const float> mask_f32;
  int64_t mask_batch, mask_key;
  int queries, keys, heads, size;
  int query_tiles, slices;  // slices: of the channels of v and y, for the plain kernel
  bool causal;
  bool negative;  // the sign of the scale
  float scale;    // its size, times log2 e: weights are 2^(scale score - shift)
};

// Where a block stands in the grid; blocks of one head are neighbours, so that its k and v come from L2.
struct Place {
  int n, head, query;
};

template <typename T>
VC_DEVICE Place place_of(const Arguments<T>& p, int block, int tile_queries) {
  const int head = block / p.query_tiles;
  return {head / p.heads, head % p.heads, block % p.query_tiles * tile_queries};
}

// Keys behind the last one that `query` may see.
template <typename T>
VC_DEVICE int visible_keys(const Arguments<T>& p, int query) {
  return p.causal ? max(0, min(p.keys, query + p.keys - p.queries + 1)) : p.keys;
}

// What the mask holds for a key, as bits that nothing has been done with: a load that need not be waited for yet.
template <typename T>
VC_DEVICE uint32_t mask_bits(const Arguments<T>& p, int n, int key) {
  if (key >= p.keys) return 0;
  const auto at = static_cast<size_t>(n * p.mask_batch + key * p.mask_key);
  if (p.mask_u8) return p.mask_u8.load(at);
  if (p.mask_f32) return float_to_bits(p.mask_f32.load(at));
  return 1;
}

// The sign is of no account: -0 is 0.
VC_DEVICE bool counts(uint32_t mask_bits) { return mask_bits << 1 != 0; }

constexpr float kNone = -__builtin_huge_valf();

// Maximum (scaled) and this lane's part of the sum of one row.
struct RowState {
  float top = kNone, sum = 0;

  // Takes in a score; returns what the row's earlier sums are to be multiplied by, and the shift of the new weights.
  // Nothing seen yet: a shift of 0, so that weights are 2^-inf = 0.
  VC_DEVICE float raise(float scaled_top, float* shift) {
    const float before = top;
    top = max(before, scaled_top);
    *shift = top == kNone ? 0.0f : top;
    const float factor = exp2_approx(before - *shift);
    sum *= factor;
    return factor;
  }
};

// What finished rows are multiplied by; rows that have seen no key stay zero.
VC_DEVICE float inverse(float sum) { return sum == 0 ? 0.0f : 1.0f / sum; }

}  // namespace attention
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
