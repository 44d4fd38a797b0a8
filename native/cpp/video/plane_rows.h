#pragma once
#include <vector>

#include "video/chroma_taps.h"
#include "video/plane_scaler.h"

namespace videoclip {

// Converts selected columns of selected rows of a frame to RGB, 0 to 255.
class PlaneRows {
 public:
  PlaneRows(const PlanePlan& plan, const Planes& planes, std::vector<int> columns);

  // Writes red of all columns, then green, then blue.
  void read(int row, float* rgb);

 private:
  enum class Way { rgb, gray, blocks, pairs, singles };

  static Way way_of(const PlanePlan& plan);
  int sample(int plane, int row, int column) const;
  int luma15(int row, int column) const { return std::min((sample(0, row, column) << 14) >> (depth_ - 1), 32767); }
  int chroma15(int which, int row, const Taps& taps) const;
  void read_blocks(int row, float* rgb);
  void read_filtered(int row, float* rgb);

  const PlanePlan& plan_;
  const Planes& planes_;
  const std::vector<int> columns_;
  const Way way_;
  const int depth_;
  const int count_;
  const int chroma_width_, chroma_height_;
  std::vector<Taps> taps_;         // the taps for the chroma of each column
  std::vector<int16_t> small_[6];  // samples of the columns, and the resulting RGB
  std::vector<int32_t> large_[3];
};

}  // namespace videoclip
