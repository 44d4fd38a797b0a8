#include <atomic>
#include <mutex>
#include <utility>

#include "emulator/driver.h"
#include "emulator/driver_state.h"
#include "emulator/kernels.h"
#include "emulator/launch.h"
#include "runtime/device_code.h"
#include "runtime/message.h"

namespace videoclip {
namespace emulator {
namespace {

struct Image {};
const Image image;  // the only device code that library_load accepts

std::vector<EmulatedKernel>& kernels() {
  static std::vector<EmulatedKernel> list;
  return list;
}

std::atomic<bool> is_recording{false};
std::mutex records_mutex;
std::vector<LaunchRecord> records;

}  // namespace

const char* register_emulated_kernel(EmulatedKernel kernel) {
  kernels().push_back(kernel);
  return kernel.type_name;
}

void set_recording(bool recording) { is_recording = recording; }

std::vector<LaunchRecord> take_launches() {
  const std::lock_guard<std::mutex> lock(records_mutex);
  return std::exchange(records, {});
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
    const Lock lock;
    if (attribute != cu::kMaxDynamicSharedBytes) return broken(kInvalidValue, "cuKernelSetAttribute: not supported");
    if (static_cast<size_t>(value) > state().shared_limit) {
      return broken(kInvalidValue, "cuKernelSetAttribute: " + std::to_string(value) + " bytes of shared memory, " +
                                       std::to_string(state().shared_limit) + " are the limit of this device");
    }
    state().shared_bytes[{kernel, device}] = static_cast<size_t>(value);
    return cu::kSuccess;
  };
  d.launch = [](cu::Function function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned,
                unsigned shared, cu::Stream s, void** arguments, void**) {
    const Lock lock;
    const auto& kernel = *static_cast<EmulatedKernel*>(function);
    auto* stream = static_cast<Stream*>(s);
    if (stream) {
      if (const cu::Result r = check_stream(stream, "cuLaunchKernel"); r) return r;
    }
    const auto allowed = state().shared_bytes.find({function, current ? current->device : 0});
    const size_t limit = allowed == state().shared_bytes.end() ? kDefaultSharedBytes : allowed->second;
    if (shared > limit) {
      return broken(kInvalidValue, "cuLaunchKernel: " + std::to_string(shared) + " bytes of shared memory, " +
                                       std::to_string(limit) + " were requested");
    }
    const Invocation invocation = kernel.bind(arguments);
    Work work;
    work.run = [=, op = OpScope::current(), name = kernel.type_name] {
      if (is_recording) {
        const std::lock_guard<std::mutex> records_lock(records_mutex);
        records.push_back({op, kernel_of_type(name), x, y, z, threads, shared});
        return Status{};
      }
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

}  // namespace emulator

DeviceCode& emulated_code() {
  static DeviceCode code(&emulator::driver());
  if (code.empty()) code.add({"", &emulator::image});
  return code;
}

}  // namespace videoclip
