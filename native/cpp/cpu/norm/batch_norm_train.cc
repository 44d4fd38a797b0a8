#include "ops/norm/batch_norm_train.h"

#include <cmath>

#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/row_splits.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kBlock = 64;  // rows that are summed channel by channel while they are in the L1 cache
constexpr int64_t kHalf = kLanes / 2;

// Sums are in float64, so that neither a mean far from zero nor many rows cost any digit of f32.
typedef float HalfVec __attribute__((vector_size(kHalf * 4), aligned(4), may_alias));
typedef double Doubles __attribute__((vector_size(kHalf * 8), aligned(8), may_alias));

size_t workspace(const Call& call, int) {
  const Rows x(call.in[0]);
  const int64_t C = x.channels, splits = RowSplits(x.rows, C).count;
  return static_cast<size_t>(splits * 2 * C) * sizeof(double) + static_cast<size_t>(2 * C) * sizeof(float);
}

// Adds x and its square over `count` rows of kHalf channels.
void add_rows(const float* row, int64_t stride, int64_t count, double* sums, double* squares) {
  Doubles sum = *reinterpret_cast<Doubles*>(sums), square = *reinterpret_cast<Doubles*>(squares);
  for (int64_t r = 0; r < count; ++r, row += stride) {
    const Doubles v = __builtin_convertvector(*reinterpret_cast<const HalfVec*>(row), Doubles);
    sum += v;
    square += v * v;
  }
  *reinterpret_cast<Doubles*>(sums) = sum;
  *reinterpret_cast<Doubles*>(squares) = square;
}

Status batch_norm_train(const Call& call) {
  const BatchNormTrainAttributes attrs(call);
  const Rows x(call.in[0]), y(call.out[0]);
  const double eps = attrs.eps, momentum = attrs.momentum;
  const bool rectified = attrs.relu;
  const int64_t C = x.channels;
  const RowSplits splits(x.rows, C);
  double* partial = reinterpret_cast<double*>(call.workspace);  // [split][2][C]
  float *scale = reinterpret_cast<float*>(partial + splits.count * 2 * C), *shift = scale + C;
  if (x.rows == 0) return {"batch_norm_train: no rows"};
  call.pool->parallel_for(splits.count, [&](int64_t split, int) {
    double *sums = partial + split * 2 * C, *squares = sums + C;
    for (int64_t c = 0; c < 2 * C; ++c) sums[c] = 0;
    for (int64_t first = splits.begin(split); first < splits.end(split); first += kBlock) {
      const int64_t count = min64(kBlock, splits.end(split) - first);
      const float* rows = x.data + first * x.stride;
      int64_t c = 0;
      for (; c + kHalf <= C; c += kHalf) add_rows(rows + c, x.stride, count, sums + c, squares + c);
      for (; c < C; ++c) {
        for (int64_t r = 0; r < count; ++r) {
          const double v = static_cast<double>(rows[r * x.stride + c]);
          sums[c] += v, squares[c] += v * v;
        }
      }
    }
  });
  const double rows = static_cast<double>(x.rows);
  for (int64_t c = 0; c < C; ++c) {
    double sum = 0, squares = 0;
    for (int64_t s = 0; s < splits.count; ++s) sum += partial[s * 2 * C + c], squares += partial[(s * 2 + 1) * C + c];
    const double mean = sum / rows, deviations = squares - sum * mean > 0 ? squares - sum * mean : 0;
    const double variance = deviations / rows, unbiased = x.rows > 1 ? deviations / (rows - 1) : variance;
    const double gain = static_cast<double>(call.in[1].f32()[c]) / std::sqrt(variance + eps);
    const float rounded = static_cast<float>(mean);
    scale[c] = static_cast<float>(gain);
    // the part of the mean that f32 cannot represent
    shift[c] =
        static_cast<float>(static_cast<double>(call.in[2].f32()[c]) - (mean - static_cast<double>(rounded)) * gain);
    call.out[1].f32()[c] = rounded;
    call.out[2].f32()[c] = static_cast<float>(variance);
    const double old_mean = call.in[3].f32()[c], old_variance = call.in[4].f32()[c];
    call.out[3].f32()[c] = static_cast<float>((1 - momentum) * old_mean + momentum * mean);
    call.out[4].f32()[c] = static_cast<float>((1 - momentum) * old_variance + momentum * unbiased);
  }
  const float* mean = call.out[1].f32();
  const int64_t step = rows_per_task(C);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      float* out = y.data + r * y.stride;
      for (int64_t c = 0; c < C; c += kLanes) {
        const int64_t left = C - c;
        const Vec v = (load_some(in + c, left) - load_some(mean + c, left)) * load_some(scale + c, left) +
                      load_some(shift + c, left);
        store_some(out + c, rectified ? relu(v) : v, left);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("batch_norm_train", batch_norm_train, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
