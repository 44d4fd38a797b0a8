#include "ops/conv/conv3d_bf16.h"

#include "cpu/conv/implicit_gemm.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status conv3d_bf16(const Call& call) {
  const Conv3dArgs a(call);
  if (a.groups != 1) return {"conv3d_bf16: groups"};
  return convolve_groups<true>(call, a, Geometry(call));
}

VIDEOCLIP_KERNEL("conv3d_bf16", conv3d_bf16, workspace<true>);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
