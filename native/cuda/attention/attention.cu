// attention: y[n, i, h] = sum_j w[j] v[n, j, h],  w = softmax of scale (q[n, i, h] . k[n, j, h]) over the keys j that i
// attends to
//
// q and y [N, Sq, NH HS] and k and v [N, Sk, NH HS] are positions of NH HS channels; each may be a slice of wider rows.
// mask [N, Sk] is u8 or f32. Values are stored as f32, bf16 or f16; scores, maxima and sums are in f32. On tensor cores
// the weights are rounded to the storage type before they multiply v. The kernels make one pass over the keys, after
// Dao et al. 2022 (arXiv 2205.14135) and Dao 2023 (arXiv 2307.08691); they store neither scores nor weights.
//
// 16-bit storage: attention/tensor_core_kernel.h, with tiles and shared memory in attention/tiles.h, and on Hopper GPUs
// attention/hopper_kernel.h for heads of more than 32 channels. f32, and heads of
// more than 128 channels: attention/plain_kernel.h. q is read once and y is written once; k and v are read once for
// every 64 or 128 queries (from L2). A head takes 4 Sq Sk HS FLOP and Sq Sk exponentials. Bound by memory up to about
// 370 keys (H200), then by tensor cores for heads of 64 channels and by exponentials for heads of 32.
#include <cmath>

#include "cuda/attention/hopper_kernel.h"
#include "cuda/attention/plain_kernel.h"
#include "cuda/attention/tensor_core_kernel.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/vector.h"
#include "ops/attention/attention.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace attention_op {

using attention::Arguments;

template <auto kKernel, typename T>
Status start(Arguments<T> p, int batch, int tile_queries, int channel_chunks, int threads, size_t shared_bytes,
             Stream stream) {
  p.query_tiles = (p.queries + tile_queries - 1) / tile_queries;
  p.channel_chunks = channel_chunks;
  const int64_t blocks = int64_t{batch} * p.heads * p.query_tiles * channel_chunks;
  if (blocks > 0x7fffffff) return {"attention of more than 2^31 - 1 tiles"};
  return launch<kKernel>(Grid{blocks}, threads, shared_bytes, stream, p);
}

template <typename T, class Tile, bool kWide>
Status start_tensor_cores(const Arguments<T>& p, int batch, Stream stream) {
  return start<attention::tensor_core_kernel<T, Tile, kWide>>(p, batch, Tile::kQueries, 1, Tile::kThreads,
                                                              Tile::kSharedBytes, stream);
}

// Both return false, and do nothing, where the kernel of Hopper GPUs does not support the operands.
template <typename T, class Tile>
bool start_hopper(const Arguments<T>& p, const Call& call, Status* status) {
  using attention::map_positions;
  attention::HopperArguments<T> a = {};
  a.p = p;
  a.p.query_tiles = (p.queries + Tile::kQueries - 1) / Tile::kQueries;
  const int64_t blocks = call.in[0].shape[0] * p.heads * a.p.query_tiles;
  if (blocks > 0x7fffffff || !map_positions<T>(&a.q, call.in[0], p.heads, p.size, Tile::kQueries) ||
      !map_positions<T>(&a.k, call.in[1], p.heads, p.size, attention::kKeys) ||
      !map_positions<T>(&a.v, call.in[2], p.heads, p.size, attention::kKeys)) {
    return false;
  }
  *status =
      launch<attention::hopper_kernel<T, Tile>>(Grid{blocks}, Tile::kBlockThreads, Tile::kSharedBytes, call.stream, a);
  return true;
}

// Blocks per SM follow from registers: with an odd warp, the producer, a block of two warpgroups of heads of 64
// channels would be alone on its SM, while three blocks of one warpgroup fit. Smaller heads would read parts of the
// blocks of 64 channels that wgmma has for v.
template <typename T>
bool hopper(const Arguments<T>& p, const Call& call, Status* status) {
  using attention::HopperTile;
  if (!call.gpu.hopper || p.size <= 32 || p.keys == 0) return false;
  if (p.size <= 64) return start_hopper<T, HopperTile<64, 1, 3>>(p, call, status);
  if (p.queries <= 64) return start_hopper<T, HopperTile<128, 1, 2>>(p, call, status);
  return start_hopper<T, HopperTile<128, 2, 1>>(p, call, status);
}

