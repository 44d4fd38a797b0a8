#include "ops/conv/conv3d_bf16.h"

#include "cpu/conv/dense_convolution.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status conv3d_bf16(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (a.groups != 1) return {"conv3d_bf16: groups"};
  if (call.in[0].dtype != DType::bf16) return {"conv3d_bf16: x is not bf16"};
  return call.out[0].dtype == DType::f32 ? dense<Bf16, float>(call, a, g) : dense<Bf16>(call, a, g);
}

VIDEOCLIP_KERNEL("conv3d_bf16", conv3d_bf16, dense_workspace<Bf16>);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
