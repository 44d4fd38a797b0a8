#include "video/plane_scaler.h"

#include <algorithm>
#include <cstring>

#include "video/plane_rows.h"
#include "video/with_avx2.h"

namespace videoclip {
namespace {

// The two samples around a sample of the resized axis, and the weight of the second, in the float32 arithmetic of
// PyTorch.
struct Between {
  int first, second;
  float weight;
};

Between between(int i, float step, int length) {
  const float at = std::max(0.0f, step * (static_cast<float>(i) + 0.5f) - 0.5f);
  const int first = std::min(static_cast<int>(at), length - 1);
  const float weight = std::min(std::max(at - static_cast<float>(first), 0.0f), 1.0f);
  return {first, std::min(first + 1, length - 1), weight};
}

// Rounds half to even: adding 2^23 leaves no bits for the fraction.
uint8_t rounded(float value) {
  const float shifted = value + 8388608.0f;
  uint32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  return static_cast<uint8_t>(bits & 0xff);
}

// `from`: the left neighbours of `n` pixels, then the right ones.
VIDEOCLIP_WITH_AVX2
void mix_columns(const float* from, const float* weights, int n, float* to) {
  for (int i = 0; i < n; ++i) to[i] = (1.0f - weights[i]) * from[i] + weights[i] * from[n + i];
}

VIDEOCLIP_WITH_AVX2
void mix_rows(const float* upper, const float* lower, float weight, int n, uint8_t* to) {
  const float above = 1.0f - weight;
  for (int i = 0; i < n; ++i) to[i] = rounded(above * upper[i] + weight * lower[i]);
}

}  // namespace

void scale_planes(const PlanePlan& plan, const Planes& planes, uint8_t* to) {
  const int side = plan.side;
  // The left neighbours of all columns, then the right ones.
  std::vector<int> columns(2 * side);
  std::vector<float> right(side);
  for (int x = 0; x < side; ++x) {
    const Between at = between(plan.left + x, plan.step_x, plan.width);
    columns[x] = at.first;
    columns[side + x] = at.second;
    right[x] = at.weight;
  }
  PlaneRows rows(plan, planes, std::move(columns));
  std::vector<float> pixels(6 * side);
  // Two rows of the frame, resized along the row: red, green, blue.
  std::vector<float> resized[2] = {std::vector<float>(3 * side), std::vector<float>(3 * side)};
  int held[2] = {-1, -1};  // the indices of these rows
  std::vector<uint8_t> line(3 * side);
  for (int y = 0; y < side; ++y) {
    const Between at = between(plan.top + y, plan.step_y, plan.height);
    if (held[1] == at.first) {
      std::swap(held[0], held[1]);
      resized[0].swap(resized[1]);
    }
    const int wanted[2] = {at.first, at.second};
    for (int k = 0; k < 2; ++k) {
      if (held[k] == wanted[k]) continue;
      rows.read(wanted[k], pixels.data());
      for (int c = 0; c < 3; ++c)
        mix_columns(pixels.data() + 2 * side * c, right.data(), side, resized[k].data() + side * c);
      held[k] = wanted[k];
    }
    mix_rows(resized[0].data(), resized[1].data(), at.weight, 3 * side, line.data());
    for (int x = 0; x < side; ++x, to += 3) {
      to[0] = line[x];
      to[1] = line[side + x];
      to[2] = line[2 * side + x];
    }
  }
}

}  // namespace videoclip
