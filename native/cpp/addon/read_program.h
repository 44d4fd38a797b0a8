#pragma once
// A program from its description in JavaScript.
#include <napi.h>

#include <memory>

#include "runtime/program.h"

namespace videoclip {

// {instructions: [{op, layer, attrs, operands}], arenaBytes, inputBytes, outputBytes, scalars, tf32}; the kernels are
// not linked yet.
std::shared_ptr<Program> read_program(const Napi::Object& description);

}  // namespace videoclip
