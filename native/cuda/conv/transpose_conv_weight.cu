// out[g I + i, o, k] = w[g O + o, i, K - 1 - k]: input and output channels of a group are exchanged, taps are reversed.
//
// w [groups O, I, K] and out [groups I, O, K] are dense and of T (f32, bf16 or f16). A block has 256 threads, and a
// thread has one element of out. No shared memory. The weight is read once, scattered by rows of K, and written once:
// bound by memory, and short beside the convolution.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/fast_divmod.h"
#include "cuda/primitives/kernel.h"
#include "ops/conv/transpose_conv_weight.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace transpose_conv_weight_op {

constexpr int kThreads = 256;

template <typename T>
struct TransposeArgs {
  Global<T> out;
  Global<const T> weight;
  FastDivmod outputs, inputs, taps;  // sizes of a group
  int O, I, K, count;
};

template <typename T>
__global__ void __launch_bounds__(kThreads) transpose_conv_weight_kernel(TransposeArgs<T> a) {
  const int at = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (at >= a.count) return;
  int k, o, i;
  const int group = a.inputs.divide(a.outputs.divide(a.taps.divide(at, &k), &o), &i);
  const auto from = static_cast<size_t>(((group * a.O + o) * a.I + i) * a.K + a.K - 1 - k);
  a.out.store(static_cast<size_t>(at), a.weight.load(from));
}

Status transpose_conv_weight(const Call& call) {
  const Tensor& w = call.in[0];
  const int64_t groups = TransposeConvWeightAttributes(call).groups, count = w.elements();
  const int64_t O = w.shape[0] / groups, I = w.shape[1], K = w.shape[2] * w.shape[3] * w.shape[4];
  if (count == 0) return {};
  if (count > 0x7fffffff - kThreads) return {"transpose_conv_weight: more than 2^31 - 1 elements"};
  return for_float(w.dtype, [&](auto type) -> Status {
    using T = decltype(type);
    const TransposeArgs<T> args{global<T>(call.out[0]), global<const T>(w),  FastDivmod(O),
                                FastDivmod(I),          FastDivmod(K),       static_cast<int>(O),
                                static_cast<int>(I),    static_cast<int>(K), static_cast<int>(count)};
    const Grid grid{(count + kThreads - 1) / kThreads};
    return launch<transpose_conv_weight_kernel<T>>(grid, kThreads, 0, call.stream, args);
  });
}

VIDEOCLIP_CUDA_KERNEL("transpose_conv_weight", transpose_conv_weight, no_workspace);

}  // namespace transpose_conv_weight_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
