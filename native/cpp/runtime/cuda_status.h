#pragma once
#include <cuda_runtime.h>

#include "runtime/status.h"

namespace videoclip {

// The status of a call of the CUDA runtime, with a specific message where the cause is known, otherwise with the
// message of the runtime.
inline Status status_of(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return {};
    case cudaErrorMemoryAllocation:
      return {"out of memory", StatusCode::out_of_memory};
    case cudaErrorNoKernelImageForDevice:
      return {"CUDA: this build has no kernels for this GPU; compute capability 8.0 or later is needed",
              StatusCode::unsupported};
    case cudaErrorDevicesUnavailable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable:
      return {"device lost", StatusCode::device_lost};
    default:
      return {cudaGetErrorString(error), StatusCode::internal};
  }
}

}  // namespace videoclip
