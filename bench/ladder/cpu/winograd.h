#pragma once
// Winograd's F(4, 3): four outputs of a window of three from 6 products, with the points 0, +-1, +-2 and infinity that
// Lavin and Gray (CVPR 2016) use. A 1x3x3 window applies it along H and along W.
#include <vector>

#include "register_tile.h"

namespace ladder {

constexpr int kPoints = 6, kOutputs = 4;

// v = Bt d of one axis; d and v are 6 vectors, `step` apart.
inline void input_transform(const Vec* d, int step, Vec* v) {
  const Vec two = splat(2), four = splat(4), five = splat(5);
  v[0] = four * d[0] - five * d[2 * step] + d[4 * step];
  v[1 * step] = d[4 * step] + d[3 * step] - four * (d[2 * step] + d[step]);
  v[2 * step] = d[4 * step] - d[3 * step] - four * (d[2 * step] - d[step]);
  v[3 * step] = d[4 * step] - d[2 * step] + two * (d[3 * step] - d[step]);
  v[4 * step] = d[4 * step] - d[2 * step] - two * (d[3 * step] - d[step]);
  v[5 * step] = four * d[step] - five * d[3 * step] + d[5 * step];
}

// y = At m of one axis: 6 vectors `from` apart to 4 vectors `to` apart.
inline void output_transform(const Vec* m, int from, Vec* y, int to) {
  const Vec sum1 = m[from] + m[2 * from], sum2 = m[3 * from] + m[4 * from];
  const Vec odd1 = m[from] - m[2 * from], odd2 = m[3 * from] - m[4 * from];
  y[0] = m[0] + sum1 + sum2;
  y[to] = odd1 + splat(2) * odd2;
  y[2 * to] = sum1 + splat(4) * sum2;
  y[3 * to] = odd1 + splat(8) * odd2 + m[5 * from];
}

// u = G g of one axis: 3 weights to 6 points, `from` and `to` apart.
inline void weight_transform(const double* g, int from, double* u, int to) {
  const double sum = g[0] + g[2 * from], wide = g[0] + 4 * g[2 * from];
  u[0] = g[0] / 4;
  u[to] = -(sum + g[from]) / 6;
  u[2 * to] = -(sum - g[from]) / 6;
  u[3 * to] = (wide + 2 * g[from]) / 24;
  u[4 * to] = (wide - 2 * g[from]) / 24;
  u[5 * to] = g[2 * from];
}

// Published weights [out, in, taps] to [panels][points][in][kPanel].
inline std::vector<float> winograd_panels(bool spatial, const float* weight, int64_t out, int64_t in) {
  const int64_t taps = spatial ? 9 : 3, points = spatial ? 36 : 6;
  std::vector<float> panels(static_cast<size_t>(ceil_div(out, kPanel) * kPanel * points * in));
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t c = 0; c < in; ++c) {
      double g[9] = {}, half[18], u[36];
      for (int64_t tap = 0; tap < taps; ++tap) g[tap] = weight[(o * in + c) * taps + tap];
      if (spatial) {
        for (int w = 0; w < 3; ++w) weight_transform(g + w, 3, half + w, 3);          // along H: [6][3]
        for (int h = 0; h < 6; ++h) weight_transform(half + h * 3, 1, u + h * 6, 1);  // along W: [6][6]
      } else {
        weight_transform(g, 1, u, 1);
      }
      for (int64_t point = 0; point < points; ++point) {
        const int64_t row = (o / kPanel * points + point) * in + c;
        panels[static_cast<size_t>(row * kPanel + o % kPanel)] = static_cast<float>(u[point]);
      }
    }
  }
  return panels;
}

// Tiles of 4x4 outputs of a frame, or of 4 outputs along T at one pixel. Sizes are multiples of 4.
class Tiles {
 public:
  Tiles(bool spatial, int64_t T, int64_t H, int64_t W) : spatial_(spatial), T_(T), H_(H), W_(W) {}

  int64_t points() const { return spatial_ ? 36 : 6; }
  int64_t count() const { return T_ * H_ * W_ / (spatial_ ? 16 : 4); }

  // The tile's row of V in all points, `v_point` floats apart.
  void transform_input(int64_t tile, const float* x, int64_t channels, float* v, int64_t v_point) const {
    static const std::vector<float> zeros(4096);
    const Place at(*this, tile);
    const float* from[36];
    for (int e = 0; e < points(); ++e) {
      const int64_t t = at.t + (spatial_ ? 0 : e - 1);
      const int64_t h = at.h + (spatial_ ? e / 6 - 1 : 0), w = at.w + (spatial_ ? e % 6 - 1 : 0);
      const bool inside = t >= 0 && t < T_ && h >= 0 && h < H_ && w >= 0 && w < W_;
      from[e] = inside ? x + ((t * H_ + h) * W_ + w) * channels : zeros.data();
    }
    for (int64_t c = 0; c < channels; c += kLanes) {
      Vec d[36], half[36], out[36];
      for (int e = 0; e < points(); ++e) d[e] = load(from[e] + c);
      if (spatial_) {
        for (int h = 0; h < 6; ++h) input_transform(d + h * 6, 1, half + h * 6);
        for (int w = 0; w < 6; ++w) input_transform(half + w, 6, out + w);
      } else {
        input_transform(d, 1, out);
      }
      for (int e = 0; e < points(); ++e) store(v + e * v_point + c, out[e]);
    }
  }

  // The tile's outputs in the columns [column, column + kPanel), from its row of M in all points.
  void transform_output(int64_t tile, const float* m, int64_t m_point, int64_t column, int64_t channels,
                        float* y) const {
    const Place at(*this, tile);
    for (int64_t c = 0; c < kPanel; c += kLanes) {
      Vec in[36], half[24], out[16];
      for (int e = 0; e < points(); ++e) in[e] = load(m + e * m_point + c);
      if (spatial_) {
        for (int h = 0; h < 6; ++h) output_transform(in + h * 6, 1, half + h * 4, 1);
        for (int w = 0; w < 4; ++w) output_transform(half + w, 4, out + w, 4);
      } else {
        output_transform(in, 1, out, 1);
      }
      for (int e = 0; e < (spatial_ ? 16 : 4); ++e) {
        const int64_t t = at.t + (spatial_ ? 0 : e), h = at.h + (spatial_ ? e / 4 : 0),
                      w = at.w + (spatial_ ? e % 4 : 0);
        store(y + ((t * H_ + h) * W_ + w) * channels + column + c, out[e]);
      }
    }
  }

 private:
  // Where a tile's outputs begin.
  struct Place {
    int64_t t, h, w;

    Place(const Tiles& tiles, int64_t tile) {
      const int64_t columns = tiles.spatial_ ? tiles.W_ / 4 : tiles.W_, rows = tiles.spatial_ ? tiles.H_ / 4 : tiles.H_;
      w = tile % columns * (tiles.spatial_ ? 4 : 1);
      h = tile / columns % rows * (tiles.spatial_ ? 4 : 1);
      t = tile / columns / rows * (tiles.spatial_ ? 1 : 4);
    }
  };

  bool spatial_;
  int64_t T_, H_, W_;
};

}  // namespace ladder
