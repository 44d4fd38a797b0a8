#include "ops/softmax.h"

#include <cmath>

#include "cpu/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status softmax(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const bool log = call.attrs[0] != 0;
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      float* out = y.data + r * y.stride;
      float top = in[0];
      for (int64_t c = 1; c < x.channels; ++c) top = in[c] > top ? in[c] : top;
      double sum = 0;
      for (int64_t c = 0; c < x.channels; ++c) {
        const double e = std::exp(static_cast<double>(in[c]) - top);
        sum += e;
        if (!log) out[c] = static_cast<float>(e);
      }
      const double shift = top + std::log(sum), inverse = 1 / sum;
      for (int64_t c = 0; c < x.channels; ++c) {
        out[c] = static_cast<float>(log ? in[c] - shift : out[c] * inverse);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("softmax", softmax, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
