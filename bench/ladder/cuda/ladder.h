#pragma once
// Runs the steps of a CUDA ladder, on a GPU or, compiled with VIDEOCLIP_EMULATED, on the emulator. Checks each step
// against a float64 result; then a GPU measures them in turn, and the emulator reports what it counted. Prints one line
// of JSON per step, which main.ts turns into a table.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "../cpu/numbers.h"
#include "cuda/primitives/kernel.h"
#include "runtime/gpu.h"
#include "runtime/number.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/launch.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace ladder {

using ::ladder::numbers;
using ::ladder::relative_l2;

inline void require(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "%s\n", status.error);
  std::exit(2);
}

// The device, with one stream that everything is ordered by.
class Device {
 public:
  Device() {
    std::string error;
#if defined(VIDEOCLIP_EMULATED)
    gpu_ = open_emulated(0, &error);
#else
    gpu_ = open_cuda(0, &error);
#endif
    if (!gpu_) {
      std::fprintf(stderr, "no GPU: %s\n", error.c_str());
      std::exit(3);
    }
    require(gpu_->make_stream(&stream_));
    require(gpu_->make_event(&begin_, Gpu::EventUse::timing));
    require(gpu_->make_event(&end_, Gpu::EventUse::timing));
  }

  Stream stream() const { return stream_; }
  Backend backend() const { return gpu_->backend(); }

  // Memory of the device, which nothing has written. It lives as long as the program.
  template <typename T>
  Global<T> allocate(size_t count) {
    char* memory = gpu_->device_memory()->allocate(count * sizeof(T));
    if (!memory) require({"out of device memory", StatusCode::out_of_memory});
    return Global<T>(reinterpret_cast<T*>(memory), count);
  }
  template <typename T>
  Global<T> upload(const std::vector<T>& values) {
    const Global<T> to = allocate<T>(values.size());
    require(gpu_->copy_in(reinterpret_cast<char*>(to.data()), reinterpret_cast<const char*>(values.data()),
                          values.size() * sizeof(T), stream_));
    wait();
    return to;
  }
  template <typename T>
  std::vector<T> download(Global<T> from, size_t count) {
    std::vector<T> values(count);
    require(gpu_->copy_out(reinterpret_cast<char*>(values.data()), reinterpret_cast<const char*>(from.data()),
                           count * sizeof(T), stream_));
    wait();
    return values;
  }
  // Fills memory with 0xFF bytes: NaN in every float format, and never written as the emulator sees it.
  template <typename T>
  void poison(Global<T> memory, size_t count) {
    const std::vector<char> bytes(count * sizeof(T), '\xff');
    require(gpu_->copy_in(reinterpret_cast<char*>(memory.data()), bytes.data(), bytes.size(), stream_));
    wait();
  }
  void wait() {
    require(gpu_->record(end_, stream_));
    require(gpu_->synchronize(end_));
  }
  double milliseconds(const std::function<Status()>& body) {
    double spent = 0;
    require(gpu_->record(begin_, stream_));
    require(body());
    wait();
    require(gpu_->elapsed(begin_, end_, &spent));
    return spent;
  }

 private:
  const OpScope scope_{"ladder"};  // the image of the steps in the GPU file
  std::unique_ptr<Gpu> gpu_;
  Gpu::Stream stream_ = nullptr;
  Gpu::Event begin_ = nullptr, end_ = nullptr;
};

// Numbers as they are stored, and as they then are.
inline std::vector<f16> to_f16(const std::vector<float>& x) {
  std::vector<f16> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i].bits = float_to_f16(x[i]);
  return out;
}
inline std::vector<float> to_floats(const std::vector<f16>& x) {
  std::vector<float> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = f16_to_float(x[i].bits);
  return out;
}
inline std::vector<float> to_floats(const std::vector<float>& x) { return x; }

class Ladder {
 public:
  explicit Ladder(double flop) : flop_(flop) {}

  // `body` puts the launches of one run on the stream.
  void step(std::string name, std::function<Status()> body) { steps_.push_back({std::move(name), std::move(body)}); }

