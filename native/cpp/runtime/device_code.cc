#include "runtime/device_code.h"

#include <cstdlib>
#include <cstring>

#include "runtime/message.h"
#include "runtime/pages.h"

#if !defined(_WIN32)
#include <cxxabi.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace videoclip {
namespace {

thread_local const char* op_name = "kernel";
thread_local int device = 0;

std::string demangled(const char* symbol) {
#if defined(_WIN32)
  return symbol;
#else
  int status = 0;
  char* text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string out = text ? text : symbol;
  std::free(text);
  return out;
#endif
}

const std::string kAnonymous = "(anonymous namespace)";

// Removes the return type and the parameters from a function's text: "void f<(E)1>(A)" becomes "f<(E)1>".
std::string without_signature(const std::string& text) {
  const size_t begin = text.rfind("void ", 0) == 0 ? 5 : 0;
  int depth = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '<') ++depth;
    if (text[i] == '>') --depth;
    if (text[i] != '(' || depth > 0 || text.compare(i, kAnonymous.size(), kAnonymous) == 0) continue;
    return text.substr(begin, i - begin);
  }
  return text.substr(begin);
}

// The GPU file: a magic number and the number of images, an entry for each, then the images, aligned to 64 bytes.
// scripts/join_kernels.mjs writes it.
constexpr char kMagic[8] = {'V', 'C', 'G', 'P', 'U', '0', '0', '1'};
struct Entry {
  char op[48];
  uint64_t offset, bytes;
};

}  // namespace

OpScope::OpScope(const char* op) : before_(op_name) { op_name = op; }
OpScope::~OpScope() { op_name = before_; }
const char* OpScope::current() { return op_name; }

int current_device() { return device; }
void set_current_device(int index) { device = index; }

std::string kernel_of_symbol(const char* symbol) { return without_signature(demangled(symbol)); }

std::string kernel_of_type(const char* type_name) {
  // "videoclip::KernelName<&(void f<int>(A))>", or "videoclip::KernelName<&f>" for a kernel that is not a template
  std::string text = demangled(type_name);
  const size_t begin = text.find("<&");
  if (begin == std::string::npos) return text;
  text = text.substr(begin + 2, text.rfind('>') - begin - 2);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.size() > 2 && text.front() == '(') text = text.substr(1, text.size() - 2);
  return without_signature(text);
}

Status DeviceCode::open(const std::string& path) {
#if defined(_WIN32)
  (void)path;
  return {"kernels of GPUs are not supported on this system", StatusCode::unsupported};
#else
  const auto damaged = [&] {
    return Status(keep_message("the GPU file " + path + " is damaged: install the package again"),
                  StatusCode::unsupported);
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return {keep_message("the kernels for GPUs are not installed, there is no " + path +
                         ": npm install @videoclip/cuda, or in a clone npm run build:cuda"),
            StatusCode::unsupported};
  }
  struct stat info {};
  const size_t size = fstat(file, &info) == 0 ? static_cast<size_t>(info.st_size) : 0;
  const char* data = size ? map_bytes(file, 0, size) : nullptr;
  ::close(file);
  if (!data) return damaged();
  uint64_t count = 0;
  constexpr size_t kHeader = sizeof kMagic + sizeof count;
  if (size < kHeader || std::memcmp(data, kMagic, sizeof kMagic) != 0) return damaged();
  std::memcpy(&count, data + sizeof kMagic, sizeof count);
  if (count > (size - kHeader) / sizeof(Entry)) return damaged();
  for (uint64_t i = 0; i < count; ++i) {
    Entry entry;
    std::memcpy(&entry, data + kHeader + i * sizeof entry, sizeof entry);
    if (entry.offset > size || entry.bytes > size - entry.offset || entry.op[sizeof entry.op - 1] != 0)
      return damaged();
    add({entry.op, data + entry.offset});
  }
  return {};
#endif
}

Status DeviceCode::load(Loaded& loaded) {
  const Driver& d = *driver_;
  cu::Library library = nullptr;
  unsigned count = 0;
  if (const cu::Result r = d.library_load(&library, loaded.image.data, nullptr, nullptr, 0, nullptr, nullptr, 0); r) {
    return status_of(d, r);
  }
  std::vector<cu::Kernel> kernels;
  cu::Result result = d.library_kernel_count(&count, library);
  if (!result) {
    kernels.resize(count);
    result = d.library_kernels(kernels.data(), count, library);
  }
  for (size_t i = 0; i < kernels.size() && !result; ++i) {
    const char* name = nullptr;
    result = d.kernel_name(&name, kernels[i]);
    if (result || loaded.kernels.emplace(kernel_of_symbol(name), kernels[i]).second) continue;
    return {keep_message("two kernels have the name " + kernel_of_symbol(name)), StatusCode::internal};
  }
  if (result) {
    (void)d.library_unload(library);
    loaded.kernels.clear();
    return status_of(d, result);
  }
  loaded.library = library;
  return {};
}

Status DeviceCode::find(const char* op, const std::string& kernel, cu::Kernel* out) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Loaded& loaded : images_) {
    if (!loaded.image.op.empty() && loaded.image.op != op) continue;
    if (!loaded.library) {
      if (const Status status = load(loaded); !status) return status;
    }
    const auto found = loaded.kernels.find(kernel);
    if (found == loaded.kernels.end()) continue;  // an op may have several images
    *out = found->second;
    return {};
  }
  return {keep_message("the GPU file does not have the kernel " + kernel + " of " + op +
                       ": the addon and the file are of different builds"),
          StatusCode::unsupported};
}

DeviceCode& cuda_code() {
  static const char* reason = nullptr;
  static DeviceCode code(cuda_driver(&reason));
  return code;
}

Status DeviceKernel::launch(Grid grid, int threads, size_t shared_bytes, cu::Stream stream, void** arguments) {
  const Driver& driver = code_.driver();
  cu::Kernel kernel = kernel_.load(std::memory_order_acquire);
  if (!kernel) {
    if (const Status status = code_.find(OpScope::current(), kernel_of_type(type_name_), &kernel); !status) {
      return status;
    }
    kernel_.store(kernel, std::memory_order_release);
  }
  if (shared_bytes > kDefaultSharedBytes) {  // per device, and cheap
    if (const cu::Result r =
            driver.kernel_set(cu::kMaxDynamicSharedBytes, static_cast<int>(shared_bytes), kernel, current_device());
        r) {
      return status_of(driver, r);
    }
  }
  cu::Function function = nullptr;
  if (const cu::Result r = driver.kernel_function(&function, kernel); r) return status_of(driver, r);
  const auto extent = [](int64_t n) { return static_cast<unsigned>(n); };
  return status_of(driver, driver.launch(function, extent(grid.x), extent(grid.y), extent(grid.z), extent(threads), 1,
                                         1, extent(static_cast<int64_t>(shared_bytes)), stream, arguments, nullptr));
}

}  // namespace videoclip
