// y[i] = draw(i) < threshold ? 0 : x[i] scale; draw(i) is word i % 4 of Philox 4x32-10 (Salmon et al. 2011) with the
// counter (i / 4, step, 0) and the key (seed, stream); i is the row-major index.
//
// x and y [rows, C] are of T (f32, bf16 or f16); either may be a channel slice. key is i32 [2]. A block has 256
// threads, and a thread has four elements. x is read once and y is written once, with 20 products of 32 x 32 bits per
// four elements: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "ops/elementwise/dropout.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace dropout_op {

constexpr int kThreads = 256;

template <typename T>
struct Arguments {
  Global<T> y;
  Global<const T> x;
  Global<const int32_t> key;
  int64_t count, C, x_stride, y_stride;
  uint64_t threshold;
  uint32_t stream;
  float scale;
};

struct Words {
  uint32_t w[4];
};

VC_DEVICE Words philox(Words x, uint32_t k0, uint32_t k1) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xd2511f53u} * x.w[0], b = uint64_t{0xcd9e8d57u} * x.w[2];
    x = {{static_cast<uint32_t>(b >> 32) ^ x.w[1] ^ k0, static_cast<uint32_t>(b),
          static_cast<uint32_t>(a >> 32) ^ x.w[3] ^ k1, static_cast<uint32_t>(a)}};
    k0 += 0x9e3779b9u, k1 += 0xbb67ae85u;
  }
  return x;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) dropout_kernel(Arguments<T> p) {
  const int64_t block = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (4 * block >= p.count) return;
  const auto seed = static_cast<uint32_t>(p.key.load(0)), step = static_cast<uint32_t>(p.key.load(1));
  const Words draws =
      philox({{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), step, 0}}, seed, p.stream);
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const int64_t i = 4 * block + k;
    if (i >= p.count) return;
    const int64_t r = i / p.C, c = i % p.C;
    const float v = to_float(p.x.load(static_cast<size_t>(r * p.x_stride + c))) * p.scale;
    p.y.store(static_cast<size_t>(r * p.y_stride + c), from_float<T>(draws.w[k] < p.threshold ? 0.0f : v));
  }
}

Status dropout(const Call& call) {
  const DropoutAttributes attrs(call);
  const Rows x(call.in[0]);
  const int64_t count = x.rows * x.channels, blocks = (count + 4 * kThreads - 1) / (4 * kThreads);
  if (count == 0) return {};
  if (blocks > 0x7fffffff) return {"more elements than one launch can address"};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const Arguments<T> p{global<T>(call.out[0]),
                         global<const T>(call.in[0]),
                         global<const int32_t>(call.in[1]),
                         count,
                         x.channels,
                         x.stride,
                         Rows(call.out[0]).stride,
                         static_cast<uint64_t>(attrs.threshold),
                         static_cast<uint32_t>(attrs.stream),
                         static_cast<float>(attrs.scale)};
    return launch<dropout_kernel<T>>(Grid{static_cast<unsigned>(blocks)}, kThreads, 0, call.stream, p);
  });
}

VIDEOCLIP_CUDA_KERNEL("dropout", dropout, no_workspace);

}  // namespace dropout_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
