#pragma once
#include <string>

#include "runtime/buffer.h"

namespace videoclip {

// Maps bytes of an open file. Pages come from the system's cache when they are first read; writing changes a private
// copy and never the file. Returns null, with the reason in `error`, if the bytes cannot be mapped. The file may be
// closed afterwards. If it is truncated, reading the missing bytes ends the process (SIGBUS), so the caller checks its
// size before each use.
BufferPtr map_file(int file, size_t offset, size_t bytes, std::string* error);

}  // namespace videoclip
