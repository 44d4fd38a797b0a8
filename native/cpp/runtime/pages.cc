#include "runtime/pages.h"

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace videoclip {

#if defined(_WIN32)

bool maps_memory() { return false; }
char* map_memory(size_t) { return nullptr; }
char* map_bytes(int, size_t, size_t) { return nullptr; }
void unmap(char*, size_t) {}

#else
namespace {

size_t page_size() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

#if defined(__linux__)
bool maps_memory() { return true; }

char* map_memory(size_t bytes) {
  // A huge page begins at a multiple of its size: map more, and unmap the parts around it.
  constexpr size_t kHuge = 2 << 20;
  const size_t slack = bytes >= kHuge ? kHuge : 0;
  void* memory = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  char* data = static_cast<char*>(memory);
  if (!slack) return data;
  const size_t page = page_size(), whole = (bytes + page - 1) / page * page;
  const size_t before = (kHuge - reinterpret_cast<uintptr_t>(data) % kHuge) % kHuge;
  if (before) munmap(data, before);
  data += before;
  if (bytes + slack > before + whole) munmap(data + whole, bytes + slack - before - whole);
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}
#else
bool maps_memory() { return false; }
char* map_memory(size_t) { return nullptr; }
#endif

char* map_bytes(int file, size_t offset, size_t bytes) {
  const size_t before = offset % page_size();  // a mapping begins at a page
  // The mapping is private and writable, so that JavaScript can write to the array without a fault and without
  // changing the file.
  constexpr int kAccess = PROT_READ | PROT_WRITE, kKind = MAP_PRIVATE | MAP_NORESERVE;
  void* start = mmap(nullptr, before + bytes, kAccess, kKind, file, static_cast<off_t>(offset - before));
  return start == MAP_FAILED ? nullptr : static_cast<char*>(start) + before;
}

void unmap(char* data, size_t bytes) {
  const size_t before = reinterpret_cast<uintptr_t>(data) % page_size();
  munmap(data - before, before + bytes);
}
#endif

}  // namespace videoclip
