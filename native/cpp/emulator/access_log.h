#pragma once
// Records which addresses the lanes of a warp access with one instruction. Lanes run one after another, so the k-th
// access of every lane from the same call site since the last rendezvous of the whole warp counts as one instruction.
#include <cstdint>
#include <memory>
#include <vector>

#include "emulator/clocks.h"
#include "emulator/counters.h"

namespace videoclip {
namespace emulator {

enum class Space : uint8_t { shared, global };

class AccessLog {
 public:
  AccessLog();
  void add(const void* site, Space space, int lane, uint64_t address, int bytes);
  // Counts the recorded accesses and clears the log.
  void flush(Counters& counters);
  void clear();

 private:
  struct Access {
    uint32_t lanes;
    int bytes;
    uint64_t address[kWarpLanes];
  };
  struct Site {
    const void* key = nullptr;
    Space space = Space::shared;
    uint16_t next[kWarpLanes] = {};  // number of recorded accesses per lane
    size_t used = 0;
    std::vector<Access> accesses;  // only grows; `used` of them are valid
  };

  Site& find(const void* key, Space space);

  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<Site*> table_;   // open addressing by call site
  std::vector<Site*> active_;  // sites with recorded accesses
};

// The passes over the 32 banks of 4 bytes beyond the first one, for lanes that access `bytes` bytes each. Accesses of
// 16 bytes are served 8 lanes at a time, accesses of 8 bytes 16 lanes at a time.
int bank_conflicts(const uint64_t* address, uint32_t lanes, int bytes);
// 32-byte sectors that the lanes touch, and the number that their distinct bytes would fill.
struct Sectors {
  int touched, filled;
};
Sectors count_sectors(const uint64_t* address, uint32_t lanes, int bytes);

}  // namespace emulator
}  // namespace videoclip
