#pragma once
// Copies between two views of one shape, of elements of 1, 2 or 4 bytes. concat, slice, permute and space_to_depth are
// such copies between suitable views. A block has 256 threads, and a thread has 4 vectors of up to 16 bytes, in the
// order of the output.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/strided_iterator.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace strided_copy_kernels {

template <typename T>
struct CopyArgs {
  Global<T> to;
  Global<const T> from;
  StridedIterator<2> iterator;
};

// V elements, copied without conversion.
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
__global__ void __launch_bounds__(kIteratorThreads) copy_kernel(CopyArgs<T> a) {
  Chunk<T, V> chunk[kIteratorUnroll];
  size_t at[kIteratorUnroll][2];
  bool valid[kIteratorUnroll];
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    valid[u] = a.iterator.template offsets<V>(u, at[u]);
    if (valid[u]) chunk[u].load(a.from, at[u][1]);
  }
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    if (valid[u]) chunk[u].store(a.to, at[u][0]);
  }
}

// Calls f with the unsigned integer type of this number of bytes.
template <class F>
Status for_item(size_t bytes, F f) {
  return bytes == 4 ? f(uint32_t{}) : bytes == 2 ? f(uint16_t{}) : f(uint8_t{});
}

inline Status strided_copy(const Call& call, const Tensor& to, const Tensor& from) {
  const Tensor operands[] = {to, from};
  if (to.elements() == 0) return {};
  const MergedStrides<2> merged(operands);
  return for_item(item_size(to.dtype), [&](auto item) {
    using T = decltype(item);
    const auto run = [&](auto width) -> Status {
      Status status;
      const StridedIterator<2> iterator(merged, width, &status);
      if (!status) return status;
      const CopyArgs<T> args{global<T>(to), global<const T>(from), iterator};
      return launch<copy_kernel<T, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    };
    const int width = merged.width(operands);
    if constexpr (sizeof(T) == 1) {  // 2 bytes are no vector
      if (width >= 16) return run(std::integral_constant<int, 16>{});
      return width >= 4 ? run(std::integral_constant<int, 4>{}) : run(std::integral_constant<int, 1>{});
    } else {
      return for_width<T>(width, run);
    }
  });
}

}  // namespace strided_copy_kernels
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
