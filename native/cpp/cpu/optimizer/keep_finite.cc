#include "ops/optimizer/keep_finite.h"

#include "cpu/optimizer/multi_tensor.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status keep_finite(const Call& call) {
  if (!all_dense(call)) return {"keep_finite: dense f32 operands expected"};
  const int from = is_finite(call.in[0]) ? 1 : 0;
  for_tensor_chunks(call, 1, 2, [&](int k, int64_t begin, int64_t end, int64_t) {
    const float* source = call.in[1 + 2 * k + from].f32();
    float* out = call.out[k].f32();
    if (source != out) std::memcpy(out + begin, source + begin, static_cast<size_t>(end - begin) * sizeof(float));
  });
  return {};
}

VIDEOCLIP_KERNEL("keep_finite", keep_finite, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
