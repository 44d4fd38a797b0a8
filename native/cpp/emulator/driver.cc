#include "emulator/driver.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "emulator/kernels.h"
#include "emulator/launch.h"
#include "emulator/memory.h"
#include "emulator/streams.h"
#include "runtime/device_code.h"
#include "runtime/message.h"

namespace videoclip {
namespace emulator {
namespace {

// The results of cuda.h that rules refer to, and one for faults of kernels, with the emulator's message.
constexpr cu::Result kInvalidValue = 1, kInvalidContext = 201, kInvalidHandle = 400, kCaptureUnsupported = 900,
                     kCaptureInvalidated = 901, kCaptureUnjoined = 904, kIllegalAddress = 700, kFault = 100000;

struct Image {};
const Image image;  // the only device code that library_load accepts

struct Machine {
  // The engine thread and the JavaScript thread both use the device.
  std::recursive_mutex mutex;
  Context contexts[kDevices];
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::set<Executable*> executables;
  std::map<uint64_t, std::pair<size_t, Context*>> device_memory;
  std::map<const char*, size_t> pinned_memory;
  std::map<std::pair<const void*, int>, size_t> shared_bytes;  // of a kernel on a device
  size_t shared_limit = kSharedLimit, pageable_copies = 0;
  bool lost = false;

