#pragma once
// The two ways to compile a kernel file: with nvcc into namespace videoclip::cuda, and with the host compiler and
// -DVIDEOCLIP_EMULATED into namespace videoclip::emulated, where cpp/emulator runs it. A kernel file follows two rules:
// its code is in `namespace videoclip { namespace VIDEOCLIP_CUDA {`, and its device functions are marked VC_DEVICE.
#include <cstddef>
#include <cstdint>

#if defined(VIDEOCLIP_EMULATED)

#include "emulator/block.h"

#define VIDEOCLIP_CUDA emulated
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define threadIdx (::videoclip::emulator::current_lane->thread)
#define blockIdx (::videoclip::emulator::current_lane->block->index)
#define blockDim (::videoclip::emulator::current_lane->block->launch.block)
#define gridDim (::videoclip::emulator::current_lane->block->launch.grid)

#else

#include <cuda_runtime.h>

#define VIDEOCLIP_CUDA cuda

#endif

#define VC_DEVICE __device__ __forceinline__
#define VC_HOST_DEVICE __host__ __device__ __forceinline__

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kWarpSize = 32;
constexpr uint32_t kFullMask = 0xffffffffu;

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
