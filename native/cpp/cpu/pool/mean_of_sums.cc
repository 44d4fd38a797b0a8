#include "ops/pool/mean_of_sums.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status mean_of_sums(const Call& call) {
  const MeanOfSumsAttributes attrs(call);
  const Tensor& sums = call.in[0];
  const Rows y(call.out[0]);
  const int64_t parts = sums.shape[1], channels = sums.shape[2], first = attrs.first;
  const float positions = static_cast<float>(attrs.positions);
  call.pool->parallel_for(y.rows, [&](int64_t n, int) {
    const float* in = sums.f32() + n * parts * channels + first;
    for (int64_t c = 0; c < y.channels; ++c) {
      float sum = 0;
      for (int64_t p = 0; p < parts; ++p) sum += in[p * channels + c];
      y.data[n * y.stride + c] = sum / positions;
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("mean_of_sums", mean_of_sums, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
