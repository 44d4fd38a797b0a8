#pragma once
// The only way to start a kernel.
#include <tuple>
#include <type_traits>
#include <utility>

#include "cuda/primitives/target.h"
#include "runtime/status.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/gpu_host.h"
#else
#include "runtime/cuda_status.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

using Stream = void*;  // a cudaStream_t

// Number of blocks along each axis, in 64 bits, so that a grid that is too large for a launch is reported and not
// truncated.
struct Grid {
  int64_t x = 1, y = 1, z = 1;

  bool empty() const { return x < 1 || y < 1 || z < 1; }
  bool fits() const { return x <= 0x7fffffff && y <= 65535 && z <= 65535; }
};

namespace detail {

constexpr size_t kDefaultSharedBytes = 48 * 1024;  // a kernel must ask for more than this

#if defined(VIDEOCLIP_EMULATED)

template <typename... Parameters>
struct Invocation {
  void (*kernel)(Parameters...);
  std::tuple<Parameters...> arguments;

  static void run(const void* self) {
    const auto* me = static_cast<const Invocation*>(self);
    std::apply(me->kernel, me->arguments);
  }
};

template <typename... Parameters>
Status start(void (*kernel)(Parameters...), Grid grid, int threads, size_t shared_bytes, Stream stream,
             std::tuple<Parameters...>& arguments) {
  const Invocation<Parameters...> invocation{kernel, arguments};
  return emulator::submit(stream, [=, op = emulator::OpScope::current()] {
    const emulator::OpScope scope(op);
    return emulator::run({{static_cast<uint32_t>(grid.x), static_cast<uint32_t>(grid.y), static_cast<uint32_t>(grid.z)},
                          {static_cast<uint32_t>(threads), 1, 1},
                          shared_bytes,
                          Invocation<Parameters...>::run,
                          &invocation});
  });
}

#else

template <typename... Parameters, size_t... I>
cudaError_t start_with(const void* kernel, Grid grid, int threads, size_t shared_bytes, Stream stream,
                       std::tuple<Parameters...>& arguments, std::index_sequence<I...>) {
  void* pointers[] = {&std::get<I>(arguments)...};
  const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
  return cudaLaunchKernel(kernel, blocks, dim3(static_cast<unsigned>(threads)), pointers, shared_bytes,
                          static_cast<cudaStream_t>(stream));
}

template <typename... Parameters>
Status start(void (*kernel)(Parameters...), Grid grid, int threads, size_t shared_bytes, Stream stream,
             std::tuple<Parameters...>& arguments) {
  const void* function = reinterpret_cast<const void*>(kernel);
  cudaError_t error = cudaSuccess;
  if (shared_bytes > kDefaultSharedBytes) {
    error = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
  }
  if (error == cudaSuccess) {
    error =
        start_with(function, grid, threads, shared_bytes, stream, arguments, std::index_sequence_for<Parameters...>{});
  }
  return status_of(error);
}

#endif

}  // namespace detail

// Runs kernel(arguments...) on grid x threads, in stream order. `threads` is a multiple of 32. Arguments are structs of
// handles and numbers; they are passed by value and need not outlive the call.
template <typename... Parameters, typename... Arguments>
Status launch(void (*kernel)(Parameters...), Grid grid, int threads, size_t shared_bytes, Stream stream,
              const Arguments&... arguments) {
  static_assert(((std::is_trivially_copyable<Parameters>::value && !std::is_pointer<Parameters>::value) && ...),
                "plain structs and numbers");
  static_assert((sizeof(Parameters) + ...) <= 4096, "what a launch can carry");
  if (grid.empty()) return {"a launch of an empty grid: no blocks along x, y or z"};
  if (!grid.fits()) return {"more blocks than one launch can have: 2^31 - 1, along y and z 65535"};
  std::tuple<Parameters...> values(arguments...);
  return detail::start(kernel, grid, threads, shared_bytes, stream, values);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
