#pragma once
// dW[o, k] = sum over positions m of dy[m, o] x[window m, k], where k runs over taps and, within a tap, over the
// channels of a group: the weight gradient of a convolution as a matrix product over the positions.
//
// The micro-kernel is that of gemm_tile.h. Chunks of kChunk positions are packed: dy is transposed to [Cout][kChunk],
// which gives the rows of the tiles, and the columns of the windows become panels [kChunk][width], with padding as
// zeros. The positions are divided into splits by the shape alone; the sums of the splits are added in order.
#include <algorithm>

#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/panels.h"
#include "cpu/gemm/transpose_panel.h"
#include "ops/conv/conv3d_grad_weight.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

class WindowsProduct {
  static constexpr int64_t kChunk = 112;         // a panel (14 KiB) and the rows of a tile stay in the L1 cache
  static constexpr int64_t kSplitRows = 1024;    // least positions of a split, so that adding the splits costs little
  static constexpr int64_t kMaxSums = 16 << 20;  // floats of all splits together
  static constexpr int64_t kTasks = 16;

  // `length` columns of a panel from `column` on: the channels from `channel` on of the taps (kt, kh) and kw to
  // `last_kw`, which are contiguous in x. There is more than one kw only if the rows of x are dense.
  struct Run {
    int64_t kt, kh, kw, last_kw, channel, column, length;
  };
  struct Row {
    const float* base;
    int64_t t, h, w;
  };

  Conv3dGradWeightArgs a_;
  const Tensor &x_, &dy_, &dw_;
  int64_t unit_, outputs_, positions_, columns_;
  Panels panels_;
  int64_t sums_, splits_, parts_;  // floats of a split of a group; splits; parts that the panels are divided into
  bool dense_;

 public:
  WindowsProduct(const Call& call, const Conv3dGradWeightArgs& a)
      : a_(a), x_(call.in[0]), dy_(call.in[1]), dw_(call.out[0]) {
    unit_ = x_.shape[4] / a.groups, outputs_ = dy_.shape[4] / a.groups;
    positions_ = dy_.shape[0] * dy_.shape[1] * dy_.shape[2] * dy_.shape[3];
    columns_ = a.taps() * unit_;
    panels_ = Panels{columns_, outputs_};
    sums_ = panels_.size();
    splits_ = max64(1, min64(min64(kTasks, positions_ / kSplitRows), kMaxSums / max64(1, sums_ * a.groups)));
    parts_ = max64(1, min64(panels_.count(), ceil_div(kTasks, splits_ * a.groups)));
    dense_ = a.groups == 1 && x_.strides[3] == x_.shape[4];
  }

  size_t bytes(int threads) const {
    return static_cast<size_t>(splits_ * a_.groups * sums_ + threads * scratch()) * sizeof(float);
  }

  void run(const Call& call) const {
    float* partial = reinterpret_cast<float*>(call.workspace);
    float* scratches = partial + splits_ * a_.groups * sums_;
    call.pool->parallel_for(splits_ * a_.groups * parts_, [&](int64_t task, int thread) {
      const int64_t part = task % parts_, split = task / parts_ % splits_, group = task / parts_ / splits_;
      add_split(group, split, part, partial + (group * splits_ + split) * sums_, scratches + thread * scratch());
    });
    call.pool->parallel_for(a_.groups * outputs_, [&](int64_t o, int) {
      add_splits(partial + o / outputs_ * splits_ * sums_, o % outputs_, dw_.f32() + o * columns_);
    });
  }

 private:
  // In floats: dy transposed, a panel, the sums of a tile, and the positions of the rows.
  int64_t scratch() const { return transposed() + kChunk * kPanel + kTileRows * kPanel; }
  int64_t transposed() const { return ceil_div(outputs_, kLanes) * kLanes * kChunk; }

  void add_split(int64_t group, int64_t split, int64_t part, float* sums, float* scratch) const {
    float *rows = scratch, *panel = scratch + transposed(), *tile = panel + kChunk * kPanel;
    const int64_t first_panel = panels_.count() * part / parts_, last_panel = panels_.count() * (part + 1) / parts_;
    const int64_t begin = positions_ * split / splits_, end = positions_ * (split + 1) / splits_;
    for (int64_t i = first_panel; i < last_panel; ++i) {
      float* to = sums + panels_.offset(i);
      std::fill(to, to + outputs_ * panels_.width(i), 0.0f);
    }
    for (int64_t m = begin; m < end; m += kChunk) {
      const int64_t count = min64(kChunk, end - m);
      Row places[kChunk];
      for (int64_t r = 0; r < count; ++r) places[r] = locate(m + r, group);
      const float* dy = dy_.f32() + group * outputs_;
      const int64_t stride = dy_.strides[3];  // the positions of a channels-last view have one stride
      transpose_panel([&](int64_t r) { return r < count ? dy + (m + r) * stride : nullptr; }, outputs_, kChunk, rows);
      for (int64_t i = first_panel; i < last_panel; ++i) {
        const int64_t width = panels_.width(i);
        pack(i, places, count, panel);
        float* to = sums + panels_.offset(i);
        for (int64_t o = 0; o < outputs_; o += kTileRows) {
          const int used = static_cast<int>(min64(kTileRows, outputs_ - o));
          if (width == kPanel) {
            multiply<2>(rows + o * kChunk, used, count, panel, tile);
          } else {
            multiply<1>(rows + o * kChunk, used, count, panel, tile);
          }
          float* at = to + o * width;
          for (int64_t j = 0; j < used * width; j += kLanes) store(at + j, load(at + j) + load(tile + j));
        }
      }
    }
  }

