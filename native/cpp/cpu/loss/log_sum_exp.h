#pragma once
// A running log-sum-exp as (reference m, sum of exp(x - m)): adding never overflows, and nothing is lost while m stays
// within about 60 of the largest x.
#include <cmath>
#include <limits>

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

struct LogSumExp {
  float top = -std::numeric_limits<float>::infinity(), sum = 0;

  // Takes in sum exp(m).
  void add(float m, float other) {
    if (m > top) {
      sum = sum * std::exp(top - m) + other;
      top = m;
    } else if (other != 0) {
      sum += other * std::exp(m - top);
    }
  }
  double value() const { return static_cast<double>(top) + std::log(static_cast<double>(sum)); }
};

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
