#include "ops/conv3d.h"

#include "cpu/depthwise.h"
#include "cpu/depthwise_frames.h"
#include "cpu/depthwise_sliding.h"
#include "cpu/implicit_gemm.h"
#include "cpu/pointwise.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

bool is_depthwise(const Conv3dArgs& a, const Geometry& g) {
  return a.groups > 1 && a.groups == g.C && a.groups == a.out_channels;
}

size_t conv3d_workspace(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (is_depthwise(a, g)) {
    const size_t bytes = is_along_frames(call, a, g) ? frames_scratch(a, g)
                         : is_sliding(a)             ? sliding_scratch(call, g)
                                                     : 0;
    return bytes * static_cast<size_t>(threads);
  }
  return is_pointwise(a) ? pointwise_workspace<false>(call, g, threads) : workspace<false>(call, threads);
}

Status convolution(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  if (!is_depthwise(a, g)) return is_pointwise(a) ? pointwise<false>(call, a, g) : convolve_groups<false>(call, a, g);
  if (is_sliding(a)) {
    depthwise_sliding(call, a, g);
  } else if (!is_along_frames(call, a, g)) {
    return depthwise(call, a, g, kZeros, kZeroFloats);
  } else if (a.kernel[0] == 3) {
    depthwise_frames<3>(call, a, g);
  } else {
    depthwise_frames<5>(call, a, g);
  }
  return {};
}

// In place, for the kernels that have no swish of their own.
void swish_outputs(const Call& call) {
  for (int s = 0; s < call.outputs; ++s) {
    const Rows y(call.out[s]);
    const int64_t step = rows_per_task(y.channels);
    call.pool->parallel_for(ceil_div(y.rows, step), [&](int64_t task, int) {
      for (int64_t r = task * step; r < min64(y.rows, (task + 1) * step); ++r) {
        float* row = y.data + r * y.stride;
        for (int64_t c = 0; c < y.channels; c += kLanes) {
          store_some(row + c, swish(load_some(row + c, y.channels - c)), y.channels - c);
        }
      }
    });
  }
}

Status conv3d(const Call& call) {
  Conv3dArgs a(call);
  const Geometry g(call);
  if (a.activation == kConvSwish && !is_depthwise(a, g)) return {"conv3d: swish is for depthwise convolutions"};
  if (a.activation != kConvSwish || is_sliding(a)) return convolution(call, a, g);
  a.activation = 0;
  const Status status = convolution(call, a, g);
  if (status) swish_outputs(call);
  return status;
}

VIDEOCLIP_KERNEL("conv3d", conv3d, conv3d_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
