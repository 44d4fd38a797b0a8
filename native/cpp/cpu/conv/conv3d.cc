#include "ops/conv/conv3d.h"

#include "cpu/conv/convolution.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

VIDEOCLIP_KERNEL("conv3d", convolution, convolution_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
