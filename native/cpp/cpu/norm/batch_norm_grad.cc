#include "ops/norm/batch_norm_grad.h"

#include <cmath>

#include "cpu/gemm/row_splits.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kBlock = 64;  // rows whose sums are taken in f32

// Per channel: n = x scale + shift. A ReLU that followed passed the gradient where (x - mean) gain + bias is above 0.
struct Channels {
  Vec mean, scale, gain, bias;
  bool relu;

  Vec normal(Vec x) const { return (x - mean) * scale; }
  Vec gradient(Vec dy, Vec x) const {
    if (!relu) return dy;
    return (x - mean) * gain + bias > Vec{} ? dy : Vec{};
  }
};

struct Vectors {
  const float *mean, *scale, *gain, *bias;
  bool relu;

  Channels at(int64_t c, int64_t left) const {
    return {load_some(mean + c, left), load_some(scale + c, left), load_some(gain + c, left), load_some(bias + c, left),
            relu};
  }
};

size_t workspace(const Call& call, int) {
  const Rows x(call.in[1]);
  const int64_t C = x.channels, splits = RowSplits(x.rows, C).count;
  return static_cast<size_t>(splits * 2 * C) * sizeof(double) + static_cast<size_t>(4 * C) * sizeof(float);
}

Status batch_norm_grad(const Call& call) {
  const BatchNormGradAttributes attrs(call);
  const Rows dy(call.in[0]), x(call.in[1]), dx(call.out[0]);
  const double eps = attrs.eps;
  const bool training = attrs.training;
  const int64_t C = x.channels;
  const RowSplits splits(x.rows, C);
  double* partial = reinterpret_cast<double*>(call.workspace);  // [split][2][C]
  float* scale = reinterpret_cast<float*>(partial + splits.count * 2 * C);
  float *gain = scale + C, *of_normal = gain + C, *constant = of_normal + C;
  const float *weight = call.in[2].f32(), *variance = call.in[5].f32();
  for (int64_t c = 0; c < C; ++c) {
    const double s = 1 / std::sqrt(static_cast<double>(variance[c]) + eps);
    scale[c] = static_cast<float>(s);
    gain[c] = static_cast<float>(static_cast<double>(weight[c]) * s);
  }
  const Vectors vectors{call.in[4].f32(), scale, gain, call.in[3].f32(), attrs.relu};
  call.pool->parallel_for(splits.count, [&](int64_t split, int) {
    double* sums = partial + split * 2 * C;
    for (int64_t c = 0; c < 2 * C; ++c) sums[c] = 0;
    for (int64_t first = splits.begin(split); first < splits.end(split); first += kBlock) {
      const int64_t count = min64(kBlock, splits.end(split) - first);
      for (int64_t c = 0; c < C; c += kLanes) {
        const int64_t left = C - c;
        const Channels channels = vectors.at(c, left);
        const float *in = x.data + first * x.stride + c, *from = dy.data + first * dy.stride + c;
        Vec dweight = {}, dbias = {};
        for (int64_t r = 0; r < count; ++r, in += x.stride, from += dy.stride) {
          const Vec v = load_some(in, left), g = channels.gradient(load_some(from, left), v);
          dweight += g * channels.normal(v);
          dbias += g;
        }
        for (int64_t i = 0; i < min64(kLanes, left); ++i) {
          sums[c + i] += static_cast<double>(dweight[i]);
          sums[C + c + i] += static_cast<double>(dbias[i]);
        }
      }
    }
  });
  const double rows = static_cast<double>(x.rows);
  for (int64_t c = 0; c < C; ++c) {
    double dweight = 0, dbias = 0;
    for (int64_t s = 0; s < splits.count; ++s) dweight += partial[s * 2 * C + c], dbias += partial[(s * 2 + 1) * C + c];
    call.out[1].f32()[c] = static_cast<float>(dweight);
    call.out[2].f32()[c] = static_cast<float>(dbias);
    of_normal[c] = training ? static_cast<float>(dweight / rows) : 0.0f;
    constant[c] = training ? static_cast<float>(dbias / rows) : 0.0f;
  }
  const int64_t step = rows_per_task(C);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float *in = x.data + r * x.stride, *from = dy.data + r * dy.stride;
      float* out = dx.data + r * dx.stride;
      for (int64_t c = 0; c < C; c += kLanes) {
        const int64_t left = C - c;
        const Channels channels = vectors.at(c, left);
        const Vec v = load_some(in + c, left), g = channels.gradient(load_some(from + c, left), v);
        const Vec mean_part = load_some(constant + c, left) + channels.normal(v) * load_some(of_normal + c, left);
        store_some(out + c, channels.gain * (g - mean_part), left);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("batch_norm_grad", batch_norm_grad, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
