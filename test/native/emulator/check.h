#pragma once
// Checks that count failures, and device memory for kernels under test.
#include <cstdio>
#include <cstring>
#include <vector>

#include "cuda/primitives/kernel.h"
#include "emulator/launch.h"
#include "emulator/memory.h"

namespace videoclip {
namespace emulated {

extern int checks, failures;

inline void check(bool ok, const char* what, const char* detail = "") {
  ++checks;
  if (ok) return;
  ++failures;
  std::printf("FAIL %s %s\n", what, detail);
}

inline void check_ok(Status status, const char* what) { check(bool(status), what, status.error ? status.error : ""); }

inline void check_fault(Status status, const char* message, const char* what) {
  check(status.error && std::strstr(status.error, message), what, status.error ? status.error : "(no fault)");
}

// Runs one block of a kernel that is not registered, such as a lambda.
template <typename Arguments>
Status run_block(void (*kernel)(Arguments), int threads, size_t shared_bytes, const Arguments& arguments) {
  const auto call = [=] { kernel(arguments); };
  using Call = decltype(call);
  return emulator::run({{1, 1, 1},
                        {static_cast<uint32_t>(threads), 1, 1},
                        shared_bytes,
                        [](const void* self) { (*static_cast<const Call*>(self))(); },
                        &call});
}

template <typename T>
class Device {
 public:
  explicit Device(size_t count) : count_(count), data_(static_cast<T*>(emulator::allocate(count * sizeof(T)))) {}
  explicit Device(const std::vector<T>& values) : Device(values.size()) {
    std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  ~Device() { emulator::release(data_); }
  Device(const Device&) = delete;

  Global<T> global() const { return {data_, count_}; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  size_t count_;
  T* data_;
};

// Small integers, which every format represents and every order of summation adds exactly.
inline float small_integer(size_t i, int salt) {
  return static_cast<float>((i * 2654435761u + static_cast<size_t>(salt) * 40503u) >> 7 & 7) - 3;
}

void test_collectives();
void test_driver();
void test_executor();
void test_faults();
void test_gemm();
void test_matrix_layouts();
void test_numbers();
void test_pipeline();
void test_products();
void test_reports();

}  // namespace emulated
}  // namespace videoclip