  // Every step writes `count` numbers to `output`, which may differ from `expected` by a relative L2 error of `bound`.
  // Returns the exit code: 1 when one differs more.
  template <typename T>
  int run(Device& device, Global<T> output, const std::vector<double>& expected, double bound, int rounds) {
    bool all = true;
    std::vector<double> errors;
    std::vector<std::string> figures;
    for (const Step& s : steps_) {
      device.poison(output, expected.size());
#if defined(VIDEOCLIP_EMULATED)
      emulator::reset_counters();
#endif
      require(s.body());
      device.wait();
      figures.push_back(counted());
      errors.push_back(relative_l2(to_floats(device.download(output, expected.size())), expected));
      all = all && errors.back() <= bound;  // false for NaN
    }
    std::vector<std::vector<double>> times(steps_.size());
    for (int round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < steps_.size(); ++i) times[i].push_back(device.milliseconds(steps_[i].body));
    }
    for (size_t i = 0; i < steps_.size(); ++i) {
      std::printf("{\"step\":\"%s\",\"flop\":%.0f,\"error\":%s,\"bound\":%g%s,\"ms\":[", steps_[i].name.c_str(), flop_,
                  std::isfinite(errors[i]) ? ::ladder::number(errors[i]).c_str() : "null", bound, figures[i].c_str());
      for (size_t j = 0; j < times[i].size(); ++j) std::printf("%s%.5f", j ? "," : "", times[i][j]);
      std::printf("]}\n");
    }
    return all ? 0 : 1;
  }

 private:
  struct Step {
    std::string name;
    std::function<Status()> body;
  };

  static std::string counted() {
#if defined(VIDEOCLIP_EMULATED)
    const emulator::Counters c = emulator::counters();
    const auto field = [](const char* name, uint64_t n) {
      return std::string(",\"") + name + "\":" + std::to_string(n);
    };
    return field("sectors", c.sectors) + field("sharedAccesses", c.shared_accesses) +
           field("bankConflicts", c.bank_conflicts) + field("mma", c.mma);
#else
    return "";
#endif
  }

  double flop_;
  std::vector<Step> steps_;
};

// Sizes and rounds of a run: a GPU takes sizes that fill it, the emulator small ones and no rounds.
struct Options {
#if defined(VIDEOCLIP_EMULATED)
  static constexpr bool kSmall = true;
#else
  static constexpr bool kSmall = false;
#endif
  int rounds = 0;

  Options(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i) {
      if (std::string(argv[i]) == "--rounds") rounds = std::atoi(argv[i + 1]);
    }
  }
};

// A dense operand of a kernel of the package.
template <typename T>
Tensor tensor(Global<T> data, std::initializer_list<int64_t> shape) {
  Tensor t;
  t.data = reinterpret_cast<char*>(const_cast<std::remove_const_t<T>*>(data.data()));
  t.dtype = sizeof(T) == 2 ? DType::f16 : DType::f32;
  for (int64_t n : shape) t.shape[t.rank++] = n;
  int64_t stride = 1;
  for (int i = t.rank - 1; i >= 0; --i) {
    t.strides[i] = stride;
    stride *= t.shape[i];
  }
  return t;
}

// A kernel of the package, called as the runtime calls it.
class PackageKernel {
 public:
  PackageKernel(Device& device, const char* op, std::vector<Tensor> in, std::vector<Tensor> out,
                std::vector<double> attrs)
      : stream_(device.stream()), in_(std::move(in)), out_(std::move(out)), attrs_(std::move(attrs)) {
    kernel_ = find_kernel(device.backend(), op);
    if (!kernel_) require({"the package's kernel is not linked"});
    workspace_ = device.allocate<float>(kernel_->workspace(call(), 1) / sizeof(float) + 64).data();
  }
  Status operator()() const { return kernel_->run(call()); }

 private:
  Call call() const {
    Call c{in_.data(),
           static_cast<int>(in_.size()),
           out_.data(),
           static_cast<int>(out_.size()),
           attrs_.data(),
           static_cast<int>(attrs_.size()),
           reinterpret_cast<char*>(workspace_),
           nullptr};
    c.stream = stream_;
    return c;
  }

  Stream stream_;
  std::vector<Tensor> in_, out_;
  std::vector<double> attrs_;
  const Kernel* kernel_ = nullptr;
  float* workspace_ = nullptr;
};

}  // namespace ladder
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
