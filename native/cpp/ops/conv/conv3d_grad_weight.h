#pragma once
// conv3d_grad_weight: dW[o,i,k] = sum over positions m of dy[m,o] x[n, t*st+kt-pt, h*sh+kh-ph, w*sw+kw-pw, i]
//
// in  0 x  [N, T, H, W, Cin]        channels-last, may be a channel slice
//     1 dy [N, T', H', W', Cout]    alike
// out 0 dW [Cout, Cin / groups, kT, kH, kW]    f32
// attrs    groups, kT kH kW, sT sH sW, low padding T H W
#include "runtime/kernel.h"

namespace videoclip {

struct Conv3dGradWeightArgs {
  int64_t groups;
  int64_t kernel[3], stride[3], low[3];

  explicit Conv3dGradWeightArgs(const Call& call) {
    const auto at = [&](int i) { return static_cast<int64_t>(call.attrs[i]); };
    groups = at(0);
    for (int i = 0; i < 3; ++i) kernel[i] = at(1 + i), stride[i] = at(4 + i), low[i] = at(7 + i);
  }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

}  // namespace videoclip
