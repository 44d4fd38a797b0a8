// Conversions equal exact values, and round to nearest even between all neighbours of a format.
#include <cmath>
#include <limits>

#include "check.h"
#include "cuda/primitives/math.h"

namespace videoclip {
namespace emulated {
namespace {

template <typename T>
uint16_t rounded(float x) {
  return from_float<T>(x).bits;
}

// Every finite value is unchanged, the midpoint of two neighbours rounds to the even one, and values closer to one
// neighbour round to it.
template <typename T>
void check_rounding(uint16_t infinity, const char* what) {
  bool exact = true, ties = true, near = true;
  for (uint16_t sign : {uint16_t{0}, uint16_t{0x8000}}) {
    for (uint16_t h = 0; h + 1 < infinity; ++h) {
      const auto low = static_cast<uint16_t>(h | sign), high = static_cast<uint16_t>(low + 1);
      const float a = to_float(T{low}), b = to_float(T{high});
      exact = exact && rounded<T>(a) == low;
      const double middle = (static_cast<double>(a) + static_cast<double>(b)) / 2;
      const auto tie = static_cast<float>(middle);
      if (static_cast<double>(tie) != middle) continue;
      ties = ties && rounded<T>(tie) == (h % 2 ? high : low);
      near = near && rounded<T>(std::nextafter(tie, a)) == low && rounded<T>(std::nextafter(tie, b)) == high;
    }
  }
  check(exact, what, "exact values");
  check(ties, what, "ties");
  check(near, what, "nearest");
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  check(rounded<T>(inf) == infinity && rounded<T>(-inf) == (infinity | 0x8000), what, "infinity");
  check(std::isinf(to_float(T{infinity})), what, "infinity to float");
  check(std::isnan(to_float(from_float<T>(nan))) && std::isnan(to_float(from_float<T>(-nan))), what, "NaN");
  check(from_float<T>(-nan).bits != 0xffff, what, "NaN is not the poison");
  check(rounded<T>(std::numeric_limits<float>::max()) == infinity, what, "overflow");
  check(rounded<T>(-0.0f) == 0x8000, what, "negative zero");
}

}  // namespace

void test_numbers() {
  check_rounding<bf16>(0x7f80, "bf16");
  check_rounding<f16>(0x7c00, "f16");
  check(rounded<f16>(65519.99f) == 0x7bff && rounded<f16>(65520.0f) == 0x7c00, "f16 overflows at 65520");
  check(rounded<f16>(0x1p-25f) == 0 && rounded<f16>(0x1.8p-25f) == 1, "the smallest f16");
  check(pack_pair<bf16>(1, 2) == 0x40003f80 && pack_pair<f16>(1, 2) == 0x40003c00, "the first of a pair is low");
  check(to_float(unpack_pair<f16>(0x40003c00)[1]) == 2, "the second of a pair is high");
  check(to_tf32(1 + 0x1p-11f) == float_to_bits(1 + 0x1p-10f), "tf32 rounds ties away from zero");
  check(to_tf32(-1 - 0x1p-11f) == float_to_bits(-1 - 0x1p-10f), "tf32 rounds ties away from zero");
  check(to_tf32(1 + 0x1.8p-12f) == float_to_bits(1), "tf32 rounds to nearest");
  check(std::isnan(bits_to_float(to_tf32(std::nanf("")))), "tf32 keeps NaN");
  check(std::fabs(exp_approx(1.0f) - 2.7182817f) < 1e-6f && exp2_approx(-200) == 0, "exp");
  check(rsqrt_approx(4) == 0.5f && max(1, 2) == 2 && min(1.0f, 2.0f) == 1, "maths");
}

}  // namespace emulated
}  // namespace videoclip
