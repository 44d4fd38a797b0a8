// SGD with momentum over many tensors; the formula is in cpp/ops/optimizer/sgd_momentum.h.
//
// p, g and b are dense f32 of any size; p' and b' may be the same memory. A block has 256 threads, and a thread has 16
// elements; neighbouring threads access neighbouring elements. One launch takes up to 32 tensors (as many as 4 KB of
// arguments describe). No shared memory. 20 bytes and 6 FLOP per element: bound by memory.
#include "cuda/optimizer/multi_tensor.h"
#include "cuda/primitives/math.h"
#include "ops/optimizer/sgd_momentum.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace sgd_momentum_op {

constexpr int kMaxTensors = 32;

struct Arguments {
  TensorTable<5, kMaxTensors> table;  // p, g, b, p', b'
  Global<const float> rate, control;
  float momentum, decay;
  int nesterov;
};

__global__ void __launch_bounds__(kTensorThreads) sgd_momentum_kernel(Arguments a) {
  const int k = a.table.tensor();
  const float rate = a.rate.load(0), factor = a.control.load(1);
  const bool finite = a.control.load(2) != 0.0f;
  for_elements(a.table, k, [&](size_t i) {
    float p = a.table.operands[0][k].load(i), b = a.table.operands[2][k].load(i);
    if (finite) {
      const float g = fma(a.decay, p, a.table.operands[1][k].load(i) * factor);
      b = fma(a.momentum, b, g);
      p = p - rate * (a.nesterov ? fma(a.momentum, b, g) : b);
    }
    a.table.operands[3][k].store(i, p);
    a.table.operands[4][k].store(i, b);
  });
}

Status sgd_momentum(const Call& call) {
  const SgdMomentumAttributes attrs(call);
  if (!all_dense(call)) return {"sgd_momentum: dense f32 operands expected"};
  Arguments arguments;
  arguments.rate = global<const float>(call.in[0]);
  arguments.control = global<const float>(call.in[1]);
  arguments.momentum = static_cast<float>(attrs.momentum);
  arguments.decay = static_cast<float>(attrs.weight_decay);
  arguments.nesterov = attrs.nesterov;
  const auto operand = [&](int k, int o) -> const Tensor& {
    return o < 3 ? call.in[2 + 3 * k + o] : call.out[2 * k + o - 3];
  };
  return for_tables<5, kMaxTensors>(call.outputs / 2, operand, [&](const auto& table, unsigned blocks, unsigned) {
    arguments.table = table;
    return launch<sgd_momentum_kernel>(Grid{blocks}, kTensorThreads, 0, call.stream, arguments);
  });
}

VIDEOCLIP_CUDA_KERNEL("sgd_momentum", sgd_momentum, no_workspace);

}  // namespace sgd_momentum_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
