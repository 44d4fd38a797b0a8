#pragma once
// scale_channels: y[n, ..., c] = x[n, ..., c] * g[n, c], the self-gate of S3D-G and of squeeze-and-excitation.
//
// in  0 x [N, ..., C]   1 g [N, C]; both may be channel slices    out 0 y like x
#include "runtime/kernel.h"
