#include "check.h"
#include "example_gemm.h"
#include "example_reduction.h"

namespace videoclip {
namespace emulated {
namespace {

template <typename T>
std::vector<T> integers(size_t count, int salt) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = from_float<T>(small_integer(i, salt));
  return values;
}

template <typename T, bool kSwizzle>
void test_shape(int M, int N, int K) {
  const auto m = static_cast<size_t>(M), n = static_cast<size_t>(N), k = static_cast<size_t>(K);
  const Device<T> a(integers<T>(m * k, 1)), b(integers<T>(n * k, 2));
  const Device<float> out(m * n);
  emulator::reset_counters();
  check_ok(gemm<T, kSwizzle>({out.global(), a.global(), b.global(), M, N, K}, nullptr), "gemm runs");
  bool exact = true;
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      float sum = 0;
      for (size_t c = 0; c < k; ++c) sum += to_float(a[i * k + c]) * to_float(b[j * k + c]);
      exact = exact && out[i * n + j] == sum;
    }
  }
  check(exact, "gemm is exact on integers");
  const emulator::Counters counted = emulator::counters();
  if (kSwizzle) {
    check(counted.bank_conflicts == 0, "the swizzled gemm has no bank conflicts");
  } else {
    check(counted.bank_conflicts > 0, "rows of 128 bytes without swizzle conflict");
  }
  check(counted.shared_accesses > 0 && counted.mma > 0, "accesses and mma are counted");
  if (N % 8 == 0 && K % 16 == 0) check(counted.excess_sectors == 0, "gemm accesses whole sectors");
}

template <typename T>
void test_sum(int rows, int C) {
  const auto count = static_cast<size_t>(rows) * static_cast<size_t>(C);
  const Device<T> x(integers<T>(count, 3));
  const Device<float> out(static_cast<size_t>(rows));
  check_ok(reduction<T>({out.global(), x.global(), C}, rows, nullptr), "reduction runs");
  bool exact = true;
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
    float sum = 0;
    for (size_t c = 0; c < static_cast<size_t>(C); ++c) sum += to_float(x[r * static_cast<size_t>(C) + c]);
    exact = exact && sum == out[r];
  }
  check(exact, "reduction is exact on integers");
}

}  // namespace

void test_gemm() {
  test_shape<bf16, true>(64, 64, 64);
  test_shape<bf16, true>(70, 66, 200);
  test_shape<f16, true>(1, 8, 136);
  test_shape<bf16, false>(64, 64, 64);
  test_sum<float>(3, 1000);
  test_sum<bf16>(2, 4);
  test_sum<f16>(1, 516);
}

}  // namespace emulated
}  // namespace videoclip
