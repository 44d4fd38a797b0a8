#pragma once
// cp.async: from device to shared memory without registers. A copy is complete after the issuing thread's
// cp_async_wait, and other threads see it after a barrier that follows.
#include "cuda/primitives/memory.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// kBytes (4, 8 or 16, aligned on both sides) from element j of `from` to element i of `to`; zeros when not `valid`, and
// then `from` is not read.
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

// Ends a group of copies of the calling thread; an empty group counts too.
VC_DEVICE void cp_async_commit() {
#if defined(VIDEOCLIP_EMULATED)
  emulator::cp_async_commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits for all groups of the calling thread but the newest kPending.
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
