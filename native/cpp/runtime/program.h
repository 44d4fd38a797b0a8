#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

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

  // Finds kernels, checks that no operand reaches outside its space, sizes the workspace. Returns what is wrong, or "".
  std::string link(Isa isa, int threads);
};

// Bytes inside a buffer that the run keeps alive.
struct Bytes {
  BufferPtr owner;
  char* data = nullptr;
};

// The memory of one run.
struct Run {
  std::vector<Bytes> inputs, outputs;
  std::vector<float> scalars;
  std::vector<double> milliseconds;  // one per instruction when profiling (sized by the caller), else empty
  std::atomic<bool> cancelled{false};
};

// Runs on the calling thread and the pool. Returns "" or what went wrong; "cancelled" when the flag was seen.
std::string execute(const Program& program, Run& run, const ParameterStore& store, const Buffer& arena,
                    const Buffer& workspace, ThreadPool& pool);

}  // namespace videoclip
