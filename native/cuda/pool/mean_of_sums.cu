// mean_of_sums: y[n, c] = sum_p sums[n, p, first + c] / positions
//
// sums [N, parts, Cin] is f32; y [N, C] is of T (f32, bf16 or f16) and may be a channel slice. Sums are in f32, in the
// order of the parts. A thread has one channel, with neighbouring threads on neighbouring channels; a block has 128
// threads. The parts of C channels are read once, 4 bytes per 64 values that were summed: bound by latency.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "ops/pool/mean_of_sums.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace mean_of_sums_op {

constexpr int kThreads = 128;

template <typename T>
struct MeanArgs {
  Global<T> y;
  Global<const float> sums;
  int64_t y_stride, parts, in_channels, first;
  int channels;
  float positions;
};

template <typename T>
__global__ void __launch_bounds__(kThreads) mean_of_sums_kernel(MeanArgs<T> a) {
  const int c = static_cast<int>(blockIdx.y) * kThreads + static_cast<int>(threadIdx.x);
  if (c >= a.channels) return;
  const int64_t n = blockIdx.x, start = n * a.parts * a.in_channels + a.first + c;
  float sum = 0;
#pragma unroll 8
  for (int64_t p = 0; p < a.parts; ++p) sum += a.sums.load(static_cast<size_t>(start + p * a.in_channels));
  a.y.store(static_cast<size_t>(n * a.y_stride + c), from_float<T>(sum / a.positions));
}

Status mean_of_sums(const Call& call) {
  const MeanOfSumsAttributes attrs(call);
  const Tensor &sums = call.in[0], &out = call.out[0];
  const Rows y(out);
  return for_float(out.dtype, [&](auto type) {
    using T = decltype(type);
    const MeanArgs<T> args{global<T>(out),
                           global<const float>(sums),
                           y.stride,
                           sums.shape[1],
                           sums.shape[2],
                           attrs.first,
                           static_cast<int>(y.channels),
                           static_cast<float>(attrs.positions)};
    const Grid grid{y.rows, (y.channels + kThreads - 1) / kThreads};
    return launch<mean_of_sums_kernel<T>>(grid, kThreads, 0, call.stream, args);
  });
}

VIDEOCLIP_CUDA_KERNEL("mean_of_sums", mean_of_sums, no_workspace);

}  // namespace mean_of_sums_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
