// Products of matmul whose a is stored [..., K, M]: see matmul.cu.
#include "cuda/matmul/product.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace matmul_op {

template <typename T>
Status add_parts(const Call& call, const MatmulArgs& args, Global<const float> parts) {
  const int64_t rows = args.batch * args.M, blocks = (rows * args.N + gemm::kSumThreads - 1) / gemm::kSumThreads;
  if (rows > kMaxInt || blocks > kMaxInt) return {"matmul: more than 2^31 - 1 rows or blocks of outputs"};
  const gemm::Parts<T> p = {
      global<T>(call.out[0]),  parts, args.y.row, static_cast<int>(splits(args)), static_cast<int>(rows),
      static_cast<int>(args.N)};
  return launch<gemm::add_parts_kernel<T>>(Grid{blocks}, gemm::kSumThreads, 0, call.stream, p);
}

template <typename T>
Status multiply_transposed(const Call& call, const MatmulArgs& args) {
  const Tensor& y = call.out[0];
  if (sizeof(T) == 4 && !has_parts(args, y.dtype)) {
    return product_of_any_b<true, T>(call, args, global<float>(y), args.y.row, args.y.batch,
                                     widest_vector(y, args.N, 4));
  }
  const Global<float> parts(reinterpret_cast<float*>(call.workspace),
                            static_cast<size_t>(splits(args) * args.batch * args.M * args.N));
  const int vector = args.N % 4 == 0 ? 4 : args.N % 2 == 0 ? 2 : 1;
  const Status status = product_of_any_b<true, T>(call, args, parts, args.N, args.M * args.N, vector);
  if (!status) return status;
  return add_parts<T>(call, args, parts);
}

Status transposed_matmul(const Call& call, const MatmulArgs& args) {
  return for_float(call.in[0].dtype, [&](auto zero) { return multiply_transposed<decltype(zero)>(call, args); });
}

}  // namespace matmul_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