template <typename T, int kHead, int V>
Status start_plain(const Arguments<T>& p, int batch, Stream stream) {
  return start<attention::plain_kernel<T, kHead, V>>(p, batch, attention::kPlainQueries, (p.size + kHead - 1) / kHead,
                                                     attention::kPlainThreads,
                                                     sizeof(float) * attention::PlainLayout<kHead>::kSize, stream);
}

template <typename T, int V>
Status plain(const Arguments<T>& p, int batch, Stream stream) {
  if constexpr (sizeof(T) == 4) {
    if (p.size <= 32) return start_plain<T, 32, V>(p, batch, stream);
    if (p.size <= 64) return start_plain<T, 64, V>(p, batch, stream);
  }
  return start_plain<T, 128, V>(p, batch, stream);
}

template <typename T>
Status tensor_cores(const Arguments<T>& p, int batch, bool wide, Stream stream) {
  using namespace attention;
  if (!wide) {  // rare, so two sizes suffice
    return p.size <= 32 ? start_tensor_cores<T, Tile32, false>(p, batch, stream)
                        : start_tensor_cores<T, Tile128, false>(p, batch, stream);
  }
  const bool two = takes_two_fragments(p.queries);
  if (p.size <= 16) return start_tensor_cores<T, Tile16, true>(p, batch, stream);
  if (p.size <= 32) {
    return two ? start_tensor_cores<T, Tile32x2, true>(p, batch, stream)
               : start_tensor_cores<T, Tile32, true>(p, batch, stream);
  }
  if (p.size <= 64) {
    return two ? start_tensor_cores<T, Tile64x2, true>(p, batch, stream)
               : start_tensor_cores<T, Tile64, true>(p, batch, stream);
  }
  return start_tensor_cores<T, Tile128, true>(p, batch, stream);
}

template <typename T>
Status attend(const Call& call) {
  const AttentionAttributes attrs(call);
  const Tensor &q = call.in[0], &k = call.in[1], &v = call.in[2], &mask = call.in[3], &y = call.out[0];
  if (q.elements() == 0) return {};
  for (int64_t n : {q.shape[0], q.shape[1], q.shape[2], k.shape[1]}) {
    if (n > 0x3fffffff) return {"a size of more than 2^30 - 1"};  // so that the sum of two sizes fits an int
  }
  for (const Tensor* t : {&q, &k, &v, &y}) {
    if (t->strides[1] > attention::kMaxChannels) return {"positions more than 2^24 channels apart"};
  }
  Arguments<T> p = {};
  p.y = attention::sequence<T>(y);
  p.q = attention::sequence<const T>(q);
  p.k = attention::sequence<const T>(k);
  p.v = attention::sequence<const T>(v);
  if (mask) {
    (mask.dtype == DType::u8 ? void(p.mask_u8 = global<const uint8_t>(mask))
                             : void(p.mask_f32 = global<const float>(mask)));
    p.mask_batch = mask.strides[0];
    p.mask_key = mask.strides[1];
  }
  p.queries = static_cast<int>(q.shape[1]);
  p.keys = static_cast<int>(k.shape[1]);
  p.heads = static_cast<int>(attrs.heads);
  p.size = static_cast<int>(q.shape[2]) / p.heads;
  const auto scale = static_cast<float>(attrs.scale);
  // The scale is never 0, so that the scores of masked keys stay -inf.
  p.scale = std::fmax(std::fabs(scale) * 1.4426950408889634f, 1e-30f);
  p.negative = scale < 0;
  p.causal = attrs.causal;

  const auto batch = static_cast<int>(q.shape[0]);
  int vector = 8;
  for (const Tensor* t : {&q, &k, &v, &y}) vector = min(vector, widest_vector(*t, p.size, 8));
  if constexpr (sizeof(T) == 2) {
    Status status;
    if (p.size <= 128 && vector == 8 && hopper(p, call, &status)) return status;
    if (p.size <= 128) return tensor_cores(p, batch, vector == 8, call.stream);
  }
  return vector >= 4 ? plain<T, 4>(p, batch, call.stream) : plain<T, 1>(p, batch, call.stream);
}

Status run(const Call& call) {
  return for_float(call.in[0].dtype, [&](auto zero) { return attend<decltype(zero)>(call); });
}

VIDEOCLIP_CUDA_KERNEL("attention", run, no_workspace);

}  // namespace attention_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
