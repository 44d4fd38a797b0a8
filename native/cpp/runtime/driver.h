#pragma once
// The calls of the CUDA driver that the runtime makes, as a table of function pointers: the addon opens the driver's
// library by name and builds without the CUDA toolkit. Names, types and constants follow cuda.h of CUDA 13; where the
// toolkit is present, runtime/driver_check.cc compares them. Tests use a second table, emulator/driver.cc.
#include <cstddef>
#include <cstdint>

#include "runtime/status.h"

namespace videoclip {
namespace cu {

using Result = int;
using Device = int;
using Address = unsigned long long;  // of device memory
using Context = void*;
using Stream = void*;
using Event = void*;
using Graph = void*;
using GraphExec = void*;
using Library = void*;
using Kernel = void*;
using Function = void*;

constexpr Result kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNoDevice = 100, kNoBinaryForGpu = 209;
constexpr Result kHostMemoryAlreadyRegistered = 712, kHostMemoryNotRegistered = 713, kNotSupported = 801;
constexpr int kComputeCapabilityMajor = 75, kComputeCapabilityMinor = 76;  // attributes of a device
constexpr int kMaxSharedBytesPerBlock = 97;
constexpr int kMaxDynamicSharedBytes = 8;  // attribute of a kernel
constexpr unsigned kHostAllocPortable = 1, kHostRegisterPortable = 1;
constexpr unsigned kStreamNonBlocking = 1, kEventBlockingSync = 1, kEventDisableTiming = 2;
constexpr int kCaptureThreadLocal = 1;
constexpr int kMultiprocessors = 16;  // attribute of a device
// For tensor maps.
constexpr int kTensorF16 = 6, kTensorBf16 = 9, kNoInterleave = 0, kSwizzle128 = 3, kPromote256 = 3, kFillZero = 0;

}  // namespace cu

// One line per call: the member of Driver, the symbol of the library, the parameters.
#define VIDEOCLIP_DRIVER_CALLS(CALL)                                                                                   \
  CALL(init, cuInit, (unsigned flags))                                                                                 \
  CALL(driver_version, cuDriverGetVersion, (int* version))                                                             \
  CALL(error_name, cuGetErrorName, (cu::Result error, const char** name))                                              \
  CALL(error_string, cuGetErrorString, (cu::Result error, const char** text))                                          \
  CALL(device_count, cuDeviceGetCount, (int* count))                                                                   \
  CALL(device_get, cuDeviceGet, (cu::Device * device, int index))                                                      \
  CALL(device_name, cuDeviceGetName, (char* name, int bytes, cu::Device device))                                       \
  CALL(device_attribute, cuDeviceGetAttribute, (int* value, int attribute, cu::Device device))                         \
  CALL(context_retain, cuDevicePrimaryCtxRetain, (cu::Context * context, cu::Device device))                           \
  CALL(context_release, cuDevicePrimaryCtxRelease_v2, (cu::Device device))                                             \
  CALL(context_use, cuCtxSetCurrent, (cu::Context context))                                                            \
  CALL(memory_allocate, cuMemAlloc_v2, (cu::Address * address, size_t bytes))                                          \
  CALL(memory_free, cuMemFree_v2, (cu::Address address))                                                               \
  CALL(host_allocate, cuMemHostAlloc, (void** data, size_t bytes, unsigned flags))                                     \
  CALL(host_free, cuMemFreeHost, (void* data))                                                                         \
  CALL(host_register, cuMemHostRegister_v2, (void* data, size_t bytes, unsigned flags))                                \
  CALL(host_unregister, cuMemHostUnregister, (void* data))                                                             \
  CALL(copy_in, cuMemcpyHtoDAsync_v2, (cu::Address to, const void* from, size_t bytes, cu::Stream stream))             \
  CALL(copy_out, cuMemcpyDtoHAsync_v2, (void* to, cu::Address from, size_t bytes, cu::Stream stream))                  \
  CALL(stream_create, cuStreamCreate, (cu::Stream * stream, unsigned flags))                                           \
  CALL(stream_destroy, cuStreamDestroy_v2, (cu::Stream stream))                                                        \
  CALL(stream_wait, cuStreamWaitEvent, (cu::Stream stream, cu::Event event, unsigned flags))                           \
  CALL(stream_synchronize, cuStreamSynchronize, (cu::Stream stream))                                                   \
  CALL(event_create, cuEventCreate, (cu::Event * event, unsigned flags))                                               \
  CALL(event_destroy, cuEventDestroy_v2, (cu::Event event))                                                            \
  CALL(event_record, cuEventRecord, (cu::Event event, cu::Stream stream))                                              \
  CALL(event_synchronize, cuEventSynchronize, (cu::Event event))                                                       \
  CALL(event_elapsed, cuEventElapsedTime_v2, (float* milliseconds, cu::Event from, cu::Event to))                      \
  CALL(capture_begin, cuStreamBeginCapture_v2, (cu::Stream stream, int mode))                                          \
  CALL(capture_end, cuStreamEndCapture, (cu::Stream stream, cu::Graph * graph))                                        \
  CALL(graph_instantiate, cuGraphInstantiateWithFlags,                                                                 \
       (cu::GraphExec * executable, cu::Graph graph, unsigned long long flags))                                        \
  CALL(graph_destroy, cuGraphDestroy, (cu::Graph graph))                                                               \
  CALL(graph_launch, cuGraphLaunch, (cu::GraphExec executable, cu::Stream stream))                                     \
  CALL(executable_destroy, cuGraphExecDestroy, (cu::GraphExec executable))                                             \
  CALL(library_load, cuLibraryLoadData,                                                                                \
       (cu::Library * library, const void* code, int* jit_options, void** jit_values, unsigned jit_count,              \
        int* options, void** values, unsigned count))                                                                  \
  CALL(library_unload, cuLibraryUnload, (cu::Library library))                                                         \
  CALL(library_kernel_count, cuLibraryGetKernelCount, (unsigned* count, cu::Library library))                          \
  CALL(library_kernels, cuLibraryEnumerateKernels, (cu::Kernel * kernels, unsigned count, cu::Library library))        \
  CALL(kernel_name, cuKernelGetName, (const char** name, cu::Kernel kernel))                                           \
  CALL(kernel_function, cuKernelGetFunction, (cu::Function * function, cu::Kernel kernel))                             \
  CALL(kernel_set, cuKernelSetAttribute, (int attribute, int value, cu::Kernel kernel, cu::Device device))             \
  CALL(tensor_map_tiled, cuTensorMapEncodeTiled,                                                                       \
       (void* map, int type, uint32_t rank, void* data, const uint64_t* sizes, const uint64_t* strides,                \
        const uint32_t* box, const uint32_t* steps, int interleave, int swizzle, int promotion, int fill))             \
  CALL(tensor_map_im2col, cuTensorMapEncodeIm2col,                                                                     \
       (void* map, int type, uint32_t rank, void* data, const uint64_t* sizes, const uint64_t* strides,                \
        const int* lower, const int* upper, uint32_t channels, uint32_t pixels, const uint32_t* steps, int interleave, \
        int swizzle, int promotion, int fill))                                                                         \
  CALL(launch, cuLaunchKernel,                                                                                         \
       (cu::Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,  \
        unsigned block_z, unsigned shared_bytes, cu::Stream stream, void** arguments, void** extra))

struct Driver {
#define VIDEOCLIP_MEMBER(member, symbol, parameters) cu::Result(*member) parameters = nullptr;
  VIDEOCLIP_DRIVER_CALLS(VIDEOCLIP_MEMBER)
#undef VIDEOCLIP_MEMBER
  // Overwrites device memory that must not be read before it is written. Only the emulator has this call.
  cu::Result (*poison)(cu::Address address, size_t bytes, cu::Stream stream) = nullptr;
};

// The driver of this system. Null, with the reason, if it is missing or lacks a call.
const Driver* cuda_driver(const char** reason);

// Converts the result of a call. The message carries the driver's name of the error. After an error that leaves the
// context unusable, the code is device_lost.
Status status_of(const Driver& driver, cu::Result result);

}  // namespace videoclip
