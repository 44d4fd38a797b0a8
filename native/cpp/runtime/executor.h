#pragma once
#include "runtime/buffer_pool.h"
#include "runtime/job.h"

namespace videoclip {

// Runs the jobs of an engine. `begin` and `finish` are called on the engine thread, in the order of the jobs.
class Executor {
 public:
  virtual ~Executor() = default;

  virtual Backend backend() const = 0;
  virtual int threads() const { return 1; }
  // The name of the GPU; empty for a CPU.
  virtual std::string hardware() const { return ""; }
  // The memory of parameters, and that of the inputs and outputs of jobs. Null means plain host memory.
  virtual MemoryPtr parameter_memory() const { return nullptr; }
  virtual MemoryPtr staging_memory() const { return nullptr; }
  // Copies parameters. May be called on any thread, also during runs.
  virtual Status write(char* to, const char* from, size_t bytes) = 0;
  virtual Status read(char* to, const char* from, size_t bytes) = 0;

  // Pins memory of the caller for the copies of a device, until `unpin`, which comes before the memory is freed and
  // after the jobs that read it. A CPU reads any memory.
  virtual bool pins() const { return false; }
  virtual Status pin(char*, size_t) { return {}; }
  virtual Status unpin(char*) { return {}; }

  // The largest number of jobs that have begun and not finished.
  virtual size_t depth() const { return 1; }
  // Starts a job. An error becomes the failure of the job.
  virtual void begin(Job& job, const ParameterStore& store) = 0;
  // Waits for the oldest job that began without a failure.
  virtual void finish(Job& job) = 0;

  // Bytes of arena and workspace.
  virtual size_t scratch_bytes() const = 0;
};

// Makes `buffer` at least as large as requested. Returns false, with an empty buffer, if there is not enough memory.
inline bool grow(std::unique_ptr<Buffer>& buffer, size_t bytes, const MemoryPtr& memory = nullptr) {
  if (bytes <= buffer->size()) return true;
  buffer = std::make_unique<Buffer>();  // freed first, so that the peak is the new size alone
  buffer = std::make_unique<Buffer>(bytes, memory);
  if (!buffer->failed()) return true;
  buffer = std::make_unique<Buffer>();
  return false;
}

inline const Failure kOutOfMemory{StatusCode::out_of_memory, "out of memory"};
inline const Failure kCancelled{StatusCode::cancelled, "cancelled"};

std::unique_ptr<Executor> make_cpu_executor(Backend backend, int threads);

}  // namespace videoclip
