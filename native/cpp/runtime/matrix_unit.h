#pragma once

namespace videoclip {

// The reason why this process cannot use the tiles of AMX for bf16; null if it can. The first call asks the system for
// permission, which threads that are started afterwards have too.
const char* matrix_unit_refusal();

}  // namespace videoclip
