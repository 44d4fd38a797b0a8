#pragma once
#include <cstdint>

namespace videoclip {
namespace emulator {

// The order in which the warps of a block, and the lanes of a warp, take their turns. A correct kernel gives the same
// bits in every order. The initial value comes from VIDEOCLIP_EMULATOR_ORDER=forward|reverse|SEED.
struct Order {
  enum Kind { forward, reverse, random } kind = forward;
  uint64_t seed = 0;
};

void set_order(Order order);
Order order();

}  // namespace emulator
}  // namespace videoclip
