#pragma once
// matmul_bf16: matmul of f32 operands that are rounded to bf16, to nearest even; products are summed in f32.
//
// Operands and attributes as matmul.
#include "ops/matmul/matmul.h"