  // [used rows][count] times [count][panel]. Few rows take a smaller tile.
  template <int kVectors>
  static void multiply(const float* rows, int used, int64_t count, const float* panel, float* out) {
    const float* pointers[kTileRows];
    for (int r = 0; r < kTileRows; ++r) pointers[r] = rows + min64(r, used - 1) * kChunk;
    if constexpr (kTileRows > 8) {
      if (used <= 8 && used > 4) return gemm_tile<kVectors, 8>(pointers, 1, count, panel, out);
    }
    if (used <= 2) return gemm_tile<kVectors, 2>(pointers, 1, count, panel, out);
    if (used <= 4) return gemm_tile<kVectors, 4>(pointers, 1, count, panel, out);
    gemm_tile<kVectors>(pointers, 1, count, panel, out);
  }

  Row locate(int64_t m, int64_t group) const {
    const int64_t w = m % dy_.shape[3] * a_.stride[2] - a_.low[2];
    m /= dy_.shape[3];
    const int64_t h = m % dy_.shape[2] * a_.stride[1] - a_.low[1];
    m /= dy_.shape[2];
    const int64_t t = m % dy_.shape[1] * a_.stride[0] - a_.low[0];
    return {x_.f32() + m / dy_.shape[1] * x_.strides[0] + group * unit_, t, h, w};
  }

  // Packs the columns of panel `i` for `count` positions.
  void pack(int64_t i, const Row* places, int64_t count, float* panel) const {
    const int64_t width = panels_.width(i), used = panels_.used(i);
    if (used < width) std::fill(panel, panel + count * width, 0.0f);
    for (int64_t column = 0; column < used;) {
      const Run run = run_at(panels_.first(i) + column, column, used - column);
      for (int64_t r = 0; r < count; ++r) copy(run, places[r], panel + r * width + column);
      column += run.length;
    }
  }

  Run run_at(int64_t k, int64_t column, int64_t most) const {
    const int64_t tap = k / unit_, kw = tap % a_.kernel[2], line = tap / a_.kernel[2];
    Run run{line / a_.kernel[1], line % a_.kernel[1], kw, kw, k % unit_, column, 0};
    run.length = min64(most, (dense_ ? a_.kernel[2] - kw : 1) * unit_ - run.channel);
    run.last_kw = kw + (run.channel + run.length - 1) / unit_;
    return run;
  }

  void copy(const Run& run, const Row& row, float* to) const {
    const int64_t t = row.t + run.kt, h = row.h + run.kh, w = row.w + run.kw;
    if (t < 0 || t >= x_.shape[1] || h < 0 || h >= x_.shape[2]) {
      std::fill(to, to + run.length, 0.0f);
      return;
    }
    const float* line = row.base + t * x_.strides[1] + h * x_.strides[2];
    if (w >= 0 && row.w + run.last_kw < x_.shape[3]) {
      copy_floats(line + w * x_.strides[3] + run.channel, run.length, to);
      return;
    }
    int64_t channel = run.channel;
    for (int64_t kw = run.kw, left = run.length; left > 0; ++kw, channel = 0) {
      const int64_t at = row.w + kw, n = min64(left, unit_ - channel);
      if (at >= 0 && at < x_.shape[3]) {
        copy_floats(line + at * x_.strides[3] + channel, n, to);
      } else {
        std::fill(to, to + n, 0.0f);
      }
      to += n, left -= n;
    }
  }

  static void copy_floats(const float* from, int64_t n, float* to) {
    for (int64_t i = 0; i < n; i += kLanes) store_some(to + i, load_some(from + i, n - i), n - i);
  }

  // Adds row o of the sums of the splits in order, from [tap][channel] to [channel][tap].
  void add_splits(const float* sums, int64_t o, float* out) const {
    const int64_t taps = a_.taps();
    for (int64_t i = 0; i < panels_.count(); ++i) {
      const float* from = sums + panels_.offset(i) + o * panels_.width(i);
      for (int64_t j = 0; j < panels_.used(i); ++j) {
        const int64_t k = panels_.first(i) + j;
        float sum = 0;
        for (int64_t s = 0; s < splits_; ++s) sum += from[s * sums_ + j];
        out[k % unit_ * taps + k / unit_] = sum;
      }
    }
  }
};

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
