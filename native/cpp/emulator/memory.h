#pragma once
// The checks behind Global<T> and Shared<T>. `index` and `count` are in items of `item` bytes; `n` consecutive items
// are accessed at once. The results point to the first item. In the access log, the return address of a call identifies
// the instruction.
#include <cstddef>
#include <cstdint>

namespace videoclip {
namespace emulator {

char* check_global(const void* base, size_t count, size_t index, uint32_t item, uint32_t n, bool write);
char* check_shared(uint32_t offset, size_t count, size_t index, uint32_t item, uint32_t n, bool write);
// For an instruction that checks on behalf of its caller at `site`.
char* check_shared_from(const void* site, uint32_t offset, size_t count, size_t index, uint32_t item, uint32_t n,
                        bool write);
// For handles: checks that the bytes are in the shared memory of the launch.
void check_shared_array(uint32_t offset, size_t bytes, uint32_t item);
// Reports a float whose bytes are all 0xFF. It was never written, because arithmetic does not produce this NaN.
[[noreturn]] void uninitialised_value(const char* memory, size_t index);

// `bytes` is 4, 8 or 16. If not `valid`, writes zeros and reads nothing.
void cp_async(uint32_t to_offset, size_t to_count, size_t to_index, const void* from, size_t from_count,
              size_t from_index, uint32_t item, uint32_t bytes, bool valid);
void cp_async_commit();
// Completes all but the newest `pending` groups of the calling thread.
void cp_async_wait(size_t pending);

// Allocates device memory, aligned to 256 bytes and filled with 0xFF.
void* allocate(size_t bytes);
void release(void* memory);
// Sets the total size of device memory. Allocations beyond it fail, as on a full device.
void set_memory_limit(size_t bytes);
size_t memory_in_use();

}  // namespace emulator
}  // namespace videoclip
