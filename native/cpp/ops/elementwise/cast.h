#pragma once
// cast: the same values in another floating-point type, to nearest, ties to even.
//
// in  0 x (rows) f32, bf16 or f16    out 0 y, its dtype is the target
#include "runtime/kernel.h"
