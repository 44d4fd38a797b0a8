#pragma once
// Division of indices by a divisor that the host knows, as a multiplication and a shift.
#include "cuda/primitives/target.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// Exact for 0 <= n < 2^31 and 1 <= divisor < 2^31. Source: Granlund and Montgomery, "Division by Invariant Integers
// using Multiplication", figure 4.1.
class FastDivmod {
 public:
  FastDivmod() = default;
  explicit FastDivmod(int64_t divisor) : divisor_(static_cast<uint32_t>(divisor)) {
    while ((uint64_t{1} << shift_) < divisor_) ++shift_;
    const uint64_t two32 = uint64_t{1} << 32;
    magic_ = static_cast<uint32_t>(two32 * ((uint64_t{1} << shift_) - divisor_) / divisor_ + 1);
  }

  int divisor() const { return static_cast<int>(divisor_); }

  VC_DEVICE int divide(int n) const {
    const auto u = static_cast<uint32_t>(n);
    const auto high = static_cast<uint32_t>((uint64_t{u} * magic_) >> 32);
    return static_cast<int>((high + u) >> shift_);
  }
  // Returns n / divisor, and stores the remainder in `rest`.
  VC_DEVICE int divide(int n, int* rest) const {
    const int quotient = divide(n);
    *rest = n - quotient * static_cast<int>(divisor_);
    return quotient;
  }

 private:
  uint32_t divisor_ = 1, magic_ = 1, shift_ = 0;
};

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
