#pragma once
// concat along one axis. in i x_i, equal shapes but for the axis    out 0 y    attrs axis
// Elements of 1, 2 or 4 bytes.
#include "runtime/kernel.h"
