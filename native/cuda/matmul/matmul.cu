// matmul: y[b, m, n] = sum_k A[b, m, k] B[b, k, n]
//
// a [..., M, K] or [..., K, M] and b [..., K, N] or [..., N, K] may be channel slices; y is [..., M, N]. Values are
// stored as f32, bf16 or f16 and summed in f32. Tensor cores compute 16-bit storage, FMA f32. Operands are not
// transposed in memory: an operand stored along K is copied and read as in gemm/mainloop.h; another one is copied in
// lines of K, which ldmatrix transposes. On Hopper GPUs, aligned 16-bit operands take gemm/pipeline.h. Tiles, threads
// and shared memory are in gemm/tiles.h.
//
// A product whose a is stored transposed is the gradient of weights: K counts rows, M and N count features. K is then
// split into parts that follow from M, N and K alone; their f32 sums go to the workspace and are added in order. No
// other product is split.
//
// a and b are read once (from L2 for each further tile), y is written once, parts are written and read once. FLOPs: 2 M
// N K. Bound by tensor cores from about 184 FLOP per byte on (H200); below, by memory.
//
// matmul.transposed.cu compiles the products whose a is stored transposed, this file the others.
#include "cuda/matmul/product.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace matmul_op {

size_t workspace(const Call& call, int) {
  const MatmulArgs p(call);
  const int64_t parts = has_parts(p, call.in[0].dtype) ? splits(p) * p.batch * p.M * p.N : 0;
  return static_cast<size_t>(parts) * sizeof(float);
}

Status run(const Call& call) {
  const MatmulArgs args(call);
  const Tensor& y = call.out[0];
  if (args.M > kMaxInt || args.N > kMaxInt || args.K > kMaxInt - 128 || args.batch > kMaxInt) {
    return {"matmul: an axis of more than 2^31 - 1"};
  }
  if (args.batch * args.M * args.N == 0) return {};
  if (args.transpose_a) return transposed_matmul(call, args);
  return for_float(call.in[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    return product_of_any_b<false, T>(call, args, global<T>(y), args.y.row, args.y.batch, widest_vector(y, args.N, 8));
  });
}

VIDEOCLIP_CUDA_KERNEL("matmul", run, workspace);

}  // namespace matmul_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
