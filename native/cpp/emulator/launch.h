#pragma once
#include "emulator/block.h"
#include "emulator/counters.h"
#include "emulator/order.h"
#include "runtime/status.h"

namespace videoclip {
namespace emulator {

// Runs all blocks of a grid to the end, on several host threads. After a fault, the status carries the message of the
// faulting block with the lowest number, whatever the number of host threads.
Status run(const Launch& launch);

// Sets the number of host threads that run blocks; 0 stands for all processors. Results do not depend on it.
void set_host_threads(int threads);

}  // namespace emulator
}  // namespace videoclip
