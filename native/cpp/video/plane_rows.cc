#include "video/plane_rows.h"

#include <utility>

#include "video/with_avx2.h"

namespace videoclip {
namespace {

// Whether swscale converts this format without its scaler: 8-bit 4:2:0 or 4:2:2.
bool is_plain(const PlanePlan& plan) {
  const PlaneLayout& layout = plan.layout;
  return layout.kind == PlaneLayout::planar && layout.depth == 8 && plan.height % 2 == 0 && layout.chroma_x == 1 &&
         layout.chroma_y <= 1;
}

}  // namespace

PlaneRows::PlaneRows(const PlanePlan& plan, const Planes& planes, std::vector<int> columns)
    : plan_(plan),
      planes_(planes),
      columns_(std::move(columns)),
      way_(way_of(plan)),
      depth_(plan.layout.depth),
      count_(static_cast<int>(columns_.size())),
      chroma_width_((plan.width + (1 << plan.layout.chroma_x) - 1) >> plan.layout.chroma_x),
      chroma_height_((plan.height + (1 << plan.layout.chroma_y) - 1) >> plan.layout.chroma_y) {
  if (way_ == Way::blocks) {
    for (auto& samples : small_) samples.resize(count_);
    return;
  }
  if (way_ != Way::pairs && way_ != Way::singles) return;
  for (auto& samples : large_) samples.resize(count_);
  const int to = way_ == Way::pairs ? (plan.width + 1) / 2 : plan.width;
  for (int column : columns_) {
    taps_.push_back(
        chroma_taps(chroma_width_, to, way_ == Way::pairs ? column / 2 : column, 1 << 14, plan.layout.place_x));
  }
}

PlaneRows::Way PlaneRows::way_of(const PlanePlan& plan) {
  const PlaneLayout& layout = plan.layout;
  if (layout.kind == PlaneLayout::rgb) return Way::rgb;
  if (layout.kind == PlaneLayout::gray) return Way::gray;
  if (plan.is_accurate) return Way::singles;
  if (is_plain(plan)) return Way::blocks;
  const bool is_whole = layout.chroma_x == 0 && layout.chroma_y == 0;
  return plan.width % 2 == 0 && !is_whole ? Way::pairs : Way::singles;
}

int PlaneRows::sample(int plane, int row, int column) const {
  const uint8_t* at = planes_.data[plane] + row * planes_.stride[plane];
  if (depth_ == 8) return at[column];
  return ((at[2 * column] | at[2 * column + 1] << 8) >> plan_.layout.shift) & ((1 << depth_) - 1);
}

// A chroma sample in 15 bits, filtered along the row. `which`: 0 for Cb, 1 for Cr.
int PlaneRows::chroma15(int which, int row, const Taps& taps) const {
  const bool is_paired = plan_.layout.kind == PlaneLayout::paired;
  int64_t sum = 0;
  for (int j = 0; j < taps.count; ++j) {
    const int value = is_paired ? sample(1, row, 2 * taps.at[j] + which) : sample(1 + which, row, taps.at[j]);
    sum += int64_t{value} * taps.weight[j];
  }
  return static_cast<int>(std::min<int64_t>(sum >> (depth_ - 1), 32767));
}

void PlaneRows::read(int row, float* rgb) {
  if (way_ == Way::blocks) return read_blocks(row, rgb);
  if (way_ == Way::pairs || way_ == Way::singles) return read_filtered(row, rgb);
  float *r = rgb, *g = rgb + count_, *b = rgb + 2 * count_;
  for (int i = 0; i < count_; ++i) {
    const int column = columns_[i];
    if (way_ == Way::gray) {
      r[i] = g[i] = b[i] = static_cast<float>(std::min((luma15(row, column) + 64) >> 7, 255));
    } else {
      r[i] = static_cast<float>(sample(0, row, 3 * column));
      g[i] = static_cast<float>(sample(0, row, 3 * column + 1));
      b[i] = static_cast<float>(sample(0, row, 3 * column + 2));
    }
  }
}

VIDEOCLIP_WITH_AVX2
void PlaneRows::read_blocks(int row, float* rgb) {
  const uint8_t* y = planes_.data[0] + row * planes_.stride[0];
  const int chroma_row = row >> plan_.layout.chroma_y;
  const uint8_t* u = planes_.data[1] + chroma_row * planes_.stride[1];
  const uint8_t* v = planes_.data[2] + chroma_row * planes_.stride[2];
  const int* columns = columns_.data();
  int16_t *ys = small_[0].data(), *us = small_[1].data(), *vs = small_[2].data();
  for (int i = 0; i < count_; ++i) {
    const int column = columns[i];
    ys[i] = y[column];
    us[i] = u[column >> 1];
    vs[i] = v[column >> 1];
  }
  int16_t* levels[3] = {small_[3].data(), small_[4].data(), small_[5].data()};
  plan_.color.blocks(ys, us, vs, count_, levels[0], levels[1], levels[2]);
  for (const int16_t* level : levels) {
    for (int i = 0; i < count_; ++i) *rgb++ = static_cast<float>(level[i]);
  }
}

VIDEOCLIP_WITH_AVX2
void PlaneRows::read_filtered(int row, float* rgb) {
  int32_t *ys = large_[0].data(), *us = large_[1].data(), *vs = large_[2].data();
  const Taps rows = chroma_taps(chroma_height_, plan_.height, row, 1 << 12, plan_.layout.place_y);
  const bool is_pairs = way_ == Way::pairs;
  const int64_t middle = int64_t{128} << 19;
  for (int i = 0; i < count_; ++i) {
    const int luma = luma15(row, columns_[i]);
    int64_t mixed[2] = {};
    for (int j = 0; j < rows.count; ++j) {
      for (int c = 0; c < 2; ++c) mixed[c] += int64_t{chroma15(c, rows.at[j], taps_[i])} * rows.weight[j];
    }
    ys[i] = is_pairs ? (luma + 64) >> 7 : luma * 4;
    us[i] = static_cast<int32_t>(is_pairs ? (mixed[0] + (1 << 18)) >> 19 : (mixed[0] - middle) >> 10);
    vs[i] = static_cast<int32_t>(is_pairs ? (mixed[1] + (1 << 18)) >> 19 : (mixed[1] - middle) >> 10);
  }
  if (is_pairs) return plan_.color.pairs(ys, us, vs, count_, rgb, rgb + count_, rgb + 2 * count_);
  plan_.color.singles(ys, us, vs, count_, rgb, rgb + count_, rgb + 2 * count_);
}

}  // namespace videoclip
