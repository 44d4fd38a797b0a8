#include "ops/pool/avg_pool3d_grad.h"

#include "cpu/pool/window_gather.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status avg_pool3d_grad(const Call& call) {
  const AvgPool3dAttributes a(call);
  const Tensor &dy = call.in[0], &dx = call.out[0];
  const int64_t C = dx.shape[4];
  for_each_row(call, dx, [&](int64_t n, int64_t t, int64_t h, int) {
    const Windows wt(a, 0, t, dy.shape[1]), wh(a, 1, h, dy.shape[2]);
    float* out = dx.f32() + n * dx.strides[0] + t * dx.strides[1] + h * dx.strides[2];
    for (int64_t w = 0; w < dx.shape[3]; ++w, out += dx.strides[3]) {
      const Windows ww(a, 2, w, dy.shape[3]);
      for (int64_t c = 0; c < C; c += kLanes) {
        Vec sum = {};
        for (int64_t ot = wt.begin; ot < wt.end; ++ot) {
          const Window in_t(a, 0, ot, dx.shape[1]);
          for (int64_t oh = wh.begin; oh < wh.end; ++oh) {
            const Window in_h(a, 1, oh, dx.shape[2]);
            const float* grad = dy.f32() + n * dy.strides[0] + ot * dy.strides[1] + oh * dy.strides[2] + c;
            for (int64_t ow = ww.begin; ow < ww.end; ++ow) {
              const Window in_w(a, 2, ow, dx.shape[3]);
              const int64_t count = a.count_include_pad ? in_t.padded * in_h.padded * in_w.padded
                                                        : in_t.inside() * in_h.inside() * in_w.inside();
              sum += load_some(grad + ow * dy.strides[3], C - c) / static_cast<float>(count);
            }
          }
        }
        store_some(out + c, sum, C - c);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("avg_pool3d_grad", avg_pool3d_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
