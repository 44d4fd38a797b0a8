#pragma once
// winograd_conv3d: conv3d (same formula) of a 1x3x3 or a 3x1x1 window with stride 1 and one group, by Winograd's
// minimal filtering F(4x4, 3x3) or F(4, 3) (Lavin and Gray, CVPR 2016): 4 or 2 times fewer multiplications than conv3d.
//
// in  0 x         [N, T, H, W, Cin]     channels-last, may be a channel slice
//     1 weight    packed (pack_winograd_weight); published shape [Cout, Cin, 1, 3, 3] or [Cout, Cin, 3, 1, 1]
//     2 bias      [Cout]                optional
//     3 residual  like y                optional
// out 0 y         [N, T', H', W', Cout]
// Attributes as conv3d.
//
// The interpolation points are 0, +-5/8, +-5/4 and infinity. Every coefficient of the transforms is then exact in f32,
// and the error of a layer is a third of what the usual 0, +-1, +-2 give (relative L2 9e-7 against 2.6e-6 at 192
// channels, 3e-7 without Winograd).
#include "ops/conv/conv3d.h"

namespace videoclip {

struct Winograd {
  static constexpr int kOutputs = 4, kTaps = 3, kPoints = kOutputs + kTaps - 1;
  static constexpr double kA = 0.625, kB = 1.25;  // the points +-kA and +-kB

  // Weight transform of one axis: g [3] to u [6], both with a stride; of doubles or vectors of them.
  template <typename T>
  static void weight(const T* g, int64_t from, T* u, int64_t to) {
    constexpr double a2 = kA * kA, b2 = kB * kB;
    constexpr double na = 1 / (2 * a2 * (a2 - b2)), nb = 1 / (2 * b2 * (b2 - a2));
    const T g0 = g[0], g1 = g[from], g2 = g[2 * from];
    u[0] = g0 * (1 / (a2 * b2));
    u[to] = (g0 + kA * g1 + a2 * g2) * na;
    u[2 * to] = (g0 - kA * g1 + a2 * g2) * na;
    u[3 * to] = (g0 + kB * g1 + b2 * g2) * nb;
    u[4 * to] = (g0 - kB * g1 + b2 * g2) * nb;
    u[5 * to] = g2;
  }
};

}  // namespace videoclip
