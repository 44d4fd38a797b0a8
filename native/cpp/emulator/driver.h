#pragma once
// A driver on top of the emulator, for tests. It is stricter than CUDA: a call that breaks a rule fails and says which
// rule, where CUDA would wait, ignore the call or fail later.
#include <cstddef>
#include <string>
#include <vector>

#include "runtime/driver.h"

namespace videoclip {
namespace emulator {

const Driver& driver();

constexpr int kDevices = 2;
// The shared memory that a block may use: 99 KiB on sm_86, sm_89 and sm_120, 163 KiB on sm_80, 227 KiB on sm_90. The
// emulator begins with the smallest, because every card runs the same kernels.
constexpr size_t kSharedLimit = 99 * 1024, kHopperSharedLimit = 227 * 1024;
constexpr int kMultiprocessors = 3;  // few, so that persistent blocks compute several tiles
// Devices opened from now on are of compute capability 9.0, not 8.6. VIDEOCLIP_EMULATOR_HOPPER=1 does the same.
void set_hopper(bool hopper, int multiprocessors = kMultiprocessors);
void set_shared_limit(size_t bytes);
// From now on every call that works on the device fails, as after an illegal access. There is no way back.
void lose_device();
// Executes copies as soon as their stream allows it, and not as late as possible.
void set_early_copies(bool early);
// Number of copies so far between the device and pageable memory, which make the calling thread wait.
size_t pageable_copies();
// Bytes copied so far from host memory to a device.
size_t bytes_copied_in();
// Bytes of host memory that are registered now.
size_t registered_bytes();

struct LaunchRecord {
  std::string op, kernel;
  unsigned x, y, z, threads, shared_bytes;
};
// While it is set, launches are recorded and not executed, so that the launches of large shapes can be listed.
void set_recording(bool recording);
// The launches that were recorded since the last call.
std::vector<LaunchRecord> take_launches();

}  // namespace emulator
}  // namespace videoclip
