#pragma once
// Barriers. They order the memory accesses of the threads that take part. Nothing else orders accesses, not even a
// shuffle.
#include "cuda/primitives/target.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/warp.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

#if defined(VIDEOCLIP_EMULATED)

VC_DEVICE void sync_threads() { emulator::barrier_sync(0, static_cast<int>(blockDim.x * blockDim.y * blockDim.z)); }
VC_DEVICE void named_barrier_sync(int id, int threads) { emulator::barrier_sync(id, threads); }
VC_DEVICE void named_barrier_arrive(int id, int threads) { emulator::barrier_arrive(id, threads); }
VC_DEVICE void sync_warp(uint32_t mask = kFullMask) { emulator::sync_warp(mask); }

#else

VC_DEVICE void sync_threads() { __syncthreads(); }
// Named barriers 1 to 15, for whole warps with `threads` threads in total. Threads that call _arrive do not wait.
VC_DEVICE void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
VC_DEVICE void named_barrier_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
VC_DEVICE void sync_warp(uint32_t mask = kFullMask) { __syncwarp(mask); }

#endif

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
