#pragma once
#include <algorithm>
#include <cstdint>

namespace videoclip {

// swscale's three conversions from Y'CbCr to 8-bit RGB without options, bit for bit. The choice depends on the format
// and on whether the sides of the frame are even.
class YuvToRgb {
 public:
  // The factors of red by Cr, blue by Cb, green by Cb and green by Cr, with 65536 for 1.0, as in swscale's table.
  YuvToRgb(const int64_t (&factors)[4], bool is_full_range) {
    int64_t luma = 1 << 16, offset = 0;
    int64_t red = factors[0], blue = factors[1], green_u = -factors[2], green_v = -factors[3];
    if (is_full_range) {
      red = red * 224 / 255;
      blue = blue * 224 / 255;
      green_u = green_u * 224 / 255;
      green_v = green_v * 224 / 255;
    } else {
      luma = luma * 255 / 219;
      offset = 16 << 16;
    }
    luma_ = luma;
    base_ = -(int64_t{384} << 16) - offset + luma * (is_full_range ? 384 : 326) + 0x8000;
    luma13_ = round16(luma << 13);
    luma_offset3_ = round16(offset << 3);
    luma_offset9_ = round16(offset << 9);
    red13_ = round16(red << 13);
    blue13_ = round16(blue << 13);
    green_u13_ = round16(green_u << 13);
    green_v13_ = round16(green_v << 13);
    red_ = ratio(red);
    blue_ = ratio(blue);
    green_u_ = ratio(green_u);
    green_v_ = ratio(green_v);
  }

  // 8-bit 4:2:0 and 4:2:2 of even height: 16-bit products, truncated; each pixel takes the chroma of its block. `n`
  // samples each.
  void blocks(const int16_t* y, const int16_t* u, const int16_t* v, int n, int16_t* __restrict r, int16_t* __restrict g,
              int16_t* __restrict b) const {
    const auto ky = static_cast<int16_t>(luma13_), oy = static_cast<int16_t>(luma_offset3_);
    const auto kr = static_cast<int16_t>(red13_), kb = static_cast<int16_t>(blue13_);
    const auto kgu = static_cast<int16_t>(green_u13_), kgv = static_cast<int16_t>(green_v13_);
    for (int i = 0; i < n; ++i) {
      const int16_t luma = high(static_cast<int16_t>(y[i] * 8 - oy), ky);
      const auto cb = static_cast<int16_t>(u[i] * 8 - 1024), cr = static_cast<int16_t>(v[i] * 8 - 1024);
      r[i] = byte16(static_cast<int16_t>(luma + high(cr, kr)));
      g[i] = byte16(static_cast<int16_t>(luma + high(cb, kgu) + high(cr, kgv)));
      b[i] = byte16(static_cast<int16_t>(luma + high(cb, kb)));
    }
  }

  // All other formats of even width: from samples rounded to 8 bits.
  void pairs(const int32_t* y, const int32_t* u, const int32_t* v, int n, float* r, float* g, float* b) const {
    for (int i = 0; i < n; ++i) {
      const int64_t cb = byte(u[i]), cr = byte(v[i]);
      r[i] = level(y[i] + index(red_, cr));
      g[i] = level(y[i] + index(green_u_, cb) + index(green_v_, cr));
      b[i] = level(y[i] + index(blue_, cb));
    }
  }

  // All other formats of odd width, and 4:4:4: from samples of 17 bits, with chroma around 0. The sums are truncated to
  // 32 bits, as in swscale.
  void singles(const int32_t* y, const int32_t* u, const int32_t* v, int n, float* r, float* g, float* b) const {
    for (int i = 0; i < n; ++i) {
      const uint32_t luma = product(y[i] - luma_offset9_, luma13_) + (1u << 21);
      r[i] = top(luma + product(v[i], red13_));
      g[i] = top(luma + product(v[i], green_v13_) + product(u[i], green_u13_));
      b[i] = top(luma + product(u[i], blue13_));
    }
  }

 private:
  static int round16(int64_t value) {
    return static_cast<int>(std::clamp<int64_t>((value + 0x8000) >> 16, -32768, 32767));
  }
  static int16_t high(int16_t a, int16_t b) { return static_cast<int16_t>((a * b) >> 16); }
  // std::clamp takes references, which prevents the vectorization of loops.
  static int16_t byte16(int16_t value) { return value < 0 ? int16_t{0} : value > 255 ? int16_t{255} : value; }
  static int byte(int value) { return std::clamp(value, 0, 255); }
  static uint32_t product(int a, int b) { return static_cast<uint32_t>(a) * static_cast<uint32_t>(b); }
  static float top(uint32_t value) {
    return static_cast<float>(std::clamp(static_cast<int32_t>(value), 0, (1 << 30) - 1) >> 22);
  }
  int64_t ratio(int64_t factor) const { return (factor * 65536 + 0x8000) / luma_; }
  static int64_t index(int64_t ratio, int64_t chroma) { return ((ratio * chroma) >> 16) - (ratio >> 9); }
  float level(int64_t at) const { return static_cast<float>(std::clamp<int64_t>((base_ + luma_ * at) >> 16, 0, 255)); }

  int64_t luma_, base_, red_, blue_, green_u_, green_v_;
  int luma13_, luma_offset3_, luma_offset9_, red13_, blue13_, green_u13_, green_v13_;
};

}  // namespace videoclip
