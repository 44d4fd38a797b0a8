#pragma once
// Included by every kernel file: handles from tensors, the launch, and the registration of an op.
#include "cuda/primitives/launch.h"
#include "cuda/primitives/memory.h"
#include "runtime/kernel.h"

// The last line of a kernel file: registers the run and workspace functions under the name of the op, which is the name
// of the file.
#if defined(VIDEOCLIP_EMULATED)
#define VIDEOCLIP_CUDA_BACKEND ::videoclip::Backend::cuda_emulated
#else
#define VIDEOCLIP_CUDA_BACKEND ::videoclip::Backend::cuda
#endif
#define VIDEOCLIP_CUDA_KERNEL(op, run, workspace)                                                       \
  static const bool registered_ = ::videoclip::register_kernel(VIDEOCLIP_CUDA_BACKEND, op,              \
                                                               {[](const ::videoclip::Call& call) {     \
                                                                  const ::videoclip::OpScope scope(op); \
                                                                  return run(call);                     \
                                                                },                                      \
                                                                workspace})

namespace videoclip {
namespace VIDEOCLIP_CUDA {

inline size_t no_workspace(const Call&, int) { return 0; }

// A handle to all elements that the view reaches; an empty handle for an absent operand.
template <typename T>
Global<T> global(const Tensor& t) {
  return t ? Global<T>(reinterpret_cast<T*>(t.data), static_cast<size_t>(t.extent())) : Global<T>();
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
