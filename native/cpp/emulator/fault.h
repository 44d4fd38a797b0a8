#pragma once

namespace videoclip {
namespace emulator {

// Ends the launch with a message that starts with op, block and thread. Called by a thread of a block; never returns.
[[noreturn]] void fault(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace emulator
}  // namespace videoclip
