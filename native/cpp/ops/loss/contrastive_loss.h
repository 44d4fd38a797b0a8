#pragma once
// contrastive_loss: s[i, j] = scale a[i] . b[j];  P(i) = {j: group[j] = group[i]}, or {i} without groups
//   R[i] = LSE_j s[i, j];  C[j] = LSE_i s[i, j];  P[i] = LSE_{j in P(i)} s[i, j];  Q[j] = LSE_{i in P(j)} s[i, j]
//   loss = x mean_i (R[i] - P[i]) + y mean_j (C[j] - Q[j])
//
// in  0 a [N, D] rows   1 b [N, D] rows   2 group i32 [N] optional
// out 0 loss [1]   1 R [N]   2 C [N]   3 P [N]   4 Q [N]     attrs  scale, x, y
// s is never stored: workspace is at most about 64 MB. Sums of exponentials in f32 in an order that follows from N and
// D.
#include "runtime/kernel.h"
