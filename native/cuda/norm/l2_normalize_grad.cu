// n = max(||x||, eps);  dx = (dy - x (x . dy) / n^2) / n, without the second term where ||x|| <= eps
//
// x, dy and dx [rows, C] are of T (f32, bf16 or f16); each may be a channel slice. Arithmetic is in f32. A warp
// computes a row of up to 1024 elements; a block of 256 threads computes a longer one (32 bytes of shared memory). A
// row is read three times, all but the first time from the caches, one element per access. x and dy are read once from
// memory and dx is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/row_group.h"
#include "ops/norm/l2_normalize_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace l2_normalize_grad_op {

template <typename T>
struct Arguments {
  Global<T> dx;
  int64_t dx_stride;
  Global<const T> x;
  int64_t x_stride;
  Global<const T> dy;
  int64_t dy_stride;
  int64_t rows, C;
  float eps;
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kRowGroupThreads) l2_normalize_grad_kernel(Arguments<T> p) {
  const RowGroup<kWide> group;
  if (group.row >= p.rows) return;
  float square = 0;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    const float v = to_float(p.x.load(static_cast<size_t>(group.row * p.x_stride + c)));
    square = fma(v, v, square);
  }
  // a norm of NaN makes the whole row NaN
  const float norm = ::sqrtf(group.sum(square)), divisor = norm <= p.eps ? p.eps : norm;
  float product = 0;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    product = fma(to_float(p.x.load(static_cast<size_t>(group.row * p.x_stride + c))) / divisor,
                  to_float(p.dy.load(static_cast<size_t>(group.row * p.dy_stride + c))), product);
  }
  product = group.sum(product);
  const float along = norm > p.eps ? product : 0.0f;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    const float unit = to_float(p.x.load(static_cast<size_t>(group.row * p.x_stride + c))) / divisor;
    p.dx.store(static_cast<size_t>(group.row * p.dx_stride + c),
               from_float<T>((to_float(p.dy.load(static_cast<size_t>(group.row * p.dy_stride + c))) - unit * along) /
                             divisor));
  }
}

Status l2_normalize_grad(const Call& call) {
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
                         static_cast<float>(L2NormalizeAttributes(call).eps)};
    return launch_rows<l2_normalize_grad_kernel<T, true>, l2_normalize_grad_kernel<T, false>>(p, call.stream);
  });
}

VIDEOCLIP_CUDA_KERNEL("l2_normalize_grad", l2_normalize_grad, no_workspace);

}  // namespace l2_normalize_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
