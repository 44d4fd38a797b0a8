#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/failure.h"
#include "runtime/kernel.h"
#include "runtime/parameter_store.h"

namespace videoclip {

// Where an operand lives. `absent` marks an optional operand that is not given.
enum class Space : int { absent = -1, arena = 0, input = 1, output = 2, parameter = 3, scalar = 4 };

struct Operand {
  Space space = Space::absent;
  int64_t id = 0;      // which input, output or parameter
  int64_t offset = 0;  // bytes
  Tensor view;         // shape, strides, dtype; no data
};

struct Instruction {
  std::string op;
  const Kernel* kernel = nullptr;
  std::vector<double> attrs;
  std::vector<Operand> in, out;
};

// A flat list of instructions over memory planned in TypeScript. Nothing is allocated while it runs.
struct Program {
  std::vector<Instruction> instructions;
  size_t arena_bytes = 0, workspace_bytes = 0;
  std::vector<size_t> input_bytes, output_bytes;
  size_t scalars = 0;
  bool tf32 = false;  // see Call

  // Finds kernels, checks that no operand reaches outside its space, sizes the workspace. Returns what is wrong, or "".
  Failure link(Isa isa, int threads);
};

// Where the spaces of a program lie in one run, as addresses that its kernels can use.
struct Spaces {
  char *arena = nullptr, *workspace = nullptr, *scalars = nullptr;
  std::vector<char*> inputs, outputs;
};

// The operands of every instruction with their addresses. Keeps the parameters alive that they point into.
struct Bound {
  struct Operands {
    std::vector<Tensor> in, out;
  };
  std::vector<Operands> instructions;
  std::vector<BufferPtr> parameters;
  char* workspace = nullptr;
};

// Returns what is wrong, or "".
Failure bind(const Program& program, const ParameterStore& store, const Spaces& spaces, Bound* bound);

// Runs instruction `i` on a pool or a stream. An instruction without elements does nothing.
Status run_instruction(const Program& program, const Bound& bound, size_t i, ThreadPool* pool, void* stream);

}  // namespace videoclip
