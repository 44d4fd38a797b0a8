#include "ops/layout/embedding.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status embedding(const Call& call) {
  const int32_t* ids = call.in[0].i32();
  const Rows weight(call.in[1]), y(call.out[0]);
  for (int64_t i = 0; i < y.rows; ++i) {
    if (ids[i] < 0 || ids[i] >= weight.rows) return {"embedding: an id lies outside the table"};
    std::memcpy(y.data + i * y.stride, weight.data + ids[i] * weight.stride,
                static_cast<size_t>(y.channels) * sizeof(float));
  }
  return {};
}

VIDEOCLIP_KERNEL("embedding", embedding, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
