#pragma once
// The launch of a product of matmul: the choice of its kernel and of the parts of K. matmul.cu and matmul.transposed.cu
// include it, each for one way in which a is stored.
#include "cuda/matmul/kernel.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/vector.h"
#include "ops/matmul/matmul.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace matmul_op {

constexpr int64_t kMaxInt = 0x7fffffff;
constexpr int64_t kFill = 256;       // blocks that fill a GPU: about two per SM
constexpr int64_t kPartRows = 1024;  // length of a part of K; shorter parts would spend their time on the f32 sums

inline int64_t tiles(int64_t n, int size) { return (n + size - 1) / size; }

inline int64_t splits(const MatmulArgs& p) {
  if (!p.transpose_a) return 1;
  const int64_t most = max<int64_t>(1, kFill / max<int64_t>(1, tiles(p.M, 128) * tiles(p.N, 128)));
  return max<int64_t>(1, min(most, tiles(p.K, kPartRows)));
}

inline bool has_parts(const MatmulArgs& p, DType dtype) {
  return p.transpose_a && (dtype != DType::f32 || splits(p) > 1);
}

template <bool kLinesA, bool kLinesB, class Tile, int V, bool kTensorCores, typename T, typename Out>
Status start(gemm::Product<T, Out> p, Stream stream) {
  p.tiles_m = (p.a.rows + Tile::kM - 1) / Tile::kM, p.tiles_n = (p.b.rows + Tile::kN - 1) / Tile::kN;
  const int64_t blocks = static_cast<int64_t>(p.tiles_m) * p.tiles_n;
  if (blocks > kMaxInt / (static_cast<int64_t>(p.splits) * p.batch)) return {"matmul: more than 2^31 - 1 tiles"};
  const int steps = (p.K + gemm::kStep<T> - 1) / gemm::kStep<T>;
  p.steps = (steps + p.splits - 1) / p.splits;
  return launch<gemm::matmul_kernel<kLinesA, kLinesB, Tile, V, kTensorCores, T, Out>>(
      Grid{blocks * p.splits * p.batch}, Tile::kThreads, Tile::kStages * Tile::kStageBytes, stream, p);
}

// The product on a Hopper GPU. Returns false, and does nothing, where it is not supported.
template <bool kLinesA, bool kLinesB, class Tile, typename T, typename Out>
bool pipeline(const gemm::Product<T, Out>& p, const Call& call, Status* status) {
  using Shape = gemm::PipelineTile<Tile::kM, Tile::kN>;
  if (!call.gpu.hopper || p.K == 0) return false;
  gemm::PipelineArguments<T, Out> q = {};
  const auto encode = [&](TensorMap* map, const gemm::Operand<T>& x, bool lines, int rows, bool* batched) {
    *batched = p.batch > 1 && x.batch > 0;
    const int64_t batch = *batched ? p.batch : 1, next = *batched ? x.batch : x.stride, K = p.K, all = x.rows;
    return lines ? encode_tiled<3, T>(map, x.data, {all, K, batch}, {1, x.stride, next}, {kBoxValues, kBoxValues, 1})
                 : encode_tiled<3, T>(map, x.data, {K, all, batch}, {1, x.stride, next}, {kBoxValues, rows, 1});
  };
  if (!encode(&q.a, p.a, kLinesA, Shape::kM, &q.batched_a)) return false;
  if (!encode(&q.b, p.b, kLinesB, Shape::kN, &q.batched_b)) return false;
  const int64_t steps = tiles(p.K, gemm::kStep<T>);
  q.out = p.out, q.out_batch = p.out_batch;
  q.channels = p.K, q.taps = 1;
  q.batch = p.batch, q.split_channels = static_cast<int>(tiles(steps, p.splits)) * gemm::kStep<T>;
  return gemm::start_pipeline<gemm::Features<false, false, false>, Shape, kLinesA, kLinesB>(
      q, tiles(p.a.rows, Shape::kM), p.splits, call, status);
}

// Chooses the kernel of this generation of GPUs.
template <bool kLinesA, bool kLinesB, class Tile, typename T, typename Out>
Status start_wide(const gemm::Product<T, Out>& p, const Call& call) {
  Status status;
  if (pipeline<kLinesA, kLinesB, Tile>(p, call, &status)) return status;
  return start<kLinesA, kLinesB, Tile, 8, true>(p, call.stream);
}

// Copies of single elements and A^T B^T are rare and have one tile only, because each kernel costs compile time.
template <bool kLinesA, bool kLinesB, typename T, typename Out>
Status multiply(const gemm::Product<T, Out>& p, int vector, const Call& call) {
  if constexpr (sizeof(T) == 4) {
    if constexpr (!kLinesA && !kLinesB) {
      if (call.tf32 && vector >= 4) return start<false, false, gemm::Tile64x64, 4, true>(p, call.stream);
    }
    if (vector >= 4) return start<kLinesA, kLinesB, gemm::TileF32, 4, false>(p, call.stream);
    return start<kLinesA, kLinesB, gemm::TileF32, 1, false>(p, call.stream);
  } else {
    if (vector < 8) return start<kLinesA, kLinesB, gemm::Tile64x64, 1, true>(p, call.stream);
    if constexpr (!(kLinesA && kLinesB)) {
      const int64_t large = tiles(p.a.rows, 128) * tiles(p.b.rows, 128) * p.batch * p.splits;
      if (large >= kFill / 2) return start_wide<kLinesA, kLinesB, gemm::Tile128x128>(p, call);
    }
    return start_wide<kLinesA, kLinesB, gemm::Tile64x64>(p, call);
  }
}

template <bool kLinesA, bool kLinesB, typename T, typename Out>
Status product(const Call& call, const MatmulArgs& args, Global<Out> out, int64_t row, int64_t batch, int vector) {
  const Tensor &a = call.in[0], &b = call.in[1];
  gemm::Product<T, Out> p = {};
  p.a = {global<const T>(a), args.a.batch, args.a.row, static_cast<int>(args.M)};
  p.b = {global<const T>(b), args.b.batch, args.b.row, static_cast<int>(args.N)};
  p.K = static_cast<int>(args.K), p.batch = static_cast<int>(args.batch);
  p.splits = static_cast<int>(splits(args));
  p.out.data[0] = out;
  p.out.stride[0] = row;
  for (int s = 1; s < gemm::kMaxOutputs; ++s) p.out.first[s] = p.b.rows;
  p.out.rows = p.a.rows, p.out.columns = p.b.rows;
  p.out.activation = kIdentity;
  p.out.vector = vector;
  p.out_batch = batch;
  const int width = min(widest_vector(a, a.shape[a.rank - 1], 8), widest_vector(b, b.shape[b.rank - 1], 8));
  return multiply<kLinesA, kLinesB>(p, width, call);
}

// Chooses by the way in which b is stored.
template <bool kLinesA, typename T, typename Out>
Status product_of_any_b(const Call& call, const MatmulArgs& args, Global<Out> out, int64_t row, int64_t batch,
                        int vector) {
  if (args.transpose_b) return product<kLinesA, false, T>(call, args, out, row, batch, vector);
  return product<kLinesA, true, T>(call, args, out, row, batch, vector);
}

// The products whose a is stored transposed, of at least one output (matmul.transposed.cu).
Status transposed_matmul(const Call& call, const MatmulArgs& args);

}  // namespace matmul_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
