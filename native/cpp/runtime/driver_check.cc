// Compares runtime/driver.h with cuda.h, where the CUDA toolkit is present: the calls exist, with as many parameters of
// the same sizes, and the constants are equal. It has no code.
#include <cuda.h>

#include <type_traits>

#include "runtime/driver.h"

namespace videoclip {
namespace {

template <class Mine, class Theirs>
struct SameShape : std::false_type {};
template <class... A, class... B>
struct SameShape<cu::Result (*)(A...), CUresult (*)(B...)> {
  static constexpr bool sizes() {
    if constexpr (sizeof...(A) != sizeof...(B)) {
      return false;
    } else {
      return ((sizeof(A) == sizeof(B)) && ...);
    }
  }
  static constexpr bool value = sizes();
};

#define VIDEOCLIP_COMPARE(member, symbol, parameters) \
  static_assert(SameShape<decltype(Driver::member), decltype(&symbol)>::value, #symbol " differs from cuda.h");
VIDEOCLIP_DRIVER_CALLS(VIDEOCLIP_COMPARE)
#undef VIDEOCLIP_COMPARE

static_assert(cu::kSuccess == CUDA_SUCCESS && cu::kOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY &&
                  cu::kNoDevice == CUDA_ERROR_NO_DEVICE && cu::kNoBinaryForGpu == CUDA_ERROR_NO_BINARY_FOR_GPU &&
                  cu::kInvalidValue == CUDA_ERROR_INVALID_VALUE && cu::kNotSupported == CUDA_ERROR_NOT_SUPPORTED &&
                  cu::kHostMemoryAlreadyRegistered == CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED &&
                  cu::kHostMemoryNotRegistered == CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED,
              "results");
static_assert(cu::kComputeCapabilityMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR &&
                  cu::kComputeCapabilityMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR &&
                  cu::kMaxSharedBytesPerBlock == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN &&
                  cu::kMultiprocessors == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT &&
                  cu::kMaxDynamicSharedBytes == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              "attributes");
static_assert(cu::kHostRegisterPortable == CU_MEMHOSTREGISTER_PORTABLE &&
                  cu::kHostAllocPortable == CU_MEMHOSTALLOC_PORTABLE &&
                  cu::kStreamNonBlocking == CU_STREAM_NON_BLOCKING &&
                  cu::kEventBlockingSync == CU_EVENT_BLOCKING_SYNC &&
                  cu::kEventDisableTiming == CU_EVENT_DISABLE_TIMING &&
                  cu::kCaptureThreadLocal == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
              "flags");
static_assert(cu::kTensorF16 == CU_TENSOR_MAP_DATA_TYPE_FLOAT16 &&
                  cu::kTensorBf16 == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 &&
                  cu::kNoInterleave == CU_TENSOR_MAP_INTERLEAVE_NONE && cu::kSwizzle128 == CU_TENSOR_MAP_SWIZZLE_128B &&
                  cu::kPromote256 == CU_TENSOR_MAP_L2_PROMOTION_L2_256B &&
                  cu::kFillZero == CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
              "tensor maps");

}  // namespace
}  // namespace videoclip
