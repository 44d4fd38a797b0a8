#pragma once
// What the calls of the emulated driver share: its objects, and the checks of its rules.
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "emulator/driver.h"
#include "emulator/streams.h"

namespace videoclip {
namespace emulator {

// The results of cuda.h that rules refer to, and one for faults of kernels, with the emulator's message.
using cu::kInvalidValue;
constexpr cu::Result kInvalidContext = 201, kInvalidHandle = 400, kIllegalAddress = 700, kCaptureUnsupported = 900,
                     kCaptureInvalidated = 901, kCaptureUnjoined = 904, kFault = 100000;

// Host memory of cuMemHostAlloc, or of the caller and registered by cuMemHostRegister.
struct PinnedRange {
  size_t bytes;
  bool registered;
};

struct DriverState {
  // The engine thread and the JavaScript thread both use the device.
  std::recursive_mutex mutex;
  Context contexts[kDevices];
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::set<Executable*> executables;
  std::map<uint64_t, std::pair<size_t, Context*>> device_memory;
  std::map<const char*, PinnedRange> pinned_memory;
  std::map<std::pair<const void*, int>, size_t> shared_bytes;  // of a kernel on a device
  size_t shared_limit = kSharedLimit, pageable_copies = 0, bytes_in = 0;
  int capability = 86;  // compute capability times 10
  int multiprocessors = kMultiprocessors;
  bool lost = false;

  DriverState();
};

DriverState& state();

extern thread_local Context* current;          // of the calling thread
extern thread_local const char* last_message;  // of the last call of the calling thread that failed

struct Lock : std::lock_guard<std::recursive_mutex> {
  Lock() : std::lock_guard<std::recursive_mutex>(state().mutex) {}
};

// Returns the result, with the rule as its text.
cu::Result broken(cu::Result result, const std::string& rule);
cu::Result result_of(const Status& status);

// After a sticky error, every call that works on the device returns the error.
cu::Result check_device();
cu::Result check_stream(Stream* stream, const char* call);
cu::Result check_event(Event* event, const char* call);
// Checks that the bytes are device memory of the context.
cu::Result check_device_range(uint64_t address, size_t bytes, Context* context, const char* call);
// A call that may wait for the device or change its memory is illegal on a thread that captures.
cu::Result unsafe_in_capture(const char* call);

// For work that may run as soon as its stream reaches it.
inline bool always() { return true; }

// The parts of the table of calls.
void add_devices(Driver& d);
void add_memory(Driver& d);
void add_streams(Driver& d);
void add_kernels(Driver& d);
void add_tensor_maps(Driver& d);

}  // namespace emulator
}  // namespace videoclip
