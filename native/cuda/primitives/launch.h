#pragma once
// The only way to start a kernel.
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "cuda/primitives/target.h"
#include "runtime/device_code.h"
#include "runtime/status.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/kernels.h"
#endif

namespace videoclip {

// A type for each kernel, by whose name the host code finds the kernel in the device code.
template <auto kKernel>
struct KernelName {};

namespace VIDEOCLIP_CUDA {

using Stream = void*;  // a CUstream

namespace detail {

#if defined(VIDEOCLIP_EMULATED)
inline DeviceCode& device_code() { return emulated_code(); }
#else
inline DeviceCode& device_code() { return cuda_code(); }
#endif

template <auto kKernel>
struct Launch;

template <typename... Parameters, void (*kKernel)(Parameters...)>
struct Launch<kKernel> {
  static_assert(((std::is_trivially_copyable<Parameters>::value && !std::is_pointer<Parameters>::value) && ...),
                "plain structs and numbers");
  static_assert((sizeof(Parameters) + ...) <= 4096, "what a launch can carry");

  template <size_t... I>
  static Status start(Grid grid, int threads, size_t shared_bytes, Stream stream, std::tuple<Parameters...> arguments,
                      std::index_sequence<I...>) {
#if defined(__CUDACC__)  // nvcc compiles the kernels; the host compiler compiles the launches
    return {};
#else
#if defined(VIDEOCLIP_EMULATED)
    (void)emulator::Registered<kKernel>::name;
#endif
    static DeviceKernel kernel(device_code(), typeid(KernelName<kKernel>).name());
    void* pointers[] = {&std::get<I>(arguments)...};
    return kernel.launch(grid, threads, shared_bytes, stream, pointers);
#endif
  }
};

}  // namespace detail

// Runs kKernel(arguments...) on grid x threads, in stream order. `threads` is a multiple of 32. Arguments are structs
// of handles and numbers; they are passed by value and need not outlive the call. A kernel is named only as a template
// argument, so that the host compiler does not compile its body.
//
// In a lambda within a generic lambda, a kernel whose template arguments do not depend on the inner lambda must be
// launched by a separate function, because GCC 12 does not compile it for the emulator otherwise.
// test/native/addon_symbols.test.ts finds such a kernel.
template <auto kKernel, typename... Arguments>
Status launch(Grid grid, int threads, size_t shared_bytes, Stream stream, const Arguments&... arguments) {
  if (grid.empty()) return {"a launch of an empty grid: no blocks along x, y or z"};
  if (!grid.fits()) return {"more blocks than one launch can have: 2^31 - 1, along y and z 65535"};
  return detail::Launch<kKernel>::start(grid, threads, shared_bytes, stream, {arguments...},
                                        std::index_sequence_for<Arguments...>{});
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
