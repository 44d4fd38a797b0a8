#pragma once
// A running log-sum-exp as (reference m, sum of exp(x - m)). Adding never overflows, and nothing is lost while m is
// within about 60 of the largest x.
#include <cmath>
#include <limits>

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

struct LogSumExp {
  float max_score = -std::numeric_limits<float>::infinity(), sum = 0;

  // Adds a sum of exponentials relative to m.
  void add(float m, float other) {
    if (m > max_score) {
      sum = sum * std::exp(max_score - m) + other;
      max_score = m;
    } else if (other != 0) {
      sum += other * std::exp(m - max_score);
    }
  }
  double value() const { return static_cast<double>(max_score) + std::log(static_cast<double>(sum)); }
};

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
