#pragma once
// Layout of packed convolution and linear weights. The columns (output channels) of each segment (a group, or one
// output of a split) are divided into panels of kPanel columns. A last panel of at most kLanes columns is stored kLanes
// wide. A panel holds [taps][channels][width] floats; missing columns are zero.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

struct Panels {
  int64_t columns, depth;  // sizes of one segment; depth = taps * channels

  int64_t count() const { return ceil_div(columns, kPanel); }
  int64_t first(int64_t p) const { return p * kPanel; }
  int64_t used(int64_t p) const { return min64(kPanel, columns - p * kPanel); }
  int64_t width(int64_t p) const { return used(p) > kLanes ? kPanel : kLanes; }
  int64_t offset(int64_t p) const { return p * kPanel * depth; }  // only the last panel is narrow
  int64_t size() const { return count() ? offset(count() - 1) + width(count() - 1) * depth : 0; }
};

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
