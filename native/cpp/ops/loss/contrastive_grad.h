#pragma once
// contrastive_grad: with s, R, C, P, Q and the positives of ops/contrastive_loss.h, and the gradients u, w, v, z of
// these,
//   g[i, j] = u[i] exp(s[i, j] - R[i]) + w[j] exp(s[i, j] - C[j]),
//             and where j is a positive of i  + v[i] exp(s[i, j] - P[i]) + z[j] exp(s[i, j] - Q[j])
//             (without groups these exponentials are 1, and P and Q are not read)
//   da[i] = scale sum_j g[i, j] b[j];  db[j] = scale sum_i g[i, j] a[i]
//
// in  0 a [N, D] rows   1 b [N, D] rows   2 group i32 [N] optional   3 R   4 C   5 P   6 Q   7 u   8 w   9 v   10 z [N]
// f32 out 0 da like a   1 db like b     attrs  scale g is never stored whole: workspace is at most about 64 MB. Sums
// are taken in an order that follows from N and D.
#include "runtime/kernel.h"
