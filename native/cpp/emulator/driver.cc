#include "emulator/driver.h"

#include <cstdlib>
#include <cstring>

#include "emulator/driver_state.h"
#include "emulator/memory.h"

namespace videoclip {
namespace emulator {
namespace {

// The last pinned memory that begins before `end`; null if it ends before `data`, so that none has any of these bytes.
const std::pair<const char* const, PinnedRange>* pinned_in(const char* data, const char* end) {
  auto& memory = state().pinned_memory;
  auto next = memory.lower_bound(end);
  if (next == memory.begin()) return nullptr;
  const auto& found = *--next;
  return found.first + found.second.bytes > data ? &found : nullptr;
}

// Sets whether all of the bytes are pinned. It is an error if a part of them is.
cu::Result check_host_range(const char* data, size_t bytes, const char* call, bool* pinned) {
  const auto* range = pinned_in(data, data + bytes);
  *pinned = range != nullptr;
  if (!range || (range->first <= data && data + bytes <= range->first + range->second.bytes)) return cu::kSuccess;
  return broken(kInvalidValue, std::string(call) + ": a part of the host memory is pinned");
}

// Ends the pinning of memory that begins at `data`.
cu::Result remove_pinned(void* data, bool registered, const char* call) {
  auto& memory = state().pinned_memory;
  const auto* begin = static_cast<const char*>(data);
  const auto found = memory.find(begin);
  if (found == memory.end() || found->second.registered != registered) {
    const bool unknown = !pinned_in(begin, begin + 1);
    return broken(registered && unknown ? cu::kHostMemoryNotRegistered : kInvalidValue,
                  std::string(call) + (registered ? ": not registered memory" : ": not pinned memory"));
  }
  const auto from = reinterpret_cast<uint64_t>(data);
  for (Stream* stream : state().streams) {
    if (stream->touches(from, from + found->second.bytes)) {
      return broken(kInvalidValue, std::string(call) + ": a copy in flight still uses the memory");
    }
  }
  memory.erase(found);
  return cu::kSuccess;
}

cu::Result copy(char* to, const char* from, uint64_t device, const char* host, size_t bytes, Stream* stream,
                const char* call) {
  const Lock lock;
  if (const cu::Result r = check_stream(stream, call); r) return r;
  if (bytes == 0) return cu::kSuccess;
  if (const cu::Result r = check_device_range(device, bytes, stream->context, call); r) return r;
  bool pinned;
  if (const cu::Result r = check_host_range(host, bytes, call, &pinned); r) return r;
  if (!pinned && stream->capture) {
    stream->capture->invalid = std::string(call) + " of pageable memory during a capture";
    return broken(kCaptureUnsupported, stream->capture->invalid);
  }
  const auto run = [=] {
    std::memcpy(to, from, bytes);
    return Status{};
  };
  if (from == host) state().bytes_in += bytes;
  stream->add({run, always, {device, reinterpret_cast<uint64_t>(host)}});
  if (pinned) return cu::kSuccess;
  ++state().pageable_copies;
  return result_of(stream->flush(stream->added));  // a copy of pageable memory waits for the stream
}

}  // namespace

// Errors, devices and contexts.
void add_devices(Driver& d) {
  d.init = [](unsigned) { return cu::kSuccess; };
  d.driver_version = [](int* version) { return *version = 13000, cu::kSuccess; };
  d.error_name = [](cu::Result result, const char** name) {
    *name = result == kInvalidValue                      ? "CUDA_ERROR_INVALID_VALUE"
            : result == cu::kHostMemoryAlreadyRegistered ? "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"
            : result == cu::kHostMemoryNotRegistered     ? "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED"
            : result == kInvalidContext                  ? "CUDA_ERROR_INVALID_CONTEXT"
            : result == kInvalidHandle                   ? "CUDA_ERROR_INVALID_HANDLE"
            : result == kCaptureUnsupported              ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
            : result == kCaptureInvalidated              ? "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
            : result == kIllegalAddress                  ? "CUDA_ERROR_ILLEGAL_ADDRESS"
            : result == kCaptureUnjoined                 ? "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"
                                                         : nullptr;
    return cu::kSuccess;
  };
  d.error_string = [](cu::Result, const char** text) { return *text = last_message, cu::kSuccess; };

  d.device_count = [](int* count) { return *count = kDevices, cu::kSuccess; };
  d.device_get = [](cu::Device* device, int index) {
    if (index < 0 || index >= kDevices) return broken(kInvalidValue, "there is no such device");
    return *device = index, cu::kSuccess;
  };
  d.device_name = [](char* name, int bytes, cu::Device) {
    std::strncpy(name, "emulator", static_cast<size_t>(bytes));
    return cu::kSuccess;
  };
  d.device_attribute = [](int* value, int attribute, cu::Device) {
    *value = attribute == cu::kComputeCapabilityMajor   ? state().capability / 10
             : attribute == cu::kComputeCapabilityMinor ? state().capability % 10
             : attribute == cu::kMaxSharedBytesPerBlock ? static_cast<int>(state().shared_limit)
             : attribute == cu::kMultiprocessors        ? state().multiprocessors
                                                        : 0;
    return cu::kSuccess;
  };
  d.context_retain = [](cu::Context* context, cu::Device device) {
    const Lock lock;
    ++state().contexts[device].retained;
    return *context = &state().contexts[device], cu::kSuccess;
  };
  d.context_release = [](cu::Device device) {
    const Lock lock;
    Context& context = state().contexts[device];
    if (context.retained == 0) return broken(kInvalidContext, "a context is released more often than retained");
    if (--context.retained > 0) return cu::kSuccess;
    for (Stream* stream : state().streams) {
      if (stream->context == &context) return broken(kInvalidContext, "a context is released before its streams");
    }
    return cu::kSuccess;
  };
  d.context_use = [](cu::Context context) { return current = static_cast<Context*>(context), cu::kSuccess; };
}

// Memory and copies.
void add_memory(Driver& d) {
  d.memory_allocate = [](cu::Address* address, size_t bytes) {
    const Lock lock;
    if (const cu::Result r = unsafe_in_capture("cuMemAlloc"); r) return r;
    if (!current) return broken(kInvalidContext, "cuMemAlloc: the thread has no current context");
    void* data = allocate(bytes);
    if (!data) return cu::kOutOfMemory;
    *address = reinterpret_cast<uint64_t>(data);
    state().device_memory[*address] = {bytes, current};
    return cu::kSuccess;
  };
  d.memory_free = [](cu::Address address) {
    const Lock lock;
    if (const cu::Result r = unsafe_in_capture("cuMemFree"); r) return r;
    auto& memory = state().device_memory;
    const auto found = memory.find(address);
    if (found == memory.end()) return broken(kInvalidValue, "cuMemFree: the address is not an allocation");
    for (Stream* stream : state().streams) {
      if (stream->touches(address, address + found->second.first)) {
        return broken(kInvalidValue, "cuMemFree: work in flight still uses the memory");
      }
    }
    memory.erase(found);
    release(reinterpret_cast<void*>(address));
    return cu::kSuccess;
  };
  d.host_allocate = [](void** data, size_t bytes, unsigned) {
    const Lock lock;
    if (const cu::Result r = unsafe_in_capture("cuMemHostAlloc"); r) return r;
    if (!current) return broken(kInvalidContext, "cuMemHostAlloc: the thread has no current context");
    const size_t rounded = (bytes + 255) / 256 * 256;
    *data = std::aligned_alloc(256, rounded);
    if (!*data) return cu::kOutOfMemory;
    std::memset(*data, 0xff, rounded);
    state().pinned_memory[static_cast<char*>(*data)] = {bytes, false};
    return cu::kSuccess;
  };
  d.host_free = [](void* data) {
    const Lock lock;
    if (const cu::Result r = unsafe_in_capture("cuMemFreeHost"); r) return r;
    if (const cu::Result r = remove_pinned(data, false, "cuMemFreeHost"); r) return r;
    std::free(data);
    return cu::kSuccess;
  };
  // As in the driver, ranges are those of the caller and not whole pages: two may share a page, and none may overlap.
  d.host_register = [](void* data, size_t bytes, unsigned) {
    const Lock lock;
    if (const cu::Result r = unsafe_in_capture("cuMemHostRegister"); r) return r;
    if (const cu::Result r = check_device(); r) return r;
    if (!current) return broken(kInvalidContext, "cuMemHostRegister: the thread has no current context");
    if (!data || !bytes) return broken(kInvalidValue, "cuMemHostRegister: no memory");
    const auto* begin = static_cast<const char*>(data);
    if (pinned_in(begin, begin + bytes)) {
      return broken(cu::kHostMemoryAlreadyRegistered,
                    "cuMemHostRegister: the memory, or a part of it, is pinned already");
    }
    state().pinned_memory[begin] = {bytes, true};
    return cu::kSuccess;
  };
  d.host_unregister = [](void* data) {
    const Lock lock;
    if (const cu::Result r = unsafe_in_capture("cuMemHostUnregister"); r) return r;
    if (!current) return broken(kInvalidContext, "cuMemHostUnregister: the thread has no current context");
    return remove_pinned(data, true, "cuMemHostUnregister");
  };
  d.copy_in = [](cu::Address to, const void* from, size_t bytes, cu::Stream stream) {
    const auto* host = static_cast<const char*>(from);
    return copy(reinterpret_cast<char*>(to), host, to, host, bytes, static_cast<Stream*>(stream), "cuMemcpyHtoDAsync");
  };
  d.copy_out = [](void* to, cu::Address from, size_t bytes, cu::Stream stream) {
    auto* host = static_cast<char*>(to);
    if (bytes) std::memset(host, 0xff, bytes);  // data that is read before the copy completes is visibly wrong
    return copy(host, reinterpret_cast<char*>(from), from, host, bytes, static_cast<Stream*>(stream),
                "cuMemcpyDtoHAsync");
  };
  d.poison = [](cu::Address address, size_t bytes, cu::Stream s) {
    const Lock lock;
    if (bytes == 0) return cu::kSuccess;
    const auto run = [=] {
      std::memset(reinterpret_cast<char*>(address), 0xff, bytes);
      return Status{};
    };
    static_cast<Stream*>(s)->add({run, nullptr, {address}});
    return cu::kSuccess;
  };
}

}  // namespace emulator
}  // namespace videoclip
