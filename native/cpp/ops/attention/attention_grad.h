#pragma once
// attention_grad: with the weights p[i, j] of ops/attention.h and dp[i, j] = dy[i] . v[j],
//   ds[i, j] = scale p[i, j] (dp[i, j] - sum_j p[i, j] dp[i, j])
//   dq[i] = sum_j ds[i, j] k[j];  dk[j] = sum_i ds[i, j] q[i];  dv[j] = sum_i p[i, j] dy[i]
//
// in  0 q [N, Sq, NH HS]   1 k [N, Sk, NH HS]   2 v like k   3 mask [N, Sk] f32 or u8, optional   4 dy like q
// out 0 dq like q   1 dk like k   2 dv like v     attributes as attention
// Rows may be slices. A key that is left out gets zeros and adds none to others, whatever k and v hold there. Sums over
// queries and over keys are taken in their order, a head at a time.
#include "ops/attention/attention.h"
