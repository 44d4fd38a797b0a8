#pragma once
#include <cstdint>

namespace videoclip {
namespace emulator {

// Counts over the launches since the last reset. A warp access is one instruction executed by the lanes of one warp.
struct Counters {
  uint64_t launches = 0;
  uint64_t blocks = 0;
  uint64_t shared_accesses = 0;  // warp accesses to shared memory
  uint64_t bank_conflicts = 0;   // extra passes over the 32 banks that they needed
  uint64_t global_accesses = 0;  // warp accesses of device memory
  uint64_t sectors = 0;          // 32-byte sectors of device memory that they touched, once for each warp access
  uint64_t excess_sectors = 0;   // sectors beyond what their bytes fill
  uint64_t mma = 0;              // warp-wide matrix instructions
  uint64_t wgmma = 0;            // matrix instructions of a warpgroup, once for each warp
  uint64_t tensor_copies = 0;    // asynchronous copies of boxes

  void add(const Counters& other) {
    launches += other.launches;
    blocks += other.blocks;
    shared_accesses += other.shared_accesses;
    bank_conflicts += other.bank_conflicts;
    global_accesses += other.global_accesses;
    sectors += other.sectors;
    excess_sectors += other.excess_sectors;
    mma += other.mma;
    wgmma += other.wgmma;
    tensor_copies += other.tensor_copies;
  }
};

Counters counters();
void reset_counters();

}  // namespace emulator
}  // namespace videoclip
