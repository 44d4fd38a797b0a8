#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/failure.h"
#include "runtime/kernel.h"
#include "runtime/parameter_store.h"

namespace videoclip {

// The memory that an operand is in. `absent` marks an optional operand that is not given.
enum class Space : int { absent = -1, arena = 0, input = 1, output = 2, parameter = 3, scalar = 4 };

struct Operand {
  Space space = Space::absent;
  int64_t id = 0;      // index of the input or output, id of the parameter
  int64_t offset = 0;  // bytes
  Tensor view;         // shape, strides, dtype; no data
};

struct Instruction {
  std::string op;
  const Kernel* kernel = nullptr;
  std::vector<double> attrs;
  std::vector<Operand> in, out;
  std::string layer = {};  // for messages
};

// A flat list of instructions over memory planned in TypeScript. Nothing is allocated while it runs.
struct Program {
  std::vector<Instruction> instructions;
  size_t arena_bytes = 0, workspace_bytes = 0;
  std::vector<size_t> input_bytes, output_bytes;
  size_t scalars = 0;
  bool tf32 = false;  // see Call

  // Finds the kernels, checks that no operand reaches outside its space, and computes the size of the workspace.
  // Returns the failure, if any.
  Failure link(Backend backend, int threads);
};

// The addresses of a program's spaces in one run, as its kernels use them.
struct Spaces {
  char *arena = nullptr, *workspace = nullptr, *scalars = nullptr;
  std::vector<char*> inputs, outputs;
};

// The operands of every instruction with their addresses. Keeps alive the parameters that they point into.
struct Bound {
  struct Operands {
    std::vector<Tensor> in, out;
  };
  std::vector<Operands> instructions;
  std::vector<BufferPtr> parameters;
  char* workspace = nullptr;
};

// Returns the failure, if any.
Failure bind(const Program& program, const ParameterStore& store, const Spaces& spaces, Bound* bound);

// Runs instruction `i` on a thread pool, or on a stream of a GPU. An instruction without elements does nothing.
Status run_instruction(const Program& program, const Bound& bound, size_t i, ThreadPool* pool, void* stream,
                       const GpuTraits& gpu = {});

}  // namespace videoclip
