#pragma once
// keep_finite, for each of K tensors: y = control says that every gradient is finite ? next : old
// For running statistics: a step that is not taken leaves them as they were.
//
// in  0 control [3] of global_norm   1 + 2 k .. old, next of tensor k, f32, dense, of one size
// out k y; may be the memory of old
#include "runtime/kernel.h"
