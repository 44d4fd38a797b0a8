#pragma once
// fill: y = value everywhere.
//
// out 0 y of f32, bf16 or f16    attrs  value
#include "runtime/kernel.h"
