// y = x / max(||x||, eps), over the last axis
//
// x and y [rows, C] are of T (f32, bf16 or f16); either may be a channel slice. Arithmetic is in f32. A warp computes a
// row of up to 1024 elements; a block of 256 threads computes a longer one (32 bytes of shared memory). A row is read
// twice, the second time from the caches, one element per access. x is read once from memory and y is written once:
// bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/row_group.h"
#include "ops/norm/l2_normalize.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace l2_normalize_op {

template <typename T>
struct Arguments {
  Global<T> y;
  int64_t y_stride;
  Global<const T> x;
  int64_t x_stride;
  int64_t rows, C;
  float eps;
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kRowGroupThreads) l2_normalize_kernel(Arguments<T> p) {
  const RowGroup<kWide> group;
  if (group.row >= p.rows) return;
  float square = 0;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    const float v = to_float(p.x.load(static_cast<size_t>(group.row * p.x_stride + c)));
    square = fma(v, v, square);
  }
  // a norm of NaN makes the whole row NaN
  const float norm = ::sqrtf(group.sum(square)), divisor = norm <= p.eps ? p.eps : norm;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    p.y.store(static_cast<size_t>(group.row * p.y_stride + c),
              from_float<T>(to_float(p.x.load(static_cast<size_t>(group.row * p.x_stride + c))) / divisor));
  }
}

Status l2_normalize(const Call& call) {
  const Rows rows(call.out[0]);
  if (rows.rows == 0 || rows.channels == 0) return {};
  if (rows.rows > 0x7fffffff) return {"more than 2^31 - 1 rows"};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const Arguments<T> p{global<T>(call.out[0]),
                         Rows(call.out[0]).stride,
                         global<const T>(call.in[0]),
                         Rows(call.in[0]).stride,
                         rows.rows,
                         rows.channels,
                         static_cast<float>(L2NormalizeAttributes(call).eps)};
    return launch_rows<l2_normalize_kernel<T, true>, l2_normalize_kernel<T, false>>(p, call.stream);
  });
}

VIDEOCLIP_CUDA_KERNEL("l2_normalize", l2_normalize, no_workspace);

}  // namespace l2_normalize_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
