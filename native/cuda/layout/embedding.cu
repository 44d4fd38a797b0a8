// y[i, :] = weight[ids[i], :]; NaN for an id outside the table, since a kernel cannot report an error.
//
// ids is dense i32 [...]. weight [rows, C] and y [..., C] are of T (f32, bf16 or f16); either may be a channel slice. A
// block has 256 threads, and a thread has 4 vectors of up to 16 bytes. No shared memory. The rows are read once and y
// is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/strided_iterator.h"
#include "cuda/primitives/vector_access.h"
#include "ops/layout/embedding.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace embedding_op {

template <typename T>
struct EmbeddingArgs {
  Global<T> y;
  Global<const int32_t> ids;
  Global<const T> weight;
  StridedIterator<3> iterator;  // y, the ids (each repeated along its row), and the columns of the table
  int64_t weight_stride, rows;
};

template <typename T, int V>
__global__ void __launch_bounds__(kIteratorThreads) embedding_kernel(EmbeddingArgs<T> a) {
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[3];
    if (!a.iterator.template offsets<V>(u, at)) return;
    const int32_t id = a.ids.load(at[1]);
    float v[V];
    if (id >= 0 && id < a.rows) {
      load_values(a.weight, static_cast<size_t>(id) * static_cast<size_t>(a.weight_stride) + at[2], v);
    } else {
#pragma unroll
      for (int i = 0; i < V; ++i) v[i] = bits_to_float(0x7fc00000u);
    }
    store_values(a.y, at[0], v);
  }
}

Status embedding(const Call& call) {
  const Tensor &ids = call.in[0], &weight = call.in[1], &y = call.out[0];
  if (y.elements() == 0) return {};
  if (weight.dtype != y.dtype) return {"embedding: a table and an output of one type expected"};
  const int64_t C = weight.shape[1];
  Tensor operands[] = {y, y, y};
  operands[1].data = ids.data, operands[1].dtype = ids.dtype;
  operands[2].data = weight.data;
  for (int d = 0; d < y.rank; ++d) {
    operands[1].strides[d] = d + 1 < y.rank ? ids.strides[d] : 0;
    operands[2].strides[d] = d + 1 < y.rank ? 0 : 1;
  }
  const MergedStrides<3> merged(operands);
  int most = C == 1 ? 1 : merged.width(operands);  // with one column, the innermost axis is that of the ids
  while (weight.strides[0] % most) most /= 2;
  return for_float(y.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(most, [&](auto width) -> Status {
      Status status;
      const StridedIterator<3> iterator(merged, width, &status);
      if (!status) return status;
      const EmbeddingArgs<T> args{global<T>(y), global<const int32_t>(ids), global<const T>(weight),
                                  iterator,     weight.strides[0],          weight.shape[0]};
      return launch<embedding_kernel<T, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("embedding", embedding, no_workspace);

}  // namespace embedding_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
