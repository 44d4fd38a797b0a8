#pragma once
#include <string>

#include "runtime/buffer.h"

namespace videoclip {

// Maps bytes of an open file. Pages come from the system's cache when they are first read; writing changes a private
// copy and never the file. Null, and `error` says why, where it cannot be mapped. The file may be closed afterwards; if
// it is made shorter, reading what is gone ends the process (SIGBUS), so the caller checks its size before each use.
BufferPtr map_file(int file, size_t offset, size_t bytes, std::string* error);

}  // namespace videoclip