  Machine() {
    for (int i = 0; i < kDevices; ++i) contexts[i].device = i;
    if (const char* limit = std::getenv("VIDEOCLIP_EMULATOR_SHARED")) shared_limit = std::strtoull(limit, nullptr, 10);
  }
};

Machine& machine() {
  static Machine m;
  return m;
}

std::vector<EmulatedKernel>& kernels() {
  static std::vector<EmulatedKernel> list;
  return list;
}

thread_local Context* current = nullptr;
thread_local const char* last_message = nullptr;

using Lock = std::lock_guard<std::recursive_mutex>;

cu::Result broken(cu::Result result, const std::string& rule) {
  last_message = keep_message(rule);
  return result;
}

cu::Result result_of(const Status& status) {
  if (status) return cu::kSuccess;
  last_message = status.error;
  return kFault;
}

bool always() { return true; }

double now() {
  const std::chrono::duration<double, std::milli> t = std::chrono::steady_clock::now().time_since_epoch();
  return t.count();
}

// A call that may wait for the device or change its memory is illegal on a thread that captures.
cu::Result unsafe_in_capture(const char* call) {
  for (Stream* stream : machine().streams) {
    if (!stream->capture || stream->capture->thread != std::this_thread::get_id()) continue;
    stream->capture->invalid = std::string(call) + " during a capture on the same thread";
    return broken(kCaptureUnsupported, stream->capture->invalid);
  }
  return cu::kSuccess;
}

// After a sticky error, every call that works on the device returns the error.
cu::Result check_device() {
  return machine().lost ? broken(kIllegalAddress, "an illegal memory access was encountered") : cu::kSuccess;
}

cu::Result check_stream(Stream* stream, const char* call) {
  if (const cu::Result r = check_device(); r) return r;
  if (!machine().streams.count(stream)) return broken(kInvalidHandle, std::string(call) + ": no such stream");
  if (!current) return broken(kInvalidContext, std::string(call) + ": the thread has no current context");
  if (stream->context != current) {
    return broken(kInvalidHandle, std::string(call) + ": the stream is of device " +
                                      std::to_string(stream->context->device) + ", the thread uses device " +
                                      std::to_string(current->device));
  }
  return cu::kSuccess;
}

cu::Result check_event(Event* event, const char* call) {
  if (machine().events.count(event)) return cu::kSuccess;
  return broken(kInvalidHandle, std::string(call) + ": no such event");
}

// Checks that the bytes are device memory of the stream's device.
cu::Result check_device_range(uint64_t address, size_t bytes, Context* context, const char* call) {
  auto& memory = machine().device_memory;
  auto next = memory.upper_bound(address);
  if (next == memory.begin()) return broken(kInvalidValue, std::string(call) + ": the address is not device memory");
  const auto& [begin, block] = *--next;
  if (address + bytes > begin + block.first) {
    return broken(kInvalidValue, std::string(call) + ": the bytes are not in one allocation of device memory");
  }
  if (block.second != context) return broken(kInvalidValue, std::string(call) + ": memory of another device");
  return cu::kSuccess;
}

bool is_pinned(const char* data, size_t bytes) {
  auto& memory = machine().pinned_memory;
  auto next = memory.upper_bound(data);
  if (next == memory.begin()) return false;
  const auto& [begin, size] = *--next;
  return data + bytes <= begin + size;
}

cu::Result copy(char* to, const char* from, uint64_t device, const char* host, size_t bytes, Stream* stream,
                const char* call) {
  Lock lock(machine().mutex);
  if (const cu::Result r = check_stream(stream, call); r) return r;
  if (bytes == 0) return cu::kSuccess;
  if (const cu::Result r = check_device_range(device, bytes, stream->context, call); r) return r;
  const bool pinned = is_pinned(host, bytes);
  if (!pinned && stream->capture) {
    stream->capture->invalid = std::string(call) + " of pageable memory during a capture";
    return broken(kCaptureUnsupported, stream->capture->invalid);
  }
  const auto run = [=] {
    std::memcpy(to, from, bytes);
    return Status{};
  };
  stream->add({run, always, {device, reinterpret_cast<uint64_t>(host)}});
  if (pinned) return cu::kSuccess;
  ++machine().pageable_copies;
  return result_of(stream->flush(stream->added));  // a copy of pageable memory waits for the stream
}

Driver make_driver() {
  Driver d;
  d.init = [](unsigned) { return cu::kSuccess; };
  d.driver_version = [](int* version) { return *version = 13000, cu::kSuccess; };
  d.error_name = [](cu::Result result, const char** name) {
    *name = result == kInvalidValue         ? "CUDA_ERROR_INVALID_VALUE"
            : result == kInvalidContext     ? "CUDA_ERROR_INVALID_CONTEXT"
            : result == kInvalidHandle      ? "CUDA_ERROR_INVALID_HANDLE"
            : result == kCaptureUnsupported ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
            : result == kCaptureInvalidated ? "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
            : result == kIllegalAddress     ? "CUDA_ERROR_ILLEGAL_ADDRESS"
            : result == kCaptureUnjoined    ? "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"
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
    *value = attribute == cu::kComputeCapabilityMajor   ? 9
             : attribute == cu::kMaxSharedBytesPerBlock ? static_cast<int>(machine().shared_limit)
                                                        : 0;
    return cu::kSuccess;
  };
  d.context_retain = [](cu::Context* context, cu::Device device) {
    Lock lock(machine().mutex);
    ++machine().contexts[device].retained;
    return *context = &machine().contexts[device], cu::kSuccess;
  };
  d.context_release = [](cu::Device device) {
    Lock lock(machine().mutex);
    Context& context = machine().contexts[device];
    if (context.retained == 0) return broken(kInvalidContext, "a context is released more often than retained");
    if (--context.retained > 0) return cu::kSuccess;
    for (Stream* stream : machine().streams) {
      if (stream->context == &context) return broken(kInvalidContext, "a context is released before its streams");
    }
    return cu::kSuccess;
  };
  d.context_use = [](cu::Context context) { return current = static_cast<Context*>(context), cu::kSuccess; };

  d.memory_allocate = [](cu::Address* address, size_t bytes) {
    Lock lock(machine().mutex);
    if (const cu::Result r = unsafe_in_capture("cuMemAlloc"); r) return r;
    if (!current) return broken(kInvalidContext, "cuMemAlloc: the thread has no current context");
    void* data = allocate(bytes);
    if (!data) return cu::kOutOfMemory;
    *address = reinterpret_cast<uint64_t>(data);
    machine().device_memory[*address] = {bytes, current};
    return cu::kSuccess;
  };
  d.memory_free = [](cu::Address address) {
    Lock lock(machine().mutex);
    if (const cu::Result r = unsafe_in_capture("cuMemFree"); r) return r;
    auto& memory = machine().device_memory;
    const auto found = memory.find(address);
    if (found == memory.end()) return broken(kInvalidValue, "cuMemFree: the address is not an allocation");
    for (Stream* stream : machine().streams) {
      if (stream->touches(address, address + found->second.first)) {
        return broken(kInvalidValue, "cuMemFree: work in flight still uses the memory");
      }
    }
    memory.erase(found);
    release(reinterpret_cast<void*>(address));
    return cu::kSuccess;
  };
  d.host_allocate = [](void** data, size_t bytes, unsigned) {
    Lock lock(machine().mutex);
    if (const cu::Result r = unsafe_in_capture("cuMemHostAlloc"); r) return r;
    if (!current) return broken(kInvalidContext, "cuMemHostAlloc: the thread has no current context");
    const size_t rounded = (bytes + 255) / 256 * 256;
    *data = std::aligned_alloc(256, rounded);
    if (!*data) return cu::kOutOfMemory;
    std::memset(*data, 0xff, rounded);
    machine().pinned_memory[static_cast<char*>(*data)] = bytes;
    return cu::kSuccess;
  };
  d.host_free = [](void* data) {
    Lock lock(machine().mutex);
    if (const cu::Result r = unsafe_in_capture("cuMemFreeHost"); r) return r;
    const auto found = machine().pinned_memory.find(static_cast<char*>(data));
    if (found == machine().pinned_memory.end()) return broken(kInvalidValue, "cuMemFreeHost: not pinned memory");
    const auto begin = reinterpret_cast<uint64_t>(data);
    for (Stream* stream : machine().streams) {
      if (stream->touches(begin, begin + found->second)) {
        return broken(kInvalidValue, "cuMemFreeHost: a copy in flight still uses the memory");
      }
    }
    machine().pinned_memory.erase(found);
    std::free(data);
    return cu::kSuccess;
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
    Lock lock(machine().mutex);
    if (bytes == 0) return cu::kSuccess;
    const auto run = [=] {
      std::memset(reinterpret_cast<char*>(address), 0xff, bytes);
      return Status{};
    };
    static_cast<Stream*>(s)->add({run, nullptr, {address}});
    return cu::kSuccess;
  };
  return d;
}

// Streams, events and graphs.
void add_streams(Driver& d) {
  d.stream_create = [](cu::Stream* stream, unsigned) {
    Lock lock(machine().mutex);
    if (!current) return broken(kInvalidContext, "cuStreamCreate: the thread has no current context");
    auto* made = new Stream;
    made->context = current;
    machine().streams.insert(made);
    return *stream = made, cu::kSuccess;
  };
  d.stream_destroy = [](cu::Stream s) {
    Lock lock(machine().mutex);
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_stream(stream, "cuStreamDestroy"); r) return r;
    if (!stream->waiting.empty()) return broken(kInvalidHandle, "cuStreamDestroy: the stream has work in flight");
    machine().streams.erase(stream);
    delete stream;
    return cu::kSuccess;
  };
  d.stream_synchronize = [](cu::Stream s) {
    Lock lock(machine().mutex);
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_stream(stream, "cuStreamSynchronize"); r) return r;
    if (const cu::Result r = unsafe_in_capture("cuStreamSynchronize"); r) return r;
    return result_of(stream->flush(stream->added));
  };
  d.stream_wait = [](cu::Stream s, cu::Event e, unsigned) {
    Lock lock(machine().mutex);
    auto *stream = static_cast<Stream*>(s), *source = static_cast<Event*>(e)->stream;
    auto* event = static_cast<Event*>(e);
    if (const cu::Result r = check_event(event, "cuStreamWaitEvent"); r) return r;
    if (event->capture) {
      if (stream->capture && stream->capture != event->capture) {
        return broken(kCaptureInvalidated, "cuStreamWaitEvent: the event is of another capture");
      }
      if (!stream->capture) {  // the stream joins the capture
        stream->capture = event->capture;
        event->capture->forked.push_back(stream);
      }
      if (stream == event->capture->origin) source->joined = true;
      return cu::kSuccess;
    }
    if (stream->capture) {
      stream->capture->invalid = "cuStreamWaitEvent: a captured stream waits for an event outside the capture";
      return broken(kCaptureInvalidated, stream->capture->invalid);
    }
    const uint64_t position = event->position;
    if (source) {
      stream->add({[=] { return source->flush(position); }, [=] { return source->done >= position; }, {}, event});
    }
    return cu::kSuccess;
  };

