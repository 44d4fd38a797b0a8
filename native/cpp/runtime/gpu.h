#pragma once
#include <string>

namespace videoclip {

// Whether CUDA can be used in this process and, if not, exactly why.
struct GpuState {
  bool usable = false;
  std::string reason;  // for people
  int driver_version = 0;
  int devices = 0;
};

GpuState gpu_state();

}  // namespace videoclip
