#pragma once
// A kernel of the package, called as the runtime calls it: operands as tensors, workspace as it asks for.
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "cpu/primitives/simd.h"
#include "runtime/kernel.h"

namespace ladder {

using videoclip::Tensor;

inline Tensor tensor(const float* data, std::initializer_list<int64_t> shape) {
  Tensor t;
  t.data = reinterpret_cast<char*>(const_cast<float*>(data));
  for (int64_t n : shape) t.shape[t.rank++] = n;
  int64_t stride = 1;
  for (int i = t.rank - 1; i >= 0; --i) {
    t.strides[i] = stride;
    stride *= t.shape[i];
  }
  return t;
}

class PackageKernel {
 public:
  PackageKernel(const char* op, std::vector<Tensor> in, std::vector<Tensor> out, std::vector<double> attrs, int threads)
      : in_(std::move(in)), out_(std::move(out)), attrs_(std::move(attrs)), pool_(new videoclip::ThreadPool(threads)) {
    kernel_ = videoclip::find_kernel(VIDEOCLIP_ISA_ENUM(VIDEOCLIP_ISA), op);
    if (!kernel_) fail(std::string("no kernel called ") + op);
    const size_t bytes = kernel_->workspace(call(), threads);
    workspace_.resize(bytes + 64);
  }

  void operator()() const {
    const videoclip::Status status = kernel_->run(call());
    if (!status) fail(status.error);
  }

 private:
  videoclip::Call call() const {
    char* aligned = const_cast<char*>(workspace_.data());
    aligned += (64 - reinterpret_cast<uintptr_t>(aligned) % 64) % 64;
    return {in_.data(),    static_cast<int>(in_.size()),    out_.data(), static_cast<int>(out_.size()),
            attrs_.data(), static_cast<int>(attrs_.size()), aligned,     pool_.get()};
  }
  [[noreturn]] static void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(2);
  }

  std::vector<Tensor> in_, out_;
  std::vector<double> attrs_;
  std::shared_ptr<videoclip::ThreadPool> pool_;
  const videoclip::Kernel* kernel_ = nullptr;
  std::vector<char> workspace_;
};

}  // namespace ladder
