#pragma once
// conv3d_grad_input: dx[n,t,h,w,i] = sum over taps k and channels o of dy[n, (t+kt-lt)/st, (h+kh-lh)/sh, (w+kw-lw)/sw,
// o] W[i,o,k], over the taps whose quotients are whole and inside dy: a convolution of dy with stride - 1 zeros between
// its positions.
//
// in  0 dy     [N, T', H', W', Cout]   channels-last, may be a channel slice
//     1 weight packed (pack_conv_weight); published shape [Cin, Cout / groups, kT, kH, kW] (transpose_conv_weight)
// out 0 dx     [N, T, H, W, Cin]
// attrs        groups, Cin, kT kH kW, sT sH sW, lT lH lW (kernel - 1 - low padding of the convolution; may be negative)
#include "runtime/kernel.h"

namespace videoclip {

struct Conv3dGradInputArgs {
  int64_t groups, channels;
  int64_t kernel[3], stride[3], low[3];

  explicit Conv3dGradInputArgs(const Call& call) {
    const auto at = [&](int i) { return static_cast<int64_t>(call.attrs[i]); };
    groups = at(0), channels = at(1);
    for (int i = 0; i < 3; ++i) kernel[i] = at(2 + i), stride[i] = at(5 + i), low[i] = at(8 + i);
  }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

}  // namespace videoclip
