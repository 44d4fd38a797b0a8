#include "ops/conv/conv3d_grad_weight.h"

#include "cpu/conv/depthwise_grad_weight.h"
#include "cpu/conv/windows_product.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

bool is_depthwise(const Call& call, const Conv3dGradWeightArgs& a) {
  return a.groups > 1 && a.groups == call.in[0].shape[4] && a.groups == call.in[1].shape[4];
}

size_t workspace(const Call& call, int threads) {
  const Conv3dGradWeightArgs a(call);
  if (is_depthwise(call, a)) return depthwise_grad_weight_bytes(call, a);
  return WindowsProduct(call, a).bytes(threads);
}

Status conv3d_grad_weight(const Call& call) {
  const Conv3dGradWeightArgs a(call);
  if (is_depthwise(call, a)) {
    depthwise_grad_weight(call, a);
  } else {
    WindowsProduct(call, a).run(call);
  }
  return {};
}

VIDEOCLIP_KERNEL("conv3d_grad_weight", conv3d_grad_weight, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
