// linear: y[m, o] = act( sum_i x[m, i] W[o, i] + b[o] + s[o] r[m, o] )
//
// x [M, in] is rows and may be a slice; W [out, in] is dense; b and s [out] are f32; r and y [M, out] are rows. Values
// are stored as f32, bf16 or f16; sums, bias and activation are in f32. The product is that of gemm/mainloop.h: tensor
// cores for 16-bit storage, FMA for f32; on Hopper GPUs that of gemm/pipeline.h for 16-bit storage. Tiles, threads and
// shared memory are in gemm/tiles.h. x and r are read once, W once for each range of rows (from L2); y is written once.
// FLOPs: 2 M in out. Bound by tensor cores from about 184 FLOP per byte on (H200), which needs more than 200 rows and
// 500 features; below, by memory.
#include "cuda/gemm/mainloop.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/vector.h"
#include "ops/matmul/linear.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace linear_op {

using gemm::Matrix;

template <typename T>
Status linear(const Call& call) {
  const Tensor &x = call.in[0], &weight = call.in[1], &residual = call.in[3], &y = call.out[0];
  const Rows in(x), out(y);
  if (in.rows > 0x7fffffff) return {"linear: more than 2^31 - 1 rows"};
  const auto rows = static_cast<int>(in.rows), K = static_cast<int>(in.channels), N = static_cast<int>(out.channels);

  gemm::Arguments<T, Matrix<T>> p = {};
  p.a = {global<const T>(x), in.stride, rows, K};
  p.b = {global<const T>(weight), K, N, K};
  p.groups = 1;
  p.out.data[0] = global<T>(y);
  p.out.stride[0] = out.stride;
  for (int s = 1; s < gemm::kMaxOutputs; ++s) p.out.first[s] = N;
  p.out.bias = global<const float>(call.in[2]);
  p.out.residual = global<const T>(residual);
  p.out.residual_stride = residual ? Rows(residual).stride : 0;
  p.out.residual_scale = global<const float>(call.in[4]);
  p.out.rows = rows;
  p.out.columns = N;
  p.out.activation = static_cast<int>(LinearAttributes(call).activation);
  p.out.vector = min(widest_vector(y, N, 8), widest_vector(residual, N, 8));

  int64_t clip_rows = 1;
  for (int i = 1; i + 1 < x.rank; ++i) clip_rows *= x.shape[i];
  const int vector = min(widest_vector(x, K, 8), widest_vector(weight, K, 8));
  return gemm::multiply<gemm::Features<false, true, false>>(p, clip_rows, vector, call);
}

Status run(const Call& call) {
  return for_float(call.in[0].dtype, [&](auto zero) { return linear<decltype(zero)>(call); });
}

VIDEOCLIP_CUDA_KERNEL("linear", run, no_workspace);

}  // namespace linear_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
