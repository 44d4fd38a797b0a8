#pragma once
// What every kernel file needs: handles from tensors, the launch, and the registration of the op.
#include "cuda/primitives/launch.h"
#include "cuda/primitives/memory.h"
#include "runtime/kernel.h"

#if defined(VIDEOCLIP_EMULATED)

#define VIDEOCLIP_CUDA_KERNEL(op, run, workspace)                                                           \
  static const bool registered_ = ::videoclip::register_kernel(::videoclip::Isa::cuda_emulated, op,         \
                                                               {[](const ::videoclip::Call& call) {         \
                                                                  ::videoclip::emulator::OpScope scope(op); \
                                                                  return run(call);                         \
                                                                },                                          \
                                                                workspace})

#else

// Last line of a kernel file: registers run and workspace functions under the op's name.
#define VIDEOCLIP_CUDA_KERNEL(op, run, workspace) \
  static const bool registered_ = ::videoclip::register_kernel(::videoclip::Isa::cuda, op, {run, workspace})

#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

inline size_t no_workspace(const Call&, int) { return 0; }

// All that the view reaches; no handle for an absent operand.
template <typename T>
Global<T> global(const Tensor& t) {
  return t ? Global<T>(reinterpret_cast<T*>(t.data), static_cast<size_t>(t.extent())) : Global<T>();
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
