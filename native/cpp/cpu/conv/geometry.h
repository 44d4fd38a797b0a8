#pragma once
// The sizes of a convolution.
#include "runtime/kernel.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

struct Geometry {
  int64_t N, T, H, W, C, oT, oH, oW, positions;
  int64_t sN, sT, sH, sW;  // element strides of the input

  explicit Geometry(const Call& call) {
    const Tensor &x = call.in[0], &y = call.out[0];
    N = x.shape[0], T = x.shape[1], H = x.shape[2], W = x.shape[3], C = x.shape[4];
    oT = y.shape[1], oH = y.shape[2], oW = y.shape[3];
    sN = x.strides[0], sT = x.strides[1], sH = x.strides[2], sW = x.strides[3];
    positions = N * oT * oH * oW;
  }
};

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
