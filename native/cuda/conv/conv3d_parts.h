#pragma once
// The kernels of conv3d and conv3d_sums that are compiled on their own. Each needs at least one output.
#include "cuda/primitives/kernel.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// Convolutions of conv3d that are not pointwise.
Status windowed_conv3d(const Call& call, const Conv3dArgs& a);

// Depthwise convolutions of conv3d.
Status depthwise_conv3d(const Call& call, const Conv3dArgs& a);

// The first convolution of a network of f16 or bf16. Returns false for a form or a storage that it does not support.
bool stem_conv3d(const Call& call, const Conv3dArgs& a, Status* status);

// Convolutions of conv3d_sums that are not pointwise.
Status windowed_conv3d_sums(const Call& call, const Conv3dArgs& a);

// Depthwise convolutions of conv3d_sums, along H.
Status depthwise_conv3d_sums(const Call& call, const Conv3dArgs& a);

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
