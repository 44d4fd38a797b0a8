#pragma once
// pad: y = x with zeros around it.
//
// in  0 x any view    out 0 y any view of the same rank    attrs  zeros before x along each axis
#include "runtime/kernel.h"