  d.event_create = [](cu::Event* event, unsigned flags) {
    Lock lock(machine().mutex);
    if (!current) return broken(kInvalidContext, "cuEventCreate: the thread has no current context");
    auto* made = new Event;
    made->context = current;
    made->timing = (flags & cu::kEventDisableTiming) == 0;
    machine().events.insert(made);
    return *event = made, cu::kSuccess;
  };
  d.event_destroy = [](cu::Event e) {
    Lock lock(machine().mutex);
    auto* event = static_cast<Event*>(e);
    if (const cu::Result r = check_event(event, "cuEventDestroy"); r) return r;
    for (Stream* stream : machine().streams) {
      if (stream->uses(event)) return broken(kInvalidHandle, "cuEventDestroy: work in flight still uses the event");
    }
    machine().events.erase(event);
    delete event;
    return cu::kSuccess;
  };
  d.event_record = [](cu::Event e, cu::Stream s) {
    Lock lock(machine().mutex);
    auto* event = static_cast<Event*>(e);
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_event(event, "cuEventRecord"); r) return r;
    if (const cu::Result r = check_stream(stream, "cuEventRecord"); r) return r;
    if (event->context != stream->context) {
      return broken(kInvalidHandle, "cuEventRecord: the event and the stream are of different devices");
    }
    event->stream = stream;
    event->capture = stream->capture;
    if (stream->capture) return cu::kSuccess;
    const auto run = [event] {
      event->milliseconds = now();
      return Status{};
    };
    event->position = stream->added + 1;
    stream->add({run, always, {}, event});
    return cu::kSuccess;
  };
  d.event_synchronize = [](cu::Event e) {
    Lock lock(machine().mutex);
    auto* event = static_cast<Event*>(e);
    if (const cu::Result r = check_device(); r) return r;
    if (const cu::Result r = check_event(event, "cuEventSynchronize"); r) return r;
    if (const cu::Result r = unsafe_in_capture("cuEventSynchronize"); r) return r;
    return event->stream ? result_of(event->stream->flush(event->position)) : cu::kSuccess;
  };
  d.event_elapsed = [](float* milliseconds, cu::Event from, cu::Event to) {
    Lock lock(machine().mutex);
    const auto *begin = static_cast<Event*>(from), *end = static_cast<Event*>(to);
    for (const Event* event : {begin, end}) {
      if (!event->timing) return broken(kInvalidHandle, "cuEventElapsedTime: an event without timing");
      if (event->milliseconds == 0) return broken(kInvalidHandle, "cuEventElapsedTime: an event is not complete");
    }
    *milliseconds = static_cast<float>(end->milliseconds - begin->milliseconds);
    return cu::kSuccess;
  };

