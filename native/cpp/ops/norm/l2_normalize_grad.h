#pragma once
// l2_normalize_grad: n = max(||x||, eps);  dx = (dy - x (x . dy) / n^2) / n, without the second term where ||x|| <= eps
//
// in  0 x [..., C] rows, may be a slice   1 dy like x    out 0 dx like x    attributes as l2_normalize
#include "ops/norm/l2_normalize.h"
