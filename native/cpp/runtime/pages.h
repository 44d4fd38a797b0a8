#pragma once
#include <cstddef>

namespace videoclip {

// Memory that the system maps in pages. All calls of mmap are here; a system without it never maps.

// Whether fresh memory is mapped.
bool maps_memory();
// Fresh memory, in huge pages where the system has them. Null if there is none.
char* map_memory(size_t bytes);
// Bytes of an open file, which may be closed afterwards. Pages come from the system's cache when they are first read;
// writing changes a private copy and never the file. Null, with `errno`, if they cannot be mapped.
char* map_bytes(int file, size_t offset, size_t bytes);
// Returns what map_memory or map_bytes gave.
void unmap(char* data, size_t bytes);

}  // namespace videoclip
