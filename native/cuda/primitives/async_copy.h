#pragma once
// cp.async copies from device to shared memory without going through registers. A copy is complete after the
// cp_async_wait of the thread that issued it; other threads see the data after the next barrier.
#include "cuda/primitives/memory.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// Copies kBytes (4, 8 or 16, aligned on both sides) from element j of `from` to element i of `to`. Writes zeros when
// `valid` is false; `from` is not read then.
template <int kBytes, typename T, typename U>
VC_DEVICE void cp_async(Shared<T> to, uint32_t i, Global<U> from, size_t j, bool valid) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16, "4, 8 or 16 bytes");
  static_assert(std::is_same<std::remove_const_t<U>, T>::value, "one element type");
#if defined(VIDEOCLIP_EMULATED)
  emulator::cp_async(to.byte_offset(), to.count(), i, from.data(), from.count(), j, sizeof(T), kBytes, valid);
#else
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(detail::shared_pointer<T>(to.byte_offset()) + i));
  const int read = valid ? kBytes : 0;
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from.data() + j), "r"(read)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(from.data() + j), "n"(kBytes),
                 "r"(read)
                 : "memory");
  }
#endif
}

template <typename T, typename U>
VC_DEVICE void cp_async_16(Shared<T> to, uint32_t i, Global<U> from, size_t j, bool valid) {
  cp_async<16>(to, i, from, j, valid);
}

// Commits the copies that the calling thread has issued as one group. A group may be empty.
VC_DEVICE void cp_async_commit() {
#if defined(VIDEOCLIP_EMULATED)
  emulator::cp_async_commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until at most the kPending newest groups of the calling thread are incomplete.
template <int kPending>
VC_DEVICE void cp_async_wait() {
#if defined(VIDEOCLIP_EMULATED)
  emulator::cp_async_wait(kPending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
