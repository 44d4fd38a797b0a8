// dx = f'(x) dy, element by element; f is given in cpp/ops/elementwise/unary.h.
//
// x, dy and dx [..., C] are of T (f32, bf16 or f16); each may be a channel slice. Arithmetic is in f32. A block has 256
// threads, and a thread has 4 vectors of up to 16 bytes. No shared memory. x and dy are read once and dx is written
// once: bound by memory.
#include "cuda/elementwise/activation.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/strided_iterator.h"
#include "cuda/primitives/vector_access.h"
#include "ops/elementwise/unary_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace unary_grad_op {

template <typename T>
struct UnaryGradArgs {
  Global<T> dx;
  Global<const T> x, dy;
  StridedIterator<3> iterator;
  int kind;
};

VC_DEVICE float derivative(int kind, float x) {
  switch (kind) {
    case kRelu:
      return x > 0 ? 1.0f : x != x ? x : 0.0f;
    case kSigmoid:
      return sigmoid(x) * sigmoid(-x);
    case kTanh:
      return 4 * sigmoid(2 * x) * sigmoid(-2 * x);
    case kGelu:
      return 0.5f * ::erfcf(-x * 0.70710678f) + x * 0.39894228f * ::expf(-0.5f * x * x);
    case kGeluTanh: {
      constexpr float kScale = 2 * 0.7978845608f;
      const float u = kScale * x * (1 + 0.044715f * x * x), product = sigmoid(u) * sigmoid(-u);
      // Far from zero the slope of u would overflow, and its factor is 0.
      return sigmoid(u) + (product == 0 ? 0.0f : x * product * kScale * (1 + 3 * 0.044715f * x * x));
    }
    case kSwish:
      return sigmoid(x) + x * sigmoid(x) * sigmoid(-x);
    case kExp:
      return ::expf(x);
    default:
      return sigmoid(x);
  }
}

template <typename T, int V>
__global__ void __launch_bounds__(kIteratorThreads) unary_grad_kernel(UnaryGradArgs<T> a) {
// not unrolled, so that the code of all functions exists once; enough warps are resident to hide the latency
#pragma unroll 1
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[3];
    if (!a.iterator.template offsets<V>(u, at)) return;
    float x[V], dy[V];
    load_values(a.x, at[1], x);
    load_values(a.dy, at[2], dy);
#pragma unroll
    for (int i = 0; i < V; ++i) dy[i] *= derivative(a.kind, x[i]);
    store_values(a.dx, at[0], dy);
  }
}

Status unary_grad(const Call& call) {
  const Tensor operands[] = {call.out[0], call.in[0], call.in[1]};
  if (operands[0].elements() == 0) return {};
  return for_float(operands[0].dtype, [&](auto type) {
    using T = decltype(type);
    const MergedStrides<3> merged(operands);
    return for_width<T>(merged.width(operands), [&](auto width) -> Status {
      Status status;
      const StridedIterator<3> iterator(merged, width, &status);
      if (!status) return status;
      const UnaryGradArgs<T> args{global<T>(operands[0]), global<const T>(operands[1]), global<const T>(operands[2]),
                                  iterator, static_cast<int>(UnaryAttributes(call).kind)};
      return launch<unary_grad_kernel<T, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("unary_grad", unary_grad, no_workspace);

}  // namespace unary_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
