#include "ops/conv3d_sums.h"

#include <algorithm>

#include "cpu/implicit_gemm.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status conv3d_sums(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (a.groups > 1 && a.groups == g.C && a.groups == a.out_channels) return {"conv3d_sums: depthwise"};
  const Status status = convolve_groups<false>(call, a, g);
  if (!status) return status;
  const Tensor& sums = call.out[a.splits];
  const int64_t parts = sums.shape[1], positions = g.oT * g.oH * g.oW;
  call.pool->parallel_for(g.N * parts, [&](int64_t task, int) {
    const int64_t first = task % parts * kSumPositions, count = min64(kSumPositions, positions - first);
    float* sum = sums.f32() + task * a.out_channels;
    std::fill(sum, sum + a.out_channels, 0.0f);
    for (int s = 0; s < a.splits; ++s) {
      const Rows y(call.out[s]);
      const float* row = y.data + (task / parts * positions + first) * y.stride;
      for (int64_t r = 0; r < count; ++r, row += y.stride) {
        for (int64_t c = 0; c < y.channels; ++c) sum[c] += row[c];
      }
      sum += y.channels;
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("conv3d_sums", conv3d_sums, workspace<false>);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
