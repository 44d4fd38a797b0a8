#pragma once
// Asynchronous matrix instructions of a warpgroup: four consecutive warps multiply tiles in shared memory. Each warp
// computes 16 of the 64 rows. Source: PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate Instructions".
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "emulator/clocks.h"
#include "emulator/mma.h"

namespace videoclip {
namespace emulator {

// d[64, columns] += a[64, 16] b[16, columns]. The operands are described by their descriptors; with `lines`, an operand
// is contiguous along its rows, and not along k.
struct Wgmma {
  uint64_t a, b;
  int columns;
  MmaType type;
  bool a_lines, b_lines;

  bool operator==(const Wgmma& other) const;
};

// Sums of one warp while instructions that add to them are in flight.
struct Accumulator {
  std::vector<float> sums;  // [16][columns]
  int pending = 0;
};

struct PendingProduct {
  Wgmma what;
  uint32_t group;
  float* registers[kWarpLanes];
};

// The instructions of a warp that it has not waited for.
struct Products {
  std::vector<PendingProduct> pending;
  std::map<float*, Accumulator> accumulators;  // by the registers of lane 0
  uint32_t group = 1;                          // number of the group that is not committed
  size_t issued = 0;
  bool fenced = false;
};

// The instructions of a warpgroup in the order of the warp that is ahead.
using WarpgroupLog = std::vector<Wgmma>;

// `d` has columns / 2 registers.
void wgmma(float* d, const Wgmma& what);
// Orders the registers of the warp before the next wgmma.
void wgmma_fence();
void wgmma_commit();
// Waits until at most the `pending` newest groups are in flight.
void wgmma_wait(uint32_t pending);

}  // namespace emulator
}  // namespace videoclip
