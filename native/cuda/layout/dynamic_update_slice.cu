// y = x, but y[:, start + s, :] = part[:, s, :].
//
// x and y [N, T, C], part [N, S, C] of f32, any views; start i32 [1]. Where y is the memory of x, the part alone is
// written; else x is copied first (strided_copy.h). 256 threads, 4 vectors of up to 16 bytes each; no shared memory.
// Bytes: one read and one write of the part (and of x where it is copied): bound by memory. Share of the roofline: not
// yet measured.
#include "cuda/primitives/strided_copy.h"
#include "ops/layout/dynamic_update_slice.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

struct UpdateArgs {
  Global<uint32_t> y;
  Global<const uint32_t> part;
  Global<const int32_t> start;
  Walk<2> walk;
  int64_t row, last;  // elements between places, and the last start that the part fits at
};

template <int V>
__global__ void __launch_bounds__(kWalkThreads) update_kernel(UpdateArgs a) {
  const int32_t start = a.start.load(0);
  if (start < 0 || start > a.last) return;
  const size_t offset = static_cast<size_t>(start) * static_cast<size_t>(a.row);
#pragma unroll
  for (int u = 0; u < kWalkUnroll; ++u) {
    size_t at[2];
    if (!a.walk.template place<V>(u, at)) return;
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
  Tensor block = y;  // where the part would lie at start 0
  block.shape[1] = part.shape[1];
  const Tensor operands[] = {block, part};
  const Views<2> views(operands);
  int most = views.width(operands);
  while (y.strides[1] % most) most /= 2;  // it begins at any place
  return for_width<uint32_t>(most, [&](auto width) -> Status {
    Status status;
    const Walk<2> walk(views, width, &status);
    if (!status) return status;
    const UpdateArgs args{global<uint32_t>(y), global<const uint32_t>(part), global<const int32_t>(start), walk,
                          y.strides[1],        y.shape[1] - part.shape[1]};
    return launch(update_kernel<width>, Grid{walk.blocks}, kWalkThreads, 0, call.stream, args);
  });
}

VIDEOCLIP_CUDA_KERNEL("dynamic_update_slice", dynamic_update_slice, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
