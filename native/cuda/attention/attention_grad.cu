// attention_grad, with the weights p[i, j] of ops/attention.h and dp[i, j] = dy[i] . v[j]:
//   ds[i, j] = scale p[i, j] (dp[i, j] - sum_j p[i, j] dp[i, j])
//   dq[i] = sum_j ds[i, j] k[j];  dk[j] = sum_i ds[i, j] q[i];  dv[j] = sum_i p[i, j] dy[i]
//
// q, dy and dq [N, Sq, NH HS] and k, v, dk and dv [N, Sk, NH HS] are of T (f32, bf16 or f16); rows may be slices. mask
// [N, Sk] is u8 or f32. Heads have up to 256 channels. 16-bit heads of up to 128 channels in rows of whole 16 bytes are
// computed on tensor cores: attention_grad/tensor_core_kernel.h. This file computes all others, with scores, weights
// and sums in f32 by FMA.
//
// In the first kernel, a block has R queries of a head and goes through the keys twice, in tiles of R: first for the
// row max, sum and sum of p dp of each query, which it stores in the workspace, then for dq. In the second kernel, a
// block has R keys and goes through the queries for dk and dv. R is 32, and 16 above 128 channels. A block has 256
// threads, 256 / R per row, and there are 2 blocks per SM. Four tiles of R rows and two of scores take 4 R (4 (HS + 1)
// + 2 (R + 1)) bytes of shared memory. There are no atomics: one thread computes each sum in the order of the keys or
// queries. A tile of rows is read once for each block of R of the other side. FLOPs: 18 Sq Sk HS per head. Bound by
// FMA.
#include "cuda/attention/grad/tensor_core_kernel.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/vector.h"
#include "ops/attention/attention_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace attention_grad_op {

using attention_grad::Arguments;
using attention_grad::kMinusInfinity;
using attention_grad::Place;
using attention_grad::Rows3;
using attention_grad::rows_of;

constexpr int kThreads = 256;
// Rows of a tile. With 16, the tiles of wide heads fit the 99 KiB of shared memory of sm_86, sm_89 and sm_120.
template <int kHead>
constexpr int kRows = kHead > 128 ? 16 : 32;
template <int kHead>
constexpr int kThreadsPerRow = kThreads / kRows<kHead>;
template <int kHead>
constexpr int kScoresPerThread = kRows<kHead> / kThreadsPerRow<kHead>;
constexpr int kBlocks = 2;  // per SM, as the shared memory of the tiles allows
// Four tiles of rows as floats, and two of scores. An odd distance between rows puts the threads of a column
// in different banks.
template <int kHead>
struct Tiles {
  static constexpr uint32_t kRow = kHead + 1, kTile = kRows<kHead> * kRow, kScores = kRows<kHead> * (kRows<kHead> + 1);
  static constexpr size_t kBytes = (4 * kTile + 2 * kScores) * sizeof(float);

  static VC_DEVICE Shared<float> rows(int i) {
    return shared_array<float>(0, 4 * kTile + 2 * kScores).offset(static_cast<uint32_t>(i) * kTile);
  }
  static VC_DEVICE Shared<float> scores(int i) { return rows(4).offset(static_cast<uint32_t>(i) * kScores); }
};

template <int kHead, typename T, class Valid>
VC_DEVICE void load_tile(Shared<float> to, const Arguments<T>& p, const Rows3<const T>& from, int n, int head,
                         int first, const Valid& valid) {
  for (int i = static_cast<int>(threadIdx.x); i < kRows<kHead> * kHead; i += kThreads) {
    const int row = i / kHead, c = i % kHead;
    const float v = c < p.size && valid(first + row)
                        ? to_float(from.data.load(from.at(n, first + row, int64_t{head} * p.size + c)))
                        : 0.0f;
    to.store(static_cast<uint32_t>(row) * Tiles<kHead>::kRow + static_cast<uint32_t>(c), v);
  }
}

// out[e] = a[a_row] . b[b_row + e times the threads of a row]
template <int kHead>
VC_DEVICE void dot_rows(Shared<float> a, Shared<float> b, int a_row, int b_row, int size,
                        float (&out)[kScoresPerThread<kHead>]) {
#pragma unroll
  for (int e = 0; e < kScoresPerThread<kHead>; ++e) out[e] = 0;
  for (int c = 0; c < size; ++c) {
    const float x = a.load(static_cast<uint32_t>(a_row) * Tiles<kHead>::kRow + static_cast<uint32_t>(c));
#pragma unroll
    for (int e = 0; e < kScoresPerThread<kHead>; ++e) {
      const auto row = static_cast<uint32_t>(b_row + e * kThreadsPerRow<kHead>);
      out[e] = fma(x, b.load(row * Tiles<kHead>::kRow + static_cast<uint32_t>(c)), out[e]);
    }
  }
}

