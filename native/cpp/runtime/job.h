#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "runtime/program.h"

namespace videoclip {

// Bytes inside a buffer that the run keeps alive.
struct Bytes {
  BufferPtr owner;
  char* data = nullptr;
};

// The memory of one run: in host memory, whatever the device.
struct Run {
  std::vector<Bytes> inputs, outputs;
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

}  // namespace videoclip
