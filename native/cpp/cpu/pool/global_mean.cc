#include "ops/pool/global_mean.h"

#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kChunk = 256;

size_t workspace(const Call& call, int) {
  const Rows x(call.in[0]);
  const int64_t positions = x.rows / max64(1, call.in[0].shape[0]);
  return static_cast<size_t>(call.in[0].shape[0] * ceil_div(positions, kChunk) * x.channels) * sizeof(double);
}

template <typename T>
Status mean(const Call& call) {
  const RowsOf<T> x(call.in[0]), y(call.out[0]);
  const int64_t N = call.in[0].shape[0], C = x.channels;
  if (N == 0) return {};
  const int64_t positions = x.rows / N, chunks = ceil_div(positions, kChunk);
  double* partial = reinterpret_cast<double*>(call.workspace);
  call.pool->parallel_for(N * chunks, [&](int64_t task, int) {
    const int64_t first = task / chunks * positions + task % chunks * kChunk;
    const int64_t last = min64(first + kChunk, (task / chunks + 1) * positions);
    double* sum = partial + task * C;
    for (int64_t c = 0; c < C; ++c) sum[c] = 0;
    for (int64_t r = first; r < last; ++r) {
      const T* in = x.data + r * x.stride;
      for (int64_t c = 0; c < C; ++c) sum[c] += static_cast<double>(value(in[c]));
    }
  });
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t c = 0; c < C; ++c) {
      double sum = 0;
      for (int64_t i = 0; i < chunks; ++i) sum += partial[(n * chunks + i) * C + c];
      set(y.data + n * y.stride + c, static_cast<float>(sum / static_cast<double>(positions)));
    }
  }
  return {};
}

Status global_mean(const Call& call) {
  return for_storage(call.in[0], [&](auto zero) { return mean<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("global_mean", global_mean, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
