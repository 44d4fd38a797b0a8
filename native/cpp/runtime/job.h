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

// Bytes to be copied into an input. `from` is null for zeros; else the caller leaves it alone until the job has ended.
struct Part {
  char* to;
  const char* from;
  size_t bytes;
};

// The memory of one run: in host memory, whatever the device.
struct Run {
  std::vector<Bytes> inputs, outputs;
  std::vector<Part> parts;  // of the inputs: copied by the engine's thread before the run begins
  std::vector<float> scalars;
  std::vector<double> milliseconds;  // one per instruction when profiling (sized by the caller), else empty
  std::atomic<bool> cancelled{false};
};

// A program to run once.
struct Job {
  int64_t id = 0;
  std::shared_ptr<const Program> program;
  Run run;
  std::vector<bool> in_place;  // which outputs are written into an array of the caller's
  Failure failure;             // why it has no results
};

// Copies what is still missing of the inputs.
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
