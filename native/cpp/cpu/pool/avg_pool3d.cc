#include "ops/pool/avg_pool3d.h"

#include "cpu/pool/window.h"
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename T>
Status avg_pool(const Call& call) {
  const AvgPool3dAttributes a(call);
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t C = x.shape[4];
  constexpr int64_t kChunk = 64;
  for_each_output_row(call, [&](int64_t n, int64_t ot, int64_t oh) {
    const Window t(a, 0, ot, x.shape[1]), h(a, 1, oh, x.shape[2]);
    for (int64_t ow = 0; ow < y.shape[3]; ++ow) {
      const Window w(a, 2, ow, x.shape[3]);
      const double divisor = static_cast<double>(a.count_include_pad ? t.padded * h.padded * w.padded
                                                                     : t.inside() * h.inside() * w.inside());
      T* out = values<T>(y) + n * y.strides[0] + ot * y.strides[1] + oh * y.strides[2] + ow * y.strides[3];
      for (int64_t c0 = 0; c0 < C; c0 += kChunk) {
        const int64_t count = min64(kChunk, C - c0);
        double sum[kChunk] = {};
        for (int64_t it = t.begin; it < t.end; ++it) {
          for (int64_t ih = h.begin; ih < h.end; ++ih) {
            for (int64_t iw = w.begin; iw < w.end; ++iw) {
              const T* in =
                  values<T>(x) + n * x.strides[0] + it * x.strides[1] + ih * x.strides[2] + iw * x.strides[3] + c0;
              for (int64_t c = 0; c < count; ++c) sum[c] += static_cast<double>(value(in[c]));
            }
          }
        }
        for (int64_t c = 0; c < count; ++c) set(out + c0 + c, static_cast<float>(sum[c] / divisor));
      }
    }
  });
  return {};
}

Status avg_pool3d(const Call& call) {
  return for_storage(call.in[0], [&](auto zero) { return avg_pool<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("avg_pool3d", avg_pool3d, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
