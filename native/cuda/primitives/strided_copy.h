#pragma once
// Copies between two views of one shape, of elements of 1, 2 or 4 bytes: the moves (concat, slice, permute,
// space_to_depth) are this with their views. 256 threads, 4 vectors of up to 16 bytes each, in the order of the output.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/walk.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {  // every op has kernels of its own

template <typename T>
struct CopyArgs {
  Global<T> to;
  Global<const T> from;
  Walk<2> walk;
};

// V elements as they are.
template <typename T, int V>
struct Chunk {
  Packed<T, V> values;
  VC_DEVICE void load(Global<const T> from, size_t at) { values = from.template load_packed<V>(at); }
  VC_DEVICE void store(Global<T> to, size_t at) const { to.template store_packed<V>(at, values); }
};
template <typename T>
struct Chunk<T, 1> {
  T value;
  VC_DEVICE void load(Global<const T> from, size_t at) { value = from.load(at); }
  VC_DEVICE void store(Global<T> to, size_t at) const { to.store(at, value); }
};

template <typename T, int V>
__global__ void __launch_bounds__(kWalkThreads) copy_kernel(CopyArgs<T> a) {
  Chunk<T, V> chunk[kWalkUnroll];
  size_t at[kWalkUnroll][2];
  bool valid[kWalkUnroll];
#pragma unroll
  for (int u = 0; u < kWalkUnroll; ++u) {
    valid[u] = a.walk.template place<V>(u, at[u]);
    if (valid[u]) chunk[u].load(a.from, at[u][1]);
  }
#pragma unroll
  for (int u = 0; u < kWalkUnroll; ++u) {
    if (valid[u]) chunk[u].store(a.to, at[u][0]);
  }
}

// f with an unsigned integer of that many bytes.
template <class F>
Status for_item(size_t bytes, F f) {
  return bytes == 4 ? f(uint32_t{}) : bytes == 2 ? f(uint16_t{}) : f(uint8_t{});
}

inline Status strided_copy(const Call& call, const Tensor& to, const Tensor& from) {
  const Tensor operands[] = {to, from};
  if (to.elements() == 0) return {};
  const Views<2> views(operands);
  return for_item(item_size(to.dtype), [&](auto item) {
    using T = decltype(item);
    const auto run = [&](auto width) -> Status {
      Status status;
      const Walk<2> walk(views, width, &status);
      if (!status) return status;
      const CopyArgs<T> args{global<T>(to), global<const T>(from), walk};
      return launch(copy_kernel<T, width>, Grid{walk.blocks}, kWalkThreads, 0, call.stream, args);
    };
    const int width = views.width(operands);
    if constexpr (sizeof(T) == 1) {  // 2 bytes are no vector
      if (width >= 16) return run(std::integral_constant<int, 16>{});
      return width >= 4 ? run(std::integral_constant<int, 4>{}) : run(std::integral_constant<int, 1>{});
    } else {
      return for_width<T>(width, run);
    }
  });
}

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