  d.capture_begin = [](cu::Stream s, int) {
    Lock lock(machine().mutex);
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_stream(stream, "cuStreamBeginCapture"); r) return r;
    if (stream->capture) return broken(kInvalidValue, "cuStreamBeginCapture: the stream is being captured");
    stream->capture = new Capture;
    stream->capture->origin = stream;
    stream->capture->thread = std::this_thread::get_id();
    return cu::kSuccess;
  };
  d.capture_end = [](cu::Stream s, cu::Graph* graph) {
    Lock lock(machine().mutex);
    auto* stream = static_cast<Stream*>(s);
    *graph = nullptr;
    if (!stream->capture) return broken(kInvalidValue, "cuStreamEndCapture: the stream is not being captured");
    const std::unique_ptr<Capture> capture(stream->capture);
    stream->capture = nullptr;
    bool joined = true;
    for (Stream* forked : capture->forked) {
      joined = joined && forked->joined;
      forked->capture = nullptr, forked->joined = true;
    }
    for (Event* event : machine().events) {
      if (event->capture == capture.get()) event->capture = nullptr, event->stream = nullptr;
    }
    if (!capture->invalid.empty()) return broken(kCaptureInvalidated, capture->invalid);
    if (!joined) return broken(kCaptureUnjoined, "cuStreamEndCapture: a forked stream was not joined");
    *graph = new Executable{stream->context, capture->work};
    return cu::kSuccess;
  };
  d.graph_instantiate = [](cu::GraphExec* executable, cu::Graph graph, unsigned long long) {
    Lock lock(machine().mutex);
    auto* made = new Executable(*static_cast<Executable*>(graph));
    machine().executables.insert(made);
    return *executable = made, cu::kSuccess;
  };
  d.graph_destroy = [](cu::Graph graph) { return delete static_cast<Executable*>(graph), cu::kSuccess; };
  d.graph_launch = [](cu::GraphExec e, cu::Stream s) {
    Lock lock(machine().mutex);
    auto* executable = static_cast<Executable*>(e);
    auto* stream = static_cast<Stream*>(s);
    if (!machine().executables.count(executable)) return broken(kInvalidHandle, "cuGraphLaunch: no such graph");
    if (const cu::Result r = check_stream(stream, "cuGraphLaunch"); r) return r;
    for (Work work : executable->work) {
      work.uses = executable;
      stream->add(std::move(work));
    }
    return cu::kSuccess;
  };
  d.executable_destroy = [](cu::GraphExec e) {
    Lock lock(machine().mutex);
    auto* executable = static_cast<Executable*>(e);
    if (!machine().executables.count(executable)) return broken(kInvalidHandle, "cuGraphExecDestroy: no such graph");
    for (Stream* stream : machine().streams) {
      if (stream->uses(executable)) return broken(kInvalidHandle, "cuGraphExecDestroy: the graph is in flight");
    }
    machine().executables.erase(executable);
    delete executable;
    return cu::kSuccess;
  };
}