// sums[k] += sum over i of factors[tile_row, i] rows[i, channel + k times the threads of a row]
template <int kHead>
VC_DEVICE void add_rows(Shared<float> factors, Shared<float> rows, int tile_row, int channel,
                        float (&sums)[kHead / kThreadsPerRow<kHead>]) {
  for (uint32_t i = 0; i < kRows<kHead>; ++i) {
    const float factor = factors.load(static_cast<uint32_t>(tile_row) * (kRows<kHead> + 1) + i);
#pragma unroll
    for (int k = 0; k < kHead / kThreadsPerRow<kHead>; ++k) {
      sums[k] =
          fma(factor, rows.load(i * Tiles<kHead>::kRow + static_cast<uint32_t>(channel + k * kThreadsPerRow<kHead>)),
              sums[k]);
    }
  }
}

template <int kHead>
VC_DEVICE float sum_over_row(float x) {
#pragma unroll
  for (int d = kThreadsPerRow<kHead> / 2; d > 0; d /= 2) x += shuffle_xor(x, d);
  return x;
}
template <int kHead>
VC_DEVICE float max_over_row(float x) {
#pragma unroll
  for (int d = kThreadsPerRow<kHead> / 2; d > 0; d /= 2) x = max(x, shuffle_xor(x, d));
  return x;
}

template <int kHead, typename T>
VC_DEVICE void store_row(const Arguments<T>& p, const Rows3<T>& to, const Place& at, int row, int channel,
                         const float (&sums)[kHead / kThreadsPerRow<kHead>]) {
#pragma unroll
  for (int k = 0; k < kHead / kThreadsPerRow<kHead>; ++k) {
    const int c = channel + k * kThreadsPerRow<kHead>;
    if (c < p.size) to.data.store(to.at(at.n, row, int64_t{at.head} * p.size + c), from_float<T>(sums[k]));
  }
}

template <typename T, int kHead>
__global__ void __launch_bounds__(kThreads, kBlocks) query_kernel(Arguments<T> p) {
  using Tile = Tiles<kHead>;
  const Place at(p, kRows<kHead>);
  const int tile_row = static_cast<int>(threadIdx.x) / kThreadsPerRow<kHead>,
            thread = static_cast<int>(threadIdx.x) % kThreadsPerRow<kHead>;
  const int query = at.first + tile_row;
  const auto is_query = [&](int row) { return row < p.queries; };
  const auto is_key = [&](int row) { return p.is_valid(at.n, row); };
  load_tile<kHead>(Tile::rows(0), p, p.q, at.n, at.head, at.first, is_query);
  load_tile<kHead>(Tile::rows(1), p, p.dy, at.n, at.head, at.first, is_query);
  const int keys = p.attended_keys(at.first + kRows<kHead>);
  float row_max = kMinusInfinity, sum = 0, delta = 0;
  float s[kScoresPerThread<kHead>], dp[kScoresPerThread<kHead>], dq[kHead / kThreadsPerRow<kHead>] = {};
  const auto scores = [&](int key) {
    sync_threads();  // all threads have finished reading the previous tiles
    load_tile<kHead>(Tile::rows(2), p, p.k, at.n, at.head, key, is_key);
    load_tile<kHead>(Tile::rows(3), p, p.v, at.n, at.head, key, is_key);
    sync_threads();
    dot_rows<kHead>(Tile::rows(0), Tile::rows(2), tile_row, thread, p.size, s);
    dot_rows<kHead>(Tile::rows(1), Tile::rows(3), tile_row, thread, p.size, dp);
#pragma unroll
    for (int e = 0; e < kScoresPerThread<kHead>; ++e) {
      const int j = key + thread + e * kThreadsPerRow<kHead>;
      s[e] = is_key(j) && p.attends(query, j) ? s[e] * p.scale : kMinusInfinity;
    }
  };
  // First pass: row max, sum of weights and sum of p dp.
  for (int key = 0; key < keys; key += kRows<kHead>) {
    scores(key);
    float high = s[0];
#pragma unroll
    for (int e = 1; e < kScoresPerThread<kHead>; ++e) high = max(high, s[e]);
    high = max(row_max, max_over_row<kHead>(high));
    const float max_shift = high == kMinusInfinity ? 0.0f : high;  // no key attended to yet: all weights are zero
    const float factor = exp_approx(row_max - max_shift);
    float more = 0, more_delta = 0;
#pragma unroll
    for (int e = 0; e < kScoresPerThread<kHead>; ++e) {
      const float weight = exp_approx(s[e] - max_shift);
      more += weight;
      more_delta = fma(weight, dp[e], more_delta);
    }
    sum = fma(sum, factor, sum_over_row<kHead>(more));
    delta = fma(delta, factor, sum_over_row<kHead>(more_delta));
    row_max = high;
  }
  const float max_shift = row_max == kMinusInfinity ? 0.0f : row_max, inverse = sum > 0 ? 1.0f / sum : 0.0f;
  delta *= inverse;
  // Second pass: dq.
  for (int key = 0; key < keys; key += kRows<kHead>) {
    scores(key);
#pragma unroll
    for (int e = 0; e < kScoresPerThread<kHead>; ++e) {
      const float weight = exp_approx(s[e] - max_shift) * inverse;
      Tile::scores(0).store(static_cast<uint32_t>(tile_row * (kRows<kHead> + 1) + thread + e * kThreadsPerRow<kHead>),
                            p.scale * weight * (dp[e] - delta));
    }
    sync_warp();  // the threads of a row are in one warp
    add_rows<kHead>(Tile::scores(0), Tile::rows(2), tile_row, thread, dq);
  }
  if (query >= p.queries) return;
  store_row<kHead>(p, p.dq, at, query, thread, dq);
  if (thread != 0) return;
  p.store_statistics(at.n, at.head, query, {max_shift, inverse, delta});
}

