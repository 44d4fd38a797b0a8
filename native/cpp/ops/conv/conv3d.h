#pragma once
// conv3d: y[n,t,h,w,o] = act( sum_{k,i} scale[n,i] x[n, t*st+kt-pt, h*sh+kh-ph, w*sw+kw-pw, i] W[o,i,k] + b[o] +
// r[n,t,h,w,o] )
//
// in  0 x         [N, T, H, W, Cin]         channels-last, may be a channel slice
//     1 weight    packed (pack_conv_weight); published shape [Cout, Cin / groups, kT, kH, kW]
//     2 bias      [Cout]                     optional
//     3 residual  like y, one output only    optional
//     4 scale     [N, Cin]                   optional; 1x1x1, stride 1, no padding, one group only
// out s y_s       [N, T', H', W', split[s]]  consecutive ranges of the Cout channels, each a view of its own
// attrs           groups, Cout, activation (order of ops/unary.h, -1 none), kT kH kW, sT sH sW, low padding T H W,
//                 high padding T H W, then the widths of the outputs
#include "runtime/kernel.h"

namespace videoclip {

// Whether the taps along W and their channels count as one run, in a convolution of few channels.
inline bool merges_width(int64_t kernel_w, int64_t channels) {
  return kernel_w > 1 && channels <= 32 && kernel_w * channels <= 4096;
}

constexpr int64_t kConvRelu = 0, kConvSwish = 5;  // of ops/unary.h

struct Conv3dArgs {
  int64_t groups, out_channels, activation;
  int64_t kernel[3], stride[3], low[3], high[3];
  const double* split;
  int splits;

  explicit Conv3dArgs(const Call& call) {
    const double* a = call.attrs;
    groups = static_cast<int64_t>(a[0]);
    out_channels = static_cast<int64_t>(a[1]);
    activation = static_cast<int64_t>(a[2]);
    for (int i = 0; i < 3; ++i) {
      kernel[i] = static_cast<int64_t>(a[3 + i]);
      stride[i] = static_cast<int64_t>(a[6 + i]);
      low[i] = static_cast<int64_t>(a[9 + i]);
      high[i] = static_cast<int64_t>(a[12 + i]);
    }
    split = a + 15;
    splits = call.attr_count - 15;
  }
  bool is_depthwise(int64_t channels) const { return groups > 1 && groups == channels && groups == out_channels; }
  bool relu() const { return activation == kConvRelu; }
  bool merges_width(int64_t channels) const { return videoclip::merges_width(kernel[2], channels); }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

}  // namespace videoclip
