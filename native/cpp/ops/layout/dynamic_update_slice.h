#pragma once
// dynamic_update_slice: y = x, but y[:, start + s, :] = part[:, s, :].
//
// in  0 x [N, T, C]   1 part [N, S, C], S <= T   2 start i32 [1], read when it runs    out 0 y like x; may be the
// memory of x, and then only the part is written. A start outside 0 .. T - S is an error on the CPU; a
// CUDA kernel cannot fail and writes no part.
#include "runtime/kernel.h"
