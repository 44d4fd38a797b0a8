#pragma once
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/program.h"

namespace videoclip {

// Bytes inside a buffer that the run keeps alive.
struct Bytes {
  BufferPtr owner;
  char* data = nullptr;
};

// Consecutive bytes of an input, inside a buffer that the run keeps alive.
struct Piece {
  BufferPtr owner;
  char* data = nullptr;
  size_t bytes = 0;
};

// An input of a run: pieces that follow one another. A CPU reads its input in place, so there it is one piece. A GPU
// copies several, from pinned memory.
using Input = std::vector<Piece>;

// Bytes to be copied into memory of the engine before the run begins. If `from` is null the part is zeros; otherwise
// the caller does not change the bytes before the job has ended.
struct Part {
  char* to;
  const char* from;
  size_t bytes;
};

// What a run measures: nothing, the duration of each instruction, or that of all instructions together.
enum class Timing : int { none = 0, instructions = 1, whole = 2 };

// The memory of one run. It is host memory on every device.
struct Run {
  std::vector<Input> inputs;
  std::vector<Bytes> outputs;
  std::vector<Part> parts;  // parts of the inputs, copied by the engine thread before the run begins
  std::vector<float> scalars;
  Timing timing = Timing::none;
  std::vector<double> milliseconds;  // what `timing` asks for; sized by the caller
  std::atomic<bool> cancelled{false};
};

// A single run of a program.
struct Job {
  int64_t id = 0;
  std::shared_ptr<const Program> program;
  Run run;
  std::vector<bool> in_place;  // whether each output is written into an array of the caller
  Failure failure;             // the reason why there are no results
};

// Copies the parts of the inputs that have not been copied yet.
inline void gather(const Run& run) {
  for (const Part& part : run.parts) {
    if (part.from) {
      std::memcpy(part.to, part.from, part.bytes);
    } else {
      std::memset(part.to, 0, part.bytes);
    }
  }
}

}  // namespace videoclip