template <typename T, int kHead>
__global__ void __launch_bounds__(kThreads, kBlocks) key_kernel(Arguments<T> p) {
  using Tile = Tiles<kHead>;
  const Place at(p, kRows<kHead>);
  const int tile_row = static_cast<int>(threadIdx.x) / kThreadsPerRow<kHead>,
            thread = static_cast<int>(threadIdx.x) % kThreadsPerRow<kHead>;
  const int key = at.first + tile_row;
  const bool attended = p.is_valid(at.n, key);
  const auto is_query = [&](int row) { return row < p.queries; };
  const auto is_key = [&](int row) { return p.is_valid(at.n, row); };
  load_tile<kHead>(Tile::rows(0), p, p.k, at.n, at.head, at.first, is_key);
  load_tile<kHead>(Tile::rows(1), p, p.v, at.n, at.head, at.first, is_key);
  const int begin = p.first_query(at.first) / kRows<kHead> * kRows<kHead>;
  float s[kScoresPerThread<kHead>], dp[kScoresPerThread<kHead>], dk[kHead / kThreadsPerRow<kHead>] = {},
                                                                            dv[kHead / kThreadsPerRow<kHead>] = {};
  for (int query = begin; query < p.queries; query += kRows<kHead>) {
    sync_threads();  // all threads have finished reading the previous tiles
    load_tile<kHead>(Tile::rows(2), p, p.q, at.n, at.head, query, is_query);
    load_tile<kHead>(Tile::rows(3), p, p.dy, at.n, at.head, query, is_query);
    sync_threads();
    dot_rows<kHead>(Tile::rows(0), Tile::rows(2), tile_row, thread, p.size, s);
    dot_rows<kHead>(Tile::rows(1), Tile::rows(3), tile_row, thread, p.size, dp);
#pragma unroll
    for (int e = 0; e < kScoresPerThread<kHead>; ++e) {
      const int i = query + thread + e * kThreadsPerRow<kHead>;
      float weight = 0, ds = 0;
      if (attended && i < p.queries && p.attends(i, key)) {
        const auto of = [&](int which) { return p.statistics.load(p.statistic(at.n, at.head, i, which)); };
        weight = exp_approx(s[e] * p.scale - of(0)) * of(1);
        ds = p.scale * weight * (dp[e] - of(2));
      }
      const auto to = static_cast<uint32_t>(tile_row * (kRows<kHead> + 1) + thread + e * kThreadsPerRow<kHead>);
      Tile::scores(0).store(to, ds);
      Tile::scores(1).store(to, weight);
    }
    sync_warp();
    add_rows<kHead>(Tile::scores(0), Tile::rows(2), tile_row, thread, dk);
    add_rows<kHead>(Tile::scores(1), Tile::rows(3), tile_row, thread, dv);
  }
  if (key >= p.keys) return;
  store_row<kHead>(p, p.dk, at, key, thread, dk);
  store_row<kHead>(p, p.dv, at, key, thread, dv);
}

// Launches a kernel over the queries, then one over the keys. A block has `rows` of either.
struct Launch {
  int64_t batch;
  int rows, threads;
  size_t shared;
  Stream stream;

