// dx[p, c] = sum of dy / count over the windows that contain p, with the counts of avg_pool3d.
//
// dy [N, T', H', W', C] and dx [N, T, H, W, C] are of T (f32, bf16 or f16); either may be a channel slice. Sums are in
// f32, in the order of the windows. A block has 256 threads, and a thread has a vector of up to 16 bytes of channels of
// one input position. No shared memory. dy is read from memory once (overlapping windows come from L1 and L2), and dx
// is written once.
#include "cuda/pool/window_gather.h"
#include "ops/pool/avg_pool3d_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace avg_pool3d_grad_op {

template <typename T>
struct AvgGradArgs {
  Global<T> dx;
  Global<const T> dy;
  Pool pool;
  Positions positions;
};

template <typename T, int V>
__global__ void __launch_bounds__(kGatherThreads, kGatherBlocks) avg_pool_grad_kernel(AvgGradArgs<T> a) {
  int n, at[3], column, index;
  if (!a.positions.locate(&n, at, &column, &index)) return;
  const PoolAxis* axis = a.pool.axis;
  const WindowRange wt(axis[0], at[0]), wh(axis[1], at[1]), ww(axis[2], at[2]);
  const auto c = static_cast<size_t>(column * V);
  float sum[V] = {};
  for (int ot = wt.begin; ot < wt.end; ++ot) {
    const Window in_t(axis[0], ot);
    for (int oh = wh.begin; oh < wh.end; ++oh) {
      const Window in_h(axis[1], oh);
      // not unrolled: several outputs at once need more registers than 4 blocks per SM leave on sm_100 and sm_120
#pragma unroll 1
      for (int ow = ww.begin; ow < ww.end; ++ow) {
        const Window in_w(axis[2], ow);
        const int count = a.pool.padding_counts ? in_t.padded * in_h.padded * in_w.padded
                                                : in_t.inside() * in_h.inside() * in_w.inside();
        float v[V];
        load_values(a.dy, pool_offset(a.pool.y, n, ot, oh, ow) + c, v);
#pragma unroll
        for (int i = 0; i < V; ++i) sum[i] += v[i] / static_cast<float>(count);
      }
    }
  }
  store_values(a.dx, pool_offset(a.pool.x, n, at[0], at[1], at[2]) + c, sum);
}

Status avg_pool3d_grad(const Call& call) {
  const Tensor &dy = call.in[0], &dx = call.out[0];
  if (dx.elements() == 0) return {};
  const AvgPool3dAttributes attrs(call);
  const Pool pool(attrs, attrs.count_include_pad, dx, dy);
  const int width = widest_vector(dy, pool.channels, widest_vector(dx, pool.channels, 8));
  return for_float(dx.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(width, [&](auto width) -> Status {
      Status status;
      const AvgGradArgs<T> args{global<T>(dx), global<const T>(dy), pool, Positions(dx, width, &status)};
      if (!status) return status;
      return launch<avg_pool_grad_kernel<T, width>>(args.positions.grid(), kGatherThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("avg_pool3d_grad", avg_pool3d_grad, no_workspace);

}  // namespace avg_pool3d_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
