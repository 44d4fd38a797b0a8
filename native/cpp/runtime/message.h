#pragma once
#include <string>

namespace videoclip {

// Returns the text for use in a Status, which refers to static strings: equal texts are stored once, until the process
// ends.
const char* keep_message(const std::string& text);

}  // namespace videoclip
