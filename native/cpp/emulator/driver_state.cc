#include "emulator/driver_state.h"

#include <cstdlib>

#include "runtime/device_code.h"
#include "runtime/message.h"

namespace videoclip {
namespace emulator {

DriverState::DriverState() {
  for (int i = 0; i < kDevices; ++i) contexts[i].device = i;
  const char* hopper = std::getenv("VIDEOCLIP_EMULATOR_HOPPER");
  if (hopper && *hopper) capability = 90, shared_limit = kHopperSharedLimit;
  if (const char* limit = std::getenv("VIDEOCLIP_EMULATOR_SHARED")) shared_limit = std::strtoull(limit, nullptr, 10);
}

DriverState& state() {
  static DriverState s;
  return s;
}

thread_local Context* current = nullptr;
thread_local const char* last_message = nullptr;

cu::Result broken(cu::Result result, const std::string& rule) {
  last_message = keep_message(rule);
  return result;
}

cu::Result result_of(const Status& status) {
  if (status) return cu::kSuccess;
  last_message = status.error;
  return kFault;
}

cu::Result check_device_range(uint64_t address, size_t bytes, Context* context, const char* call) {
  auto& memory = state().device_memory;
  auto next = memory.upper_bound(address);
  if (next == memory.begin()) return broken(kInvalidValue, std::string(call) + ": the address is not device memory");
  const auto& [begin, block] = *--next;
  if (address + bytes > begin + block.first) {
    return broken(kInvalidValue, std::string(call) + ": the bytes are not in one allocation of device memory");
  }
  if (block.second != context) return broken(kInvalidValue, std::string(call) + ": memory of another device");
  return cu::kSuccess;
}

cu::Result unsafe_in_capture(const char* call) {
  for (Stream* stream : state().streams) {
    if (!stream->capture || stream->capture->thread != std::this_thread::get_id()) continue;
    stream->capture->invalid = std::string(call) + " during a capture on the same thread";
    return broken(kCaptureUnsupported, stream->capture->invalid);
  }
  return cu::kSuccess;
}

cu::Result check_device() {
  return state().lost ? broken(kIllegalAddress, "an illegal memory access was encountered") : cu::kSuccess;
}

cu::Result check_stream(Stream* stream, const char* call) {
  if (const cu::Result r = check_device(); r) return r;
  if (!state().streams.count(stream)) return broken(kInvalidHandle, std::string(call) + ": no such stream");
  if (!current) return broken(kInvalidContext, std::string(call) + ": the thread has no current context");
  if (stream->context != current) {
    return broken(kInvalidHandle, std::string(call) + ": the stream is of device " +
                                      std::to_string(stream->context->device) + ", the thread uses device " +
                                      std::to_string(current->device));
  }
  return cu::kSuccess;
}

cu::Result check_event(Event* event, const char* call) {
  if (state().events.count(event)) return cu::kSuccess;
  return broken(kInvalidHandle, std::string(call) + ": no such event");
}

const Driver& driver() {
  static const Driver table = [] {
    Driver d;
    add_devices(d);
    add_memory(d);
    add_streams(d);
    add_kernels(d);
    add_tensor_maps(d);
    return d;
  }();
  return table;
}

void set_shared_limit(size_t bytes) { state().shared_limit = bytes; }
void set_hopper(bool hopper, int multiprocessors) {
  state().multiprocessors = multiprocessors;
  state().capability = hopper ? 90 : 86;
  state().shared_limit = hopper ? kHopperSharedLimit : kSharedLimit;
}

void lose_device() { state().lost = true; }
void set_early_copies(bool early) { early_copies = early; }
size_t pageable_copies() { return state().pageable_copies; }
size_t bytes_copied_in() {
  const Lock lock;
  return state().bytes_in;
}
size_t registered_bytes() {
  const Lock lock;
  size_t bytes = 0;
  for (const auto& [data, range] : state().pinned_memory) bytes += range.registered ? range.bytes : 0;
  return bytes;
}

}  // namespace emulator
}  // namespace videoclip