  template <auto kOverQueries, auto kOverKeys, typename T>
  Status both(const Arguments<T>& p) const {
    const Status status = one<kOverQueries>(p, p.queries);
    return status ? one<kOverKeys>(p, p.keys) : status;
  }

 private:
  template <auto kKernel, typename T>
  Status one(Arguments<T> p, int count) const {
    p.tiles = (count + rows - 1) / rows;
    const int64_t blocks = batch * p.heads * p.tiles;
    if (blocks > 0x7fffffff) return {"attention_grad: more than 2^31 - 1 tiles"};
    return launch<kKernel>(Grid{blocks}, threads, shared, stream, p);
  }
};

template <typename T, int kHead>
Status plain(const Arguments<T>& p, int64_t batch, Stream stream) {
  const Launch over{batch, kRows<kHead>, kThreads, Tiles<kHead>::kBytes, stream};
  return over.both<query_kernel<T, kHead>, key_kernel<T, kHead>>(p);
}

template <typename T, class Tile>
Status tensor_cores(const Arguments<T>& p, int64_t batch, Stream stream) {
  const Launch over{batch, Tile::kRows, Tile::kThreads, Tile::kSharedBytes, stream};
  return over.both<attention_grad::query_cores_kernel<T, Tile>, attention_grad::key_cores_kernel<T, Tile>>(p);
}

// Whether rows can be copied by 16 bytes, and offsets in a tile fit 32 bits.
template <typename T>
bool fits_tensor_cores(const Call& call, int64_t size) {
  if (sizeof(T) != 2 || size > 128) return false;
  for (const Tensor* t :
       {&call.in[0], &call.in[1], &call.in[2], &call.in[4], &call.out[0], &call.out[1], &call.out[2]}) {
    if (widest_vector(*t, size, 8) < 8 || t->strides[1] > attention::kMaxChannels) return false;
  }
  return true;
}

size_t workspace(const Call& call, int) {
  const Tensor& q = call.in[0];
  const auto heads = static_cast<size_t>(AttentionAttributes(call).heads);
  return static_cast<size_t>(3 * q.shape[0] * q.shape[1]) * heads * sizeof(float);
}

template <typename T>
Status differentiate(const Call& call) {
  const AttentionAttributes attrs(call);
  const Tensor &q = call.in[0], &k = call.in[1], &mask = call.in[3];
  const bool bytes = mask.dtype == DType::u8;
  const auto heads = static_cast<int>(attrs.heads);
  const int64_t size = q.shape[2] / heads;
  if (q.shape[1] > (1 << 28) || k.shape[1] > (1 << 28)) return {"attention_grad: more than 2^28 queries or keys"};
  if (size > 256) return {"attention_grad: heads of more than 256 channels"};
  if (q.elements() == 0) return {};
  const Arguments<T> p{rows_of<const T>(q),
                       rows_of<const T>(k),
                       rows_of<const T>(call.in[2]),
                       rows_of<const T>(call.in[4]),
                       rows_of<T>(call.out[0]),
                       rows_of<T>(call.out[1]),
                       rows_of<T>(call.out[2]),
                       bytes ? global<const uint8_t>(mask) : Global<const uint8_t>(),
                       bytes ? Global<const float>() : global<const float>(mask),
                       Global<float>(reinterpret_cast<float*>(call.workspace), workspace(call, 1) / sizeof(float)),
                       mask ? mask.strides[0] : 0,
                       mask ? mask.strides[1] : 0,
                       static_cast<int>(q.shape[1]),
                       static_cast<int>(k.shape[1]),
                       heads,
                       static_cast<int>(size),
                       0,
                       attrs.causal,
                       static_cast<float>(attrs.scale)};
  if constexpr (sizeof(T) == 2) {
    if (fits_tensor_cores<T>(call, size)) {
      if (size <= 32) return tensor_cores<T, attention_grad::Tile<32, 4>>(p, q.shape[0], call.stream);
      if (size <= 64) return tensor_cores<T, attention_grad::Tile<64, 3>>(p, q.shape[0], call.stream);
      return tensor_cores<T, attention_grad::Tile<128, 2>>(p, q.shape[0], call.stream);
    }
  }
  if (size <= 32) return plain<T, 32>(p, q.shape[0], call.stream);
  if (size <= 64) return plain<T, 64>(p, q.shape[0], call.stream);
  if (size <= 128) return plain<T, 128>(p, q.shape[0], call.stream);
  return plain<T, 256>(p, q.shape[0], call.stream);
}

Status run(const Call& call) {
  return for_float(call.in[0].dtype, [&](auto zero) { return differentiate<decltype(zero)>(call); });
}

VIDEOCLIP_CUDA_KERNEL("attention_grad", run, workspace);

}  // namespace attention_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
