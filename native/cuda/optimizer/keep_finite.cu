// For many tensors, the next or the old values; see cpp/ops/optimizer/keep_finite.h.
//
// old, next and y are dense f32 of any size; y may be the memory of old. A block has 256 threads, and a thread has 16
// elements; neighbouring threads access neighbouring elements. One launch takes up to 48 tensors (as many as 4 KB of
// arguments describe). No shared memory. 8 bytes per element: bound by memory.
#include "cuda/optimizer/multi_tensor.h"
#include "ops/optimizer/keep_finite.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace keep_finite_op {

constexpr int kMaxTensors = 48;

struct Arguments {
  TensorTable<3, kMaxTensors> table;  // old, next, y
  Global<const float> control;
};

__global__ void __launch_bounds__(kTensorThreads) keep_finite_kernel(Arguments a) {
  const int k = a.table.tensor(), from = a.control.load(2) != 0.0f ? 1 : 0;
  for_elements(a.table, k, [&](size_t i) { a.table.operands[2][k].store(i, a.table.operands[from][k].load(i)); });
}

Status keep_finite(const Call& call) {
  if (!all_dense(call)) return {"keep_finite: dense f32 operands expected"};
  Arguments arguments;
  arguments.control = global<const float>(call.in[0]);
  const auto operand = [&](int k, int o) -> const Tensor& { return o < 2 ? call.in[1 + 2 * k + o] : call.out[k]; };
  return for_tables<3, kMaxTensors>(call.outputs, operand, [&](const auto& table, unsigned blocks, unsigned) {
    arguments.table = table;
    return launch<keep_finite_kernel>(Grid{blocks}, kTensorThreads, 0, call.stream, arguments);
  });
}

VIDEOCLIP_CUDA_KERNEL("keep_finite", keep_finite, no_workspace);

}  // namespace keep_finite_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
