#include "ops/conv3d.h"

#include "cpu/convolution.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

VIDEOCLIP_KERNEL("conv3d", convolution, convolution_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