// Libraries and kernels.
void add_kernels(Driver& d) {
  d.library_load = [](cu::Library* library, const void* code, int*, void**, unsigned, int*, void**, unsigned) {
    if (code != &image) return broken(cu::kNoBinaryForGpu, "cuLibraryLoadData: not the emulator's device code");
    return *library = const_cast<Image*>(&image), cu::kSuccess;
  };
  d.library_unload = [](cu::Library) { return cu::kSuccess; };
  d.library_kernel_count = [](unsigned* count, cu::Library) {
    return *count = static_cast<unsigned>(kernels().size()), cu::kSuccess;
  };
  d.library_kernels = [](cu::Kernel* out, unsigned count, cu::Library) {
    for (unsigned i = 0; i < count; ++i) out[i] = &kernels()[i];
    return cu::kSuccess;
  };
  d.kernel_name = [](const char** name, cu::Kernel kernel) {
    *name = keep_message(kernel_of_type(static_cast<EmulatedKernel*>(kernel)->type_name));
    return cu::kSuccess;
  };
  d.kernel_function = [](cu::Function* function, cu::Kernel kernel) { return *function = kernel, cu::kSuccess; };
  d.kernel_set = [](int attribute, int value, cu::Kernel kernel, cu::Device device) {
    Lock lock(machine().mutex);
    if (attribute != cu::kMaxDynamicSharedBytes) return broken(kInvalidValue, "cuKernelSetAttribute: not supported");
    if (static_cast<size_t>(value) > machine().shared_limit) {
      return broken(kInvalidValue, "cuKernelSetAttribute: " + std::to_string(value) + " bytes of shared memory, " +
                                       std::to_string(machine().shared_limit) + " are the limit of this device");
    }
    machine().shared_bytes[{kernel, device}] = static_cast<size_t>(value);
    return cu::kSuccess;
  };
  d.launch = [](cu::Function function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned,
                unsigned shared, cu::Stream s, void** arguments, void**) {
    Lock lock(machine().mutex);
    const auto& kernel = *static_cast<EmulatedKernel*>(function);
    auto* stream = static_cast<Stream*>(s);
    if (stream) {
      if (const cu::Result r = check_stream(stream, "cuLaunchKernel"); r) return r;
    }
    const auto allowed = machine().shared_bytes.find({function, current ? current->device : 0});
    const size_t limit = allowed == machine().shared_bytes.end() ? kDefaultSharedBytes : allowed->second;
    if (shared > limit) {
      return broken(kInvalidValue, "cuLaunchKernel: " + std::to_string(shared) + " bytes of shared memory, " +
                                       std::to_string(limit) + " were requested");
    }
    const Invocation invocation = kernel.bind(arguments);
    Work work;
    work.run = [=, op = OpScope::current()] {
      const OpScope scope(op);
      const auto thread = [](const void* call) { (*static_cast<const std::function<void()>*>(call))(); };
      return run({{x, y, z}, {threads, 1, 1}, shared, thread, &invocation.run});
    };
    work.addresses = invocation.words;
    if (!stream) return result_of(work.run());  // the tests of the emulator launch without a stream
    stream->add(std::move(work));
    return cu::kSuccess;
  };
}

}  // namespace

const char* register_emulated_kernel(EmulatedKernel kernel) {
  kernels().push_back(kernel);
  return kernel.type_name;
}

const Driver& driver() {
  static const Driver table = [] {
    Driver d = make_driver();
    add_streams(d);
    add_kernels(d);
    return d;
  }();
  return table;
}

void set_shared_limit(size_t bytes) { machine().shared_limit = bytes; }
void lose_device() { machine().lost = true; }
void set_early_copies(bool early) { early_copies = early; }
size_t pageable_copies() { return machine().pageable_copies; }

}  // namespace emulator

DeviceCode& emulated_code() {
  static DeviceCode code(&emulator::driver());
  if (code.empty()) code.add({"", &emulator::image});
  return code;
}

}  // namespace videoclip
