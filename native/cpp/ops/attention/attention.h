#pragma once
// attention: y[n, i, h] = sum_j p[j] v[n, j, h],  p = softmax over j of scale (q[n, i, h] . k[n, j, h])
//
// in  0 q [N, Sq, NH HS]   1 k [N, Sk, NH HS]   2 v like k: rows, each may be a slice (such as of one product that
// makes
//     all three)   3 mask [N, Sk] f32 or u8, optional: keys whose value is 0 are left out
// out 0 y like q     attrs  heads NH, scale, causal (0 or 1): query i then sees keys j <= i + Sk - Sq
// A query that sees no key gives zeros. A key that is left out adds exact zeros, whatever k and v hold there, so
// padding does not change a bit of the other results; keys that only `causal` hides must be finite.
#include "runtime/kernel.h"
