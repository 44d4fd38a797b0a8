// b'[o] = bias[o] + (b[o] - mean[o]) * weight[o] / sqrt(var[o] + eps); b is 0 when absent.
//
// All operands are dense f32 [Cout]; the result is computed in f64 and rounded once. A block has 256 threads, and a
// thread has one value. No shared memory. The kernel runs once per set of weights and moves 24 bytes per channel, so it
// is not tuned.
#include "cuda/primitives/kernel.h"
#include "ops/conv/fold_conv_bias.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace fold_conv_bias_op {

constexpr unsigned kThreads = 256;

struct FoldArgs {
  Global<float> out;
  Global<const float> weight, bias, mean, variance, own;
  int64_t channels;
  double eps;
};

__global__ void __launch_bounds__(kThreads) fold_conv_bias_kernel(FoldArgs a) {
  const size_t o = size_t{blockIdx.x} * kThreads + threadIdx.x;
  if (o >= static_cast<size_t>(a.channels)) return;
  const double own = a.own ? static_cast<double>(a.own.load(o)) : 0.0;
  const double scale = static_cast<double>(a.weight.load(o)) / ::sqrt(static_cast<double>(a.variance.load(o)) + a.eps);
  const double centred = own - static_cast<double>(a.mean.load(o));
  a.out.store(o, static_cast<float>(static_cast<double>(a.bias.load(o)) + centred * scale));
}

Status fold_conv_bias(const Call& call) {
  const int64_t channels = call.out[0].shape[0];
  if (channels == 0) return {};
  const FoldArgs args{global<float>(call.out[0]),
                      global<const float>(call.in[0]),
                      global<const float>(call.in[1]),
                      global<const float>(call.in[2]),
                      global<const float>(call.in[3]),
                      call.inputs > 4 ? global<const float>(call.in[4]) : Global<const float>(),
                      channels,
                      FoldConvBiasAttributes(call).eps};
  return launch<fold_conv_bias_kernel>(Grid{(channels + kThreads - 1) / kThreads}, kThreads, 0, call.stream, args);
}

VIDEOCLIP_CUDA_KERNEL("fold_conv_bias", fold_conv_bias, no_workspace);

}  // namespace fold_conv_bias_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
