#pragma once
// The three ways to compile a kernel file. nvcc compiles the kernels into the GPU file; the host compiler compiles the
// functions that launch them into the addon, both in namespace videoclip::cuda; and with -DVIDEOCLIP_EMULATED the host
// compiler compiles kernels and launches into namespace videoclip::emulated, where cpp/emulator runs them. A kernel
// file follows three rules: its code is in `namespace videoclip { namespace VIDEOCLIP_CUDA {`, with its kernels in a
// named namespace (the name of a kernel is the same for all compilers), and its device functions are marked VC_DEVICE.
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
#define __grid_constant__
#define threadIdx (::videoclip::emulator::current_lane->thread)
#define blockIdx (::videoclip::emulator::current_lane->block->index)
#define blockDim (::videoclip::emulator::current_lane->block->launch.block)
#define gridDim (::videoclip::emulator::current_lane->block->launch.grid)

#else

#if !defined(__CUDACC__)
#include "cuda/primitives/host_target.h"
#endif

#define VIDEOCLIP_CUDA cuda

#endif

#define VC_DEVICE __device__ __forceinline__
#define VC_HOST_DEVICE __host__ __device__ __forceinline__
// A device function that is called and not inlined.
#if defined(__CUDACC__)
#define VC_DEVICE_CALLED static __device__ __noinline__
#else
#define VC_DEVICE_CALLED inline
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kWarpSize = 32;
constexpr uint32_t kFullMask = 0xffffffffu;

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
