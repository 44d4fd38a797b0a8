// dx = y (dy - sum(y dy)), or with log dx = dy - exp(y) sum(dy); sums over the last axis
//
// y, dy and dx [rows, C] are of T (f32, bf16 or f16); each may be a channel slice. Arithmetic is in f32. A warp
// computes a row of up to 1024 elements; a block of 256 threads computes a longer one (32 bytes of shared memory). A
// row is read twice, the second time from the caches, one element per access. y and dy are read once from memory and dx
// is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/row_group.h"
#include "ops/attention/softmax_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace softmax_grad_op {

template <typename T>
struct Arguments {
  Global<T> dx;
  int64_t dx_stride;
  Global<const T> y;
  int64_t y_stride;
  Global<const T> dy;
  int64_t dy_stride;
  int64_t rows, C;
  int log;
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kRowGroupThreads) softmax_grad_kernel(Arguments<T> p) {
  const RowGroup<kWide> group;
  if (group.row >= p.rows) return;
  float sum = 0;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    const float d = to_float(p.dy.load(static_cast<size_t>(group.row * p.dy_stride + c)));
    sum += p.log ? d : d * to_float(p.y.load(static_cast<size_t>(group.row * p.y_stride + c)));
  }
  sum = group.sum(sum);
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    const float y = to_float(p.y.load(static_cast<size_t>(group.row * p.y_stride + c))),
                d = to_float(p.dy.load(static_cast<size_t>(group.row * p.dy_stride + c)));
    p.dx.store(static_cast<size_t>(group.row * p.dx_stride + c),
               from_float<T>(p.log ? d - ::expf(y) * sum : y * (d - sum)));
  }
}

Status softmax_grad(const Call& call) {
  const Rows rows(call.out[0]);
  if (rows.rows == 0 || rows.channels == 0) return {};
  if (rows.rows > 0x7fffffff) return {"more than 2^31 - 1 rows"};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const Arguments<T> p{global<T>(call.out[0]),
                         Rows(call.out[0]).stride,
                         global<const T>(call.in[0]),
                         Rows(call.in[0]).stride,
                         global<const T>(call.in[1]),
                         Rows(call.in[1]).stride,
                         rows.rows,
                         rows.channels,
                         static_cast<int>(SoftmaxAttributes(call).log)};
    return launch_rows<softmax_grad_kernel<T, true>, softmax_grad_kernel<T, false>>(p, call.stream);
  });
}

VIDEOCLIP_CUDA_KERNEL("softmax_grad", softmax_grad, no_workspace);

}  // namespace softmax_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
