#include "ops/conv/conv3d_bf16.h"

#include "cpu/conv/convolution.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status conv3d_bf16(const Call& call) {
  if (Conv3dArgs(call).groups != 1) return {"conv3d_bf16: groups"};
  if (call.in[0].dtype != DType::bf16) return {"conv3d_bf16: x is not bf16"};
  return call.out[0].dtype == DType::f32 ? convolution_of<Bf16, float>(call) : convolution_of<Bf16>(call);
}

VIDEOCLIP_KERNEL("conv3d_bf16", conv3d_bf16, convolution_workspace_of<Bf16>);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
