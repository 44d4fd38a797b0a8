#include "ops/conv/conv3d_sums.h"

#include <algorithm>

#include "cpu/conv/convolution.h"
#include "cpu/conv/geometry.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// The positions of a clip in a part: `count` from `first` on.
struct Part {
  int64_t first, count;

  Part(const Conv3dArgs& a, const Geometry& g, int64_t part) {
    if (a.is_depthwise(g.C)) {
      const int64_t bands = ceil_div(g.oH, int64_t{kSumLines}), line = part % bands * kSumLines;
      first = (part / bands * g.oH + line) * g.oW;
      count = min64(kSumLines, g.oH - line) * g.oW;
    } else {
      first = part * kSumPositions;
      count = min64(kSumPositions, g.oT * g.oH * g.oW - first);
    }
  }
};

Status conv3d_sums(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  const Status status = convolution(call);
  if (!status) return status;
  const Tensor& sums = call.out[a.split.count];
  const int64_t parts = sums.shape[1], positions = g.oT * g.oH * g.oW;
  call.pool->parallel_for(g.N * parts, [&](int64_t task, int) {
    const Part part(a, g, task % parts);
    float* sum = sums.f32() + task * a.out_channels;
    std::fill(sum, sum + a.out_channels, 0.0f);
    for (int s = 0; s < a.split.count; ++s) {
      const Rows y(call.out[s]);
      const float* row = y.data + (task / parts * positions + part.first) * y.stride;
      for (int64_t r = 0; r < part.count; ++r, row += y.stride) {
        for (int64_t c = 0; c < y.channels; ++c) sum[c] += row[c];
      }
      sum += y.channels;
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("conv3d_sums", conv3d_sums, convolution_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
