#include "ops/layout/permute.h"

#include "cpu/primitives/strided_copy.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status permute(const Call& call) {
  const PermuteAttributes attrs(call);
  const Tensor& x = call.in[0];
  Tensor view = x;
  for (int i = 0; i < x.rank; ++i) {
    const int from = static_cast<int>(attrs.order[i]);
    view.shape[i] = x.shape[from];
    view.strides[i] = x.strides[from];
  }
  strided_copy(call, call.out[0], view);
  return {};
}

VIDEOCLIP_KERNEL("permute", permute, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
