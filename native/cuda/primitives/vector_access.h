#pragma once
// Loads and stores V values of storage type T as floats. A single 16-bit value is a plain access, because packed
// accesses have at least 4 bytes.
#include "cuda/primitives/memory.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// From global or shared memory.
template <class Memory, typename Index, int V>
VC_DEVICE void load_values(const Memory& from, Index at, float (&v)[V]) {
  if constexpr (V * sizeof(from.load(at)) < 4) {
    v[0] = to_float(from.load(at));
  } else {
    const auto values = from.template load_packed<V>(at);
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = to_float(values[i]);
  }
}

template <typename T, int V>
VC_DEVICE void store_values(Global<T> to, size_t at, const float (&v)[V]) {
  if constexpr (V * sizeof(T) < 4) {
    to.store(at, from_float<T>(v[0]));
  } else {
    Packed<T, V> values;
#pragma unroll
    for (int i = 0; i < V; ++i) values[i] = from_float<T>(v[i]);
    to.template store_packed<V>(at, values);
  }
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
