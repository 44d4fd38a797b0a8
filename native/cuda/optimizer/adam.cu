// Adam and AdamW over many tensors; the formula is in cpp/ops/optimizer/adam.h.
//
// p, g, m and v are dense f32 of any size; p', m' and v' may be the same memory. A block has 256 threads, and a thread
// has 16 elements; neighbouring threads access neighbouring elements. One launch takes up to 24 tensors (as many as 4
// KB of arguments describe). No shared memory. Four reads and three writes make 28 bytes per element, for about 15
// FLOP: bound by memory.
#include "cuda/optimizer/multi_tensor.h"
#include "cuda/primitives/math.h"
#include "ops/optimizer/adam.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace adam_op {

constexpr int kMaxTensors = 24;

struct Arguments {
  TensorTable<7, kMaxTensors> table;  // p, g, m, v, p', m', v'
  Global<const float> rates, control;
  float take_first, keep_second, take_second, eps, decay;
  int decoupled;
};

__global__ void __launch_bounds__(kTensorThreads) adam_kernel(Arguments a) {
  const int k = a.table.tensor();
  const float rate = a.rates.load(0), step = a.rates.load(1), root = a.rates.load(2);
  const float factor = a.control.load(1);
  const bool finite = a.control.load(2) != 0.0f;
  const float shrink = a.decoupled ? 1.0f - rate * a.decay : 1.0f, coupled = a.decoupled ? 0.0f : a.decay;
  for_elements(a.table, k, [&](size_t i) {
    float p = a.table.operands[0][k].load(i), m = a.table.operands[2][k].load(i), v = a.table.operands[3][k].load(i);
    if (finite) {
      const float g = fma(coupled, p, a.table.operands[1][k].load(i) * factor);
      m = fma(g - m, a.take_first, m);
      v = fma(a.take_second * g, g, v * a.keep_second);
      p = p * shrink - step * m / fma(square_root(v), root, a.eps);
    }
    a.table.operands[4][k].store(i, p);
    a.table.operands[5][k].store(i, m);
    a.table.operands[6][k].store(i, v);
  });
}

Status adam(const Call& call) {
  const AdamAttributes attrs(call);
  if (!all_dense(call)) return {"adam: dense f32 operands expected"};
  Arguments arguments;
  arguments.rates = global<const float>(call.in[0]);
  arguments.control = global<const float>(call.in[1]);
  arguments.take_first = static_cast<float>(1 - attrs.beta1);  // in f64, since 1 - 0.98f is off by 1e-6
  arguments.keep_second = static_cast<float>(attrs.beta2);
  arguments.take_second = static_cast<float>(1 - attrs.beta2);
  arguments.eps = static_cast<float>(attrs.eps);
  arguments.decay = static_cast<float>(attrs.weight_decay);
  arguments.decoupled = attrs.decoupled;
  const auto operand = [&](int k, int o) -> const Tensor& {
    return o < 4 ? call.in[2 + 4 * k + o] : call.out[3 * k + o - 4];
  };
  return for_tables<7, kMaxTensors>(call.outputs / 3, operand, [&](const auto& table, unsigned blocks, unsigned) {
    arguments.table = table;
    return launch<adam_kernel>(Grid{blocks}, kTensorThreads, 0, call.stream, arguments);
  });
}

VIDEOCLIP_CUDA_KERNEL("adam", adam, no_workspace);

}  // namespace adam_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
