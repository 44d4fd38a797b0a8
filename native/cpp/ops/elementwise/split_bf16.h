#pragma once
// split_bf16: y[..., 0 to C - 1] = y[..., 2 C to 3 C - 1] = hi(x), y[..., C to 2 C - 1] = bf16(x - hi(x)), where hi
// rounds to the nearest bf16.
//
// in  0 x  [..., C]    f32
// out 0 y  [..., 3 C]  bf16
