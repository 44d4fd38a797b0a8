// y = x, but y[:, start + s, :] = part[:, s, :].
//
// x and y [N, T, C] and part [N, S, C] are views of f32; start is i32 [1]. If y is the memory of x, only the part is
// written; otherwise x is copied first (strided_copy.h). A block has 256 threads, and a thread has 4 vectors of up to
// 16 bytes. No shared memory. The part (and x, if it is copied) is read once and written once: bound by memory.
#include "cuda/primitives/strided_copy.h"
#include "ops/layout/dynamic_update_slice.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace dynamic_update_slice_op {

struct UpdateArgs {
  Global<uint32_t> y;
  Global<const uint32_t> part;
  Global<const int32_t> start;
  StridedIterator<2> iterator;
  int64_t row, last;  // elements from one position to the next, and the last start for which the part fits
};

template <int V>
__global__ void __launch_bounds__(kIteratorThreads) update_kernel(UpdateArgs a) {
  const int32_t start = a.start.load(0);
  if (start < 0 || start > a.last) return;
  const size_t offset = static_cast<size_t>(start) * static_cast<size_t>(a.row);
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[2];
    if (!a.iterator.template offsets<V>(u, at)) return;
    Chunk<uint32_t, V> chunk;
    chunk.load(a.part, at[1]);
    chunk.store(a.y, at[0] + offset);
  }
}

Status dynamic_update_slice(const Call& call) {
  const Tensor &x = call.in[0], &part = call.in[1], &start = call.in[2], &y = call.out[0];
  if (y.elements() == 0) return {};
  if (x.data != y.data) {
    const Status status = strided_copy(call, y, x);
    if (!status) return status;
  }
  Tensor block = y;  // the view of the part at start 0
  block.shape[1] = part.shape[1];
  const Tensor operands[] = {block, part};
  const MergedStrides<2> merged(operands);
  int most = merged.width(operands);
  while (y.strides[1] % most) most /= 2;  // the part may begin at any position
  return for_width<uint32_t>(most, [&](auto width) -> Status {
    Status status;
    const StridedIterator<2> iterator(merged, width, &status);
    if (!status) return status;
    const UpdateArgs args{global<uint32_t>(y), global<const uint32_t>(part), global<const int32_t>(start), iterator,
                          y.strides[1],        y.shape[1] - part.shape[1]};
    return launch<update_kernel<width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
  });
}

VIDEOCLIP_CUDA_KERNEL("dynamic_update_slice", dynamic_update_slice, no_workspace);

}  // namespace dynamic_update_slice_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
