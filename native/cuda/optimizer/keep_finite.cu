// Of many tensors, the next or the old values; see cpp/ops/optimizer/keep_finite.h.
//
// old, next, y dense f32, any size; y may be the memory of old. 256 threads, 16 elements each, neighbours side by side;
// up to 48 tensors a launch (what 4 KB of arguments describe); no shared memory.
// Bytes: 8 an element: bound by memory. Share of the roofline: not yet measured.
#include "cuda/optimizer/multi_tensor.h"
#include "ops/optimizer/keep_finite.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

constexpr int kMost = 48;

struct Arguments {
  TensorTable<3, kMost> table;  // old, next, y
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
  return for_tables<3, kMost>(call.outputs, operand, [&](const auto& table, unsigned blocks, unsigned) {
    arguments.table = table;
    return launch(keep_finite_kernel, Grid{blocks}, kTensorThreads, 0, call.stream, arguments);
  });
}

VIDEOCLIP_CUDA_KERNEL("keep_finite", keep_finite, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
