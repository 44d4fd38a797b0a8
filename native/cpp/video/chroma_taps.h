#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace videoclip {

// The samples that swscale's bilinear scaler combines into one sample, with their weights: the kernel of its horizontal
// and vertical chroma filters. Downscaling widens it.
struct Taps {
  static constexpr int most = 6;
  int count = 0;
  int at[most] = {};
  int weight[most] = {};  // their sum is `one`
};

// Sample `i` of `to` samples that are made from `from` samples. `one`: 1 << 14 along rows, 1 << 12 along columns.
// `place`: the position of a sample within the pixels that it covers, in units of 1 / 256 of them; 128 is the middle.
inline Taps chroma_taps(int from, int to, int i, int one, int place) {
  Taps taps;
  if (from == to && place == 128) {
    taps.count = 1;
    taps.at[0] = i;
    taps.weight[0] = one;
    return taps;
  }
  constexpr int64_t unit = int64_t{1} << 30;
  const int64_t step = ((static_cast<int64_t>(from) << 16) + (to >> 1)) / to;
  const bool shrinks = step > 65536;
  const int size = std::max(1, std::min(shrinks ? 1 + (2 * from + to - 1) / to : 3, from - 2));
  const int64_t centre = step - int64_t{place} * 512 + 2 * step * i;  // unit: 1 / 131072 of a sample
  const int64_t first = (centre - (size - 2) * int64_t{65536}) / 131072;
  int64_t sum = 0;
  int64_t weights[Taps::most] = {};
  bool is_leading = true;  // leading weights near zero are dropped
  for (int j = 0; j < size; ++j) {
    int64_t distance = std::llabs((first + j) * 131072 - centre) << 13;
    if (shrinks) distance = distance * to / from;
    const int64_t weight = std::max<int64_t>(0, unit - distance);
    sum += weight;
    if (is_leading && sum <= unit / 500) {
      sum = 0;
      continue;
    }
    is_leading = false;
    const int at = static_cast<int>(std::clamp<int64_t>(first + j, 0, from - 1));
    if (taps.count > 0 && taps.at[taps.count - 1] == at) {
      weights[taps.count - 1] += weight;
    } else if (weight > 0 && taps.count < Taps::most) {
      taps.at[taps.count] = at;
      weights[taps.count++] = weight;
    }
  }
  // Rounding carries the error of one weight to the next.
  const int64_t divisor = std::max<int64_t>(1, (sum + one / 2) / one);
  int64_t error = 0;
  for (int j = 0; j < taps.count; ++j) {
    const int64_t value = weights[j] + error;
    const int64_t rounded = (value >= 0 ? value + divisor / 2 : value - divisor / 2) / divisor;
    error = value - rounded * divisor;
    taps.weight[j] = static_cast<int>(rounded);
  }
  return taps;
}

}  // namespace videoclip
