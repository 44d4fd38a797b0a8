#pragma once
// embedding_grad: dw[r, :] = sum over i with ids[i] = r of dy[i, :], in the order of i; ids equal to padding add
// nothing
//
// in  0 ids i32 [...]   1 dy [..., C]    out 0 dw [rows, C]    attrs  padding (-1: none)
// Places are sorted by id (stably); every row of dw is the sum of its segment, or zero.
#include "runtime/kernel.h"
