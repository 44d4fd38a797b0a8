#pragma once
// Barriers in shared memory that also count the bytes of tensor copies (sm_90). A phase ends when all expected threads
// have arrived and all expected bytes are there; the next phase then begins. Source: PTX ISA, "mbarrier".
#include "cuda/primitives/memory.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/mbarrier.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

using Mbarriers = Shared<uint64_t>;

#if defined(VIDEOCLIP_EMULATED)

VC_DEVICE void mbarrier_init(Mbarriers all, uint32_t i, uint32_t arrivals) {
  emulator::mbarrier_init(all.byte_offset(), all.count(), i, arrivals);
}
VC_DEVICE void mbarrier_arrive(Mbarriers all, uint32_t i) {
  emulator::mbarrier_arrive(all.byte_offset(), all.count(), i);
}
VC_DEVICE void mbarrier_arrive_expect(Mbarriers all, uint32_t i, uint32_t bytes) {
  emulator::mbarrier_arrive_expect(all.byte_offset(), all.count(), i, bytes);
}
VC_DEVICE void mbarrier_wait(Mbarriers all, uint32_t i, uint32_t parity) {
  emulator::mbarrier_wait(all.byte_offset(), all.count(), i, parity);
}
VC_DEVICE void fence_proxy_async() { emulator::fence_proxy_async(); }

#else

namespace detail {
VC_DEVICE uint32_t mbarrier_address(Mbarriers all, uint32_t i) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared_pointer<uint64_t>(all.byte_offset()) + i));
}
}  // namespace detail

// One thread initialises an mbarrier, then executes fence_proxy_async; a barrier follows before its first use.
VC_DEVICE void mbarrier_init(Mbarriers all, uint32_t i, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(detail::mbarrier_address(all, i)), "r"(arrivals)
               : "memory");
}
VC_DEVICE void mbarrier_arrive(Mbarriers all, uint32_t i) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(detail::mbarrier_address(all, i)) : "memory");
}
// Expects `bytes` more in this phase, then arrives.
VC_DEVICE void mbarrier_arrive_expect(Mbarriers all, uint32_t i, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(detail::mbarrier_address(all, i)),
               "r"(bytes)
               : "memory");
}
// Waits until the phase of the given parity has ended. The first phase has parity 0, the phase before it parity 1.
VC_DEVICE void mbarrier_wait(Mbarriers all, uint32_t i, uint32_t parity) {
  uint32_t done;
  do {
    asm volatile("{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}"
                 : "=r"(done)
                 : "r"(detail::mbarrier_address(all, i)), "r"(parity)
                 : "memory");
  } while (!done);
}
// Makes what the calling thread has written to shared memory visible to wgmma and tensor copies.
VC_DEVICE void fence_proxy_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#endif

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
