#pragma once
// The arguments of the kernels of attention_grad.
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention_grad {

constexpr float kMinusInfinity = -__builtin_huge_valf();

template <typename T>
struct Rows3 {
  Global<T> data;
  int64_t batch, position;

  VC_DEVICE size_t at(int64_t n, int64_t row, int64_t channel) const {
    return static_cast<size_t>(n * batch + row * position + channel);
  }
};

template <typename T>
Rows3<T> rows_of(const Tensor& t) {
  return {global<T>(t), t.strides[0], t.strides[1]};
}

template <typename T>
struct Arguments {
  Rows3<const T> q, k, v, dy;
  Rows3<T> dq, dk, dv;
  Global<const uint8_t> mask_u8;
  Global<const float> mask_f32;
  Global<float> statistics;  // [N, NH, 3, Sq]: max shift, 1 / sum of exponentials, sum of p dp
  int64_t mask_batch, mask_key;
  int queries, keys, heads, size, tiles;
  bool causal;
  float scale;

  VC_DEVICE bool is_valid(int n, int key) const {
    if (key >= keys) return false;
    const auto at = static_cast<size_t>(n * mask_batch + key * mask_key);
    if (mask_u8) return mask_u8.load(at) != 0;
    return !mask_f32 || mask_f32.load(at) != 0;
  }
  VC_DEVICE bool attends(int query, int key) const { return !causal || key <= query + keys - queries; }
  // The number of keys up to the last one that any of the queries before `query` attends to.
  VC_DEVICE int attended_keys(int query) const { return causal ? max(0, min(keys, query + keys - queries)) : keys; }
  // The first query that attends to `key`, or one before it.
  VC_DEVICE int first_query(int key) const { return causal ? max(0, key - (keys - queries)) : 0; }
  VC_DEVICE size_t statistic(int n, int head, int query, int which) const {
    return static_cast<size_t>(((int64_t{n} * heads + head) * 3 + which) * queries + query);
  }
  VC_DEVICE void store_statistics(int n, int head, int query, const float (&values)[3]) const {
#pragma unroll
    for (int i = 0; i < 3; ++i) statistics.store(statistic(n, head, query, i), values[i]);
  }
};

// The head of a block, and its first of `rows` rows.
struct Place {
  int n, head, first;

  template <typename T>
  VC_DEVICE Place(const Arguments<T>& p, int rows) {
    const auto block = static_cast<int>(blockIdx.x);
    n = block / p.tiles / p.heads, head = block / p.tiles % p.heads, first = block % p.tiles * rows;
  }
};

}  // namespace attention_grad
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
