#pragma once
#include "runtime/status.h"
#include "runtime/tensor.h"
#include "runtime/thread_pool.h"

namespace videoclip {

// What kernels need to know of the GPU that they run on.
struct GpuTraits {
  bool hopper = false;  // compute capability 9.0, with its own instructions
  int multiprocessors = 1;
};

// One instruction about to run. The roles of operands and the order of attributes are the contract of the op:
// cpp/ops/<family>/<op>.h.
struct Call {
  const Tensor* in;
  int inputs;
  const Tensor* out;
  int outputs;
  const double* attrs;
  int attr_count;
  char* workspace;  // 64-byte aligned, of the size that the kernel's workspace function returned
  ThreadPool* pool;
  void* stream = nullptr;  // the stream of CUDA kernels
  GpuTraits gpu = {};
  bool tf32 = false;  // matrix products of f32 may round their operands to tf32
};

using KernelFunction = Status (*)(const Call&);
// Bytes of scratch memory for a call on `threads` threads: a pure function of shapes and attributes (data may be null).
using WorkspaceFunction = size_t (*)(const Call&, int threads);

struct Kernel {
  KernelFunction run = nullptr;
  WorkspaceFunction workspace = nullptr;
};

// The backends: the instruction sets that the CPU kernels are compiled for, from narrow to wide, then CUDA and its
// emulation. There is one table of kernels per backend, filled by static registration: VIDEOCLIP_KERNEL at the end of
// each cpu/<op>.cc, VIDEOCLIP_CUDA_KERNEL at the end of each cuda/<op>.cu.
enum class Backend : int { portable = 0, avx2 = 1, avx512 = 2, cuda = 3, cuda_emulated = 4 };
constexpr int kBackendCount = 5;

const char* backend_name(Backend backend);
bool backend_supported(Backend backend);  // compiled in, and available on this processor
bool has_bf16(Backend backend);           // dot products of bf16 pairs
Backend best_cpu_backend();
// The number of columns of a packed weight panel: two vectors of the instruction set.
int panel_width(Backend backend);

bool register_kernel(Backend backend, const char* op, Kernel kernel);
const Kernel* find_kernel(Backend backend, const char* op);

}  // namespace videoclip
