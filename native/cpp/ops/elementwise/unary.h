#pragma once
// unary: y = f(x), element by element. in 0 x (rows)   out 0 y (rows)   attrs kind, index into this list:
//   0 relu   1 sigmoid   2 tanh   3 gelu (erf)   4 gelu_tanh   5 swish x * sigmoid(x)   6 exp   7 softplus
#include "runtime/kernel.h"
