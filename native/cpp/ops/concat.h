#pragma once
// concat along one axis. in i x_i, equal shapes but for the axis    out 0 y    attrs axis
#include "runtime/kernel.h"
