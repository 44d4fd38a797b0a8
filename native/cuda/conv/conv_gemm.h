#pragma once
// Convolutions as implicit GEMM: makes the operands of gemm/mainloop.h from those of ops/conv3d.h.
#include "cuda/gemm/mainloop.h"
#include "cuda/gemm/windows.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/vector.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace conv_gemm_kernels {

using gemm::Matrix;
using gemm::Windows;

inline bool is_pointwise(const Conv3dArgs& a) {
  bool plain = a.groups == 1;
  for (int i = 0; i < 3; ++i) {
    plain = plain && a.kernel[i] == 1 && a.stride[i] == 1 && a.low[i] == 0 && a.high[i] == 0;
  }
  return plain;
}

// Describes `count` outputs from number `first` on, whose channels start at `channel` and which have `rows` positions.
template <typename T>
gemm::Destination<T> destination(const Call& call, const Conv3dArgs& a, int rows, int first, int count,
                                 int64_t channel) {
  const Tensor &bias = call.in[2], &residual = call.in[3];
  gemm::Destination<T> out = {};
  int64_t columns = 0;
  out.rows = rows;
  out.vector = widest_vector(residual, a.out_channels / a.groups, 8);
  for (int s = 0; s < gemm::kMaxOutputs; ++s) {
    out.first[s] = static_cast<int>(columns);
    if (s >= count) continue;
    const Tensor& y = call.out[first + s];
    out.data[s] = global<T>(y);
    out.stride[s] = y.strides[3];
    out.vector = min(out.vector, widest_vector(y, y.shape[4] / a.groups, 8));
    columns += y.shape[4];
  }
  out.bias = bias ? global<const float>(bias).offset(static_cast<size_t>(channel)) : Global<const float>();
  out.residual = global<const T>(residual);
  out.residual_stride = residual ? residual.strides[3] : 0;
  out.columns = static_cast<int>(columns / a.groups);
  out.activation = static_cast<int>(a.activation);
  return out;
}

template <class Features, typename T, class A>
Status convolve(const Call& call, const Conv3dArgs& a, gemm::Arguments<T, A> p, int first, int count, int64_t channel) {
  const Tensor &x = call.in[0], &weight = call.in[1];
  const int64_t unit = x.shape[4] / a.groups, clip_rows = call.out[0].elements() / call.out[0].shape[4] / x.shape[0];
  const int64_t K = a.taps() * unit;
  p.out = destination<T>(call, a, p.a.rows, first, count, channel);
  p.b = {global<const T>(weight).offset(static_cast<size_t>(channel * K)), K, p.out.columns, static_cast<int>(K)};
  p.groups = static_cast<int>(a.groups);
  p.group_channels = static_cast<int>(unit);
  int vector = min(widest_vector(x, unit, 8), widest_vector(weight, unit, 8));
  if (Features::kScaled && call.in[4]) {
    vector = min(vector, widest_vector(call.in[4], unit, 8));
    p.input_scale = {global<const T>(call.in[4]), call.in[4].strides[0], FastDivmod(clip_rows)};
  }
  if constexpr (Features::kSums) {  // [N, parts, Cout], after the outputs
    const Tensor& sums = call.out[a.split.count];
    p.sums.data = global<float>(sums).offset(static_cast<size_t>(channel));
    p.sums.channels = sums.strides[1];
    p.sums.clip_rows = static_cast<int>(clip_rows), p.sums.parts = static_cast<int>(sums.shape[1]);
  }
  return gemm::multiply<Features>(p, clip_rows, vector, call);
}

template <class Features, typename T, class A>
Status convolve_all(const Call& call, const Conv3dArgs& a, const A& rows) {
  gemm::Arguments<T, A> p = {};
  p.a = rows;
  int64_t channel = 0;
  for (int first = 0; first < a.split.count; first += gemm::kMaxOutputs) {
    const int count = min(gemm::kMaxOutputs, a.split.count - first);
    const Status status = convolve<Features>(call, a, p, first, count, channel);
    if (!status) return status;
    for (int s = 0; s < count; ++s) channel += call.out[first + s].shape[4];
  }
  return {};
}

// Rows and columns of the operand that is convolved; an error for more than a launch can have.
struct Extent {
  int rows, columns;
};

inline Status extent_of(const Call& call, const Conv3dArgs& a, Extent* extent) {
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t rows = y.shape[0] * y.shape[1] * y.shape[2] * y.shape[3], columns = a.taps() * x.shape[4] / a.groups;
  if (rows > 0x7fffffff || columns > 0x7fffffff - 128) return {"conv3d: more than 2^31 - 1 positions or taps"};
  *extent = {static_cast<int>(rows), static_cast<int>(columns)};
  return {};
}

// A pointwise convolution of values of T reads x as a matrix.
template <class Features, typename T>
Status convolve_pointwise(const Call& call, const Conv3dArgs& a) {
  const Tensor& x = call.in[0];
  Extent extent;
  if (const Status status = extent_of(call, a, &extent); !status) return status;
  const Matrix<T> matrix = {global<const T>(x), x.strides[3], extent.rows, extent.columns};
  return convolve_all<Features, T>(call, a, matrix);
}

// Any other convolution.
template <class Features, typename T>
Status convolve_windows(const Call& call, const Conv3dArgs& a) {
  Extent extent;
  if (const Status status = extent_of(call, a, &extent); !status) return status;
  if (a.kernel[0] + a.kernel[1] + a.kernel[2] > gemm::kWindowBits) {
    return {"conv3d: a window of more than 63 taps along its three axes together"};
  }
  const auto windows = gemm::windows_of<Windows<T>>(call.in[0], call.out[0], a, extent.rows, extent.columns);
  return convolve_all<Features, T>(call, a, windows);
}

}  // namespace conv_gemm_kernels
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
