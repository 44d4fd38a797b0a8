#include "ops/elementwise/preprocess.h"

#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename Value>
Status normalise(const Call& call) {
  const Tensor &x = call.in[0], &y = call.out[0];
  const PreprocessAttributes attrs(call);
  const int64_t top = attrs.top, left = attrs.left;
  const int64_t block = attrs.space_to_depth ? 2 : 1;
  Value table[3][256];
  for (int c = 0; c < 3; ++c) {
    for (int v = 0; v < 256; ++v) set(&table[c][v], static_cast<float>((v / 255.0 - attrs.mean[c]) / attrs.std[c]));
  }
  const int64_t T = y.shape[1], H = y.shape[2], W = y.shape[3];
  call.pool->parallel_for(y.shape[0] * T * H, [&](int64_t i, int) {
    const int64_t n = i / (T * H), t = i / H % T, h = i % H;
    Value* out = values<Value>(y) + n * y.strides[0] + t * y.strides[1] + h * y.strides[2];
    for (int64_t w = 0; w < W; ++w, out += y.strides[3]) {
      Value* o = out;
      for (int64_t d = 0; d < block * block * block; ++d, o += 3) {
        const int64_t dt = block == 2 ? d >> 2 : 0, dh = block == 2 ? d >> 1 & 1 : 0, dw = block == 2 ? d & 1 : 0;
        const uint8_t* in = x.u8() + n * x.strides[0] + (t * block + dt) * x.strides[1] +
                            (top + h * block + dh) * x.strides[2] + (left + w * block + dw) * x.strides[3];
        for (int c = 0; c < 3; ++c) o[c] = table[c][in[c]];
      }
    }
  });
  return {};
}

Status preprocess(const Call& call) {
  return for_storage(call.out[0], [&](auto zero) { return normalise<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("preprocess", preprocess, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
