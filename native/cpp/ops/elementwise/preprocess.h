#pragma once
// preprocess: y = (x[.., top + h, left + w, c] / 255 - mean[c]) / std[c] of u8 RGB frames, optionally followed by
// space_to_depth (channel ((dt * 2 + dh) * 2 + dw) * 3 + c).
//
// in  0 x u8 [N, T, H, W, 3] dense    out 0 y [N, T, h, w, 3] or [N, T/2, h/2, w/2, 24]
// attrs  top, left, mean R G B, std R G B, space_to_depth (0 or 1)
// The CPU computes each of the 256 possible values once, in f64; CUDA multiplies and adds in f32, with factors rounded
// from f64.
#include "runtime/kernel.h"
