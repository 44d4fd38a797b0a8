#pragma once
// Barriers in shared memory that also count the bytes of asynchronous copies. A phase ends when all expected threads
// have arrived and all expected bytes are there. Source: PTX ISA, "Parallel Synchronization: mbarrier".
#include <cstddef>
#include <cstdint>
#include <string>

#include "emulator/clocks.h"

namespace videoclip {
namespace emulator {

struct Block;
struct Lane;

struct Mbarrier {
  uint32_t expected = 0, pending = 0;   // arrivals of each phase, and those that are missing
  int64_t bytes = 0;                    // expected minus copied
  uint32_t phase = 0;                   // parity of the current phase
  bool copied = false, unseen = false;  // copies landed in this phase; in an earlier one, and nobody waited since
  uint32_t lanes[kMaxWarps] = {};       // that have arrived in this phase, by warp
  uint32_t seen[kClocks] = {};          // of the arrivals and copies of this phase
  uint32_t completed[kClocks] = {};     // of all earlier phases
};

// The functions take the handle of an array of mbarriers, as memory.h does, and the index of one.
void mbarrier_init(uint32_t offset, size_t count, size_t index, uint32_t arrivals);
void mbarrier_arrive(uint32_t offset, size_t count, size_t index);
// Expects `bytes` more in this phase, then arrives.
void mbarrier_arrive_expect(uint32_t offset, size_t count, size_t index, uint32_t bytes);
// Waits until the phase of the given parity has ended. The phase before the first one has parity 1.
void mbarrier_wait(uint32_t offset, size_t count, size_t index, uint32_t parity);
// Makes what the calling thread has written visible to wgmma and tensor copies.
void fence_proxy_async();

// For tensor copies: checks that they can use the mbarrier, and counts bytes that have landed.
void check_mbarrier(uint32_t at);
void mbarrier_complete(Block& block, uint32_t at, uint32_t bytes, uint32_t copy);

std::string describe_mbarrier(const Mbarrier& barrier, int64_t at);

}  // namespace emulator
}  // namespace videoclip
