#pragma once
// contrastive_loss: s[i, j] = scale a[i] . b[j];  P(i) = {j: group[j] = group[i]}, or {i} without groups
//   loss = w (mean_i (LSE_j s[i, j] - LSE_{j in P(i)} s[i, j]) + mean_j (LSE_i s[i, j] - LSE_{i in P(j)} s[i, j]))
//
// in  0 a [N, D] rows   1 b [N, D] rows   2 group i32 [N] optional
// out 0 loss [1]   1 row LSE [N]: LSE_j s[i, j]   2 column LSE [N]: LSE_i s[i, j]     attrs  scale, w (1 sum, 0.5 mean)
// s is never stored: workspace is at most about 64 MB. Sums of exponentials in f32 in an order that follows from N and
// D.
#include "runtime/kernel.h"
