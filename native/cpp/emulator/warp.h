#pragma once
// The collective operations of the lanes of a warp. Every function is called by a thread of a block.
#include <cstdint>

#include "emulator/block.h"

namespace videoclip {
namespace emulator {

// Executes a collective for all lanes of `mask`, whose arguments are lanes[l]->payload.
using Finish = void (*)(Warp& warp, uint32_t mask);

// Returns when every lane of `mask` has called with the same wait, detail and mask. The last lane runs `finish`, if
// given.
void meet(Wait wait, uint32_t detail, uint32_t mask, void* payload, Finish finish);

void sync_warp(uint32_t mask);
void barrier_sync(int id, int threads);
void barrier_arrive(int id, int threads);

enum class Shuffle : uint32_t { index, exclusive_or, down };
uint32_t shuffle(Shuffle kind, uint32_t mask, uint32_t value, uint32_t argument);
// Bit l is the predicate of lane l of the mask.
uint32_t ballot(uint32_t mask, bool predicate);

}  // namespace emulator
}  // namespace videoclip
