// W'[o, k] = W[o, k] * weight[o] / sqrt(var[o] + eps).
//
// W and W' [Cout, K] and weight and var [Cout] are dense f32; the result is computed in f64 and rounded once. A block
// has 256 threads, and a thread has one value. No shared memory. The kernel runs once per set of weights, so it is not
// tuned. W is read once and W' is written once: bound by memory.
#include "cuda/primitives/kernel.h"
#include "ops/conv/fold_conv_weight.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace fold_conv_weight_op {

constexpr unsigned kThreads = 256;

struct FoldArgs {
  Global<float> out;
  Global<const float> w, weight, variance;
  int64_t rows, per_row;
  double eps;
};

__global__ void __launch_bounds__(kThreads) fold_conv_weight_kernel(FoldArgs a) {
  const int64_t k = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (k >= a.per_row) return;
  for (int64_t o = blockIdx.y; o < a.rows; o += gridDim.y) {
    const auto channel = static_cast<size_t>(o), at = static_cast<size_t>(o * a.per_row + k);
    const double scale =
        static_cast<double>(a.weight.load(channel)) / ::sqrt(static_cast<double>(a.variance.load(channel)) + a.eps);
    a.out.store(at, static_cast<float>(static_cast<double>(a.w.load(at)) * scale));
  }
}

Status fold_conv_weight(const Call& call) {
  const Tensor& w = call.in[0];
  if (w.elements() == 0) return {};
  const int64_t rows = w.shape[0], per_row = w.elements() / rows;
  const FoldArgs args{global<float>(call.out[0]),
                      global<const float>(w),
                      global<const float>(call.in[1]),
                      global<const float>(call.in[2]),
                      rows,
                      per_row,
                      FoldConvWeightAttributes(call).eps};
  const Grid grid{(per_row + kThreads - 1) / kThreads, rows < 65535 ? rows : 65535};
  return launch<fold_conv_weight_kernel>(grid, kThreads, 0, call.stream, args);
}

VIDEOCLIP_CUDA_KERNEL("fold_conv_weight", fold_conv_weight, no_workspace);

}  // namespace fold_conv_weight_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
