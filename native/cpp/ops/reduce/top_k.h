#pragma once
// top_k: of scores s[q, m] = query[q] . row[m], the k largest of each query in falling order, and which rows they are
//
// in  0 queries [Q, D] f32   1 rows [M, D] f32 or f16    out 0 values f32 [Q, k]   1 indices i32 [Q, k]
// attrs  k, base (added to indices)
// Exact. Equal scores: the lower index first. NaN comes after all numbers. Behind the M-th place: -inf and -1. A score
// is one f32 sum per lane over the channels, then a tree over the lanes: it depends on its query and row alone.
#include "runtime/kernel.h"
