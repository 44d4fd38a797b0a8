#pragma once
// Asynchronous copies of a box of a tensor to shared memory (TMA, sm_90). One thread issues a copy; an mbarrier counts
// its bytes, and who waits for the phase sees the data. The destination is a multiple of 1024 bytes. The map is a
// parameter of the kernel, marked __grid_constant__.
#include "cuda/primitives/mbarrier.h"
#include "cuda/primitives/tensor_map.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/tensor_copy.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

#if defined(VIDEOCLIP_EMULATED)

template <typename T>
VC_DEVICE void copy_box(Shared<T> to, uint32_t i, const TensorMap& map, int x, int y, int z, Mbarriers all,
                        uint32_t barrier) {
  const int32_t at[] = {x, y, z};
  emulator::tensor_copy(&map, at, nullptr, to.byte_offset(), to.count(), i, all.byte_offset(), all.count(), barrier);
}

template <typename T>
VC_DEVICE void copy_windows(Shared<T> to, uint32_t i, const TensorMap& map, const int (&at)[5], const int (&tap)[3],
                            Mbarriers all, uint32_t barrier) {
  const uint16_t taps[] = {static_cast<uint16_t>(tap[0]), static_cast<uint16_t>(tap[1]), static_cast<uint16_t>(tap[2])};
  emulator::tensor_copy(&map, at, taps, to.byte_offset(), to.count(), i, all.byte_offset(), all.count(), barrier);
}

#else

// Copies the box of a map of three axes at (x, y, z).
template <typename T>
VC_DEVICE void copy_box(Shared<T> to, uint32_t i, const TensorMap& map, int x, int y, int z, Mbarriers all,
                        uint32_t barrier) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(detail::shared_pointer<T>(to.byte_offset()) + i));
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], "
      "[%5];" ::"r"(address),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(detail::mbarrier_address(all, barrier))
      : "memory");
}

// Copies channels at[0] to at[0] + 63 of the given tap of consecutive windows. The first value of the first window is
// at (at[1], at[2], at[3], at[4]) along W, H, T and N; `tap` is along W, H and T.
template <typename T>
VC_DEVICE void copy_windows(Shared<T> to, uint32_t i, const TensorMap& map, const int (&at)[5], const int (&tap)[3],
                            Mbarriers all, uint32_t barrier) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(detail::shared_pointer<T>(to.byte_offset()) + i));
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5, "
      "%6}], [%7], {%8, %9, %10};" ::"r"(address),
      "l"(&map), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]), "r"(at[4]),
      "r"(detail::mbarrier_address(all, barrier)), "h"(static_cast<uint16_t>(tap[0])),
      "h"(static_cast<uint16_t>(tap[1])), "h"(static_cast<uint16_t>(tap[2]))
      : "memory");
}

#endif

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
