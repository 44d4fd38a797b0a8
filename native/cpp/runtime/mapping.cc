#include "runtime/mapping.h"

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

namespace videoclip {

#if defined(_WIN32)

BufferPtr map_file(int, size_t, size_t, std::string* error) {
  *error = "files cannot be mapped on this system";
  return nullptr;
}

#else
namespace {

// The memory of one mapping. `allocate` maps the bytes that the object was made for.
class MappedFile : public Memory {
 public:
  MappedFile(int file, size_t offset) : file_(file), offset_(offset) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    before_ = offset % page;  // a mapping begins at a page
  }
  char* allocate(size_t bytes) override {
    // The mapping is private and writable, so that JavaScript can write to the array without a fault and without
    // changing the file.
    constexpr int kAccess = PROT_READ | PROT_WRITE, kKind = MAP_PRIVATE | MAP_NORESERVE;
    void* start = mmap(nullptr, before_ + bytes, kAccess, kKind, file_, static_cast<off_t>(offset_ - before_));
    return start == MAP_FAILED ? nullptr : static_cast<char*>(start) + before_;
  }
  void release(char* data, size_t bytes) override { munmap(data - before_, before_ + bytes); }

 private:
  int file_;
  size_t offset_, before_;
};

}  // namespace

BufferPtr map_file(int file, size_t offset, size_t bytes, std::string* error) {
  errno = 0;
  auto buffer = std::make_shared<Buffer>(bytes, std::make_shared<MappedFile>(file, offset));
  if (!buffer->failed()) return buffer;
  *error = std::strerror(errno);
  return nullptr;
}

#endif

}  // namespace videoclip
