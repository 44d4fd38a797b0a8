#pragma once
// The kernel of conv3d, which conv3d_sums calls too: conv3d.cc compiles it once.
#include "runtime/kernel.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

size_t convolution_workspace(const Call& call, int threads);

// Weights are of f32; bf16 is read by depthwise convolutions alone.
Status convolution(const Call& call);

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
