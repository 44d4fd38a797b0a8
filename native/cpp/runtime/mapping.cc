#include "runtime/mapping.h"

#include <cerrno>
#include <cstring>

#include "runtime/pages.h"

namespace videoclip {
namespace {

// The memory of one mapping. `allocate` maps the bytes that the object was made for.
class MappedFile : public Memory {
 public:
  MappedFile(int file, size_t offset) : file_(file), offset_(offset) {}
  char* allocate(size_t bytes) override { return map_bytes(file_, offset_, bytes); }
  void release(char* data, size_t bytes) override { unmap(data, bytes); }

 private:
  int file_;
  size_t offset_;
};

}  // namespace

BufferPtr map_file(int file, size_t offset, size_t bytes, std::string* error) {
  errno = 0;
  auto buffer = std::make_shared<Buffer>(bytes, std::make_shared<MappedFile>(file, offset));
  if (!buffer->failed()) return buffer;
  *error = errno ? std::strerror(errno) : "files cannot be mapped on this system";
  return nullptr;
}

}  // namespace videoclip
