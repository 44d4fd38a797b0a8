#pragma once
// Inputs, and how results are compared.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace ladder {

// A stream of numbers that is the same on every machine, roughly normal (sum of four uniform ones, variance 1/3).
inline std::vector<float> numbers(int64_t count, uint64_t seed, float scale = 1.0f) {
  std::vector<float> out(static_cast<size_t>(count));
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (float& x : out) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      sum += static_cast<float>(state >> 40) / 16777216.0f - 0.5f;
    }
    x = sum * scale;
  }
  return out;
}

// |a - b| / |b|; NaN where a holds NaN.
inline double relative_l2(const std::vector<float>& a, const std::vector<double>& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    error += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(error / norm);
}

inline std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", x);
  return text;
}

}  // namespace ladder
