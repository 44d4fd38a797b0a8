#include "emulator/access_log.h"

#include <algorithm>

namespace videoclip {
namespace emulator {
namespace {

constexpr size_t kTableSize = 1024;
constexpr size_t kMaxAccesses = 1024;  // per call site between two flushes; later ones are not counted

size_t slot_of(const void* key) {
  return static_cast<size_t>((reinterpret_cast<uintptr_t>(key) * 0x9e3779b97f4a7c15u) >> 40);
}

}  // namespace

AccessLog::AccessLog() : table_(kTableSize) {}

AccessLog::Site& AccessLog::find(const void* key, Space space) {
  size_t i = slot_of(key) % table_.size();
  for (; table_[i]; i = (i + 1) % table_.size()) {
    if (table_[i]->key == key && table_[i]->space == space) return *table_[i];
  }
  sites_.push_back(std::make_unique<Site>());
  Site* site = sites_.back().get();
  site->key = key;
  site->space = space;
  if (2 * sites_.size() > table_.size()) {
    table_.assign(2 * table_.size(), nullptr);
    for (auto& s : sites_) {
      size_t at = slot_of(s->key) % table_.size();
      while (table_[at]) at = (at + 1) % table_.size();
      table_[at] = s.get();
    }
  } else {
    table_[i] = site;
  }
  return *site;
}

void AccessLog::add(const void* key, Space space, int lane, uint64_t address, int bytes) {
  Site& site = find(key, space);
  const size_t k = site.next[lane];
  if (k >= kMaxAccesses) return;
  ++site.next[lane];
  if (k >= site.used) {
    if (site.used == 0) active_.push_back(&site);
    if (site.used == site.accesses.size()) site.accesses.emplace_back();
    site.accesses[site.used++].lanes = 0;
  }
  Access& access = site.accesses[k];
  access.lanes |= 1u << lane;
  access.bytes = bytes;
  access.address[lane] = address;
}

void AccessLog::flush(Counters& counters) {
  for (Site* site : active_) {
    for (size_t k = 0; k < site->used; ++k) {
      const Access& a = site->accesses[k];
      if (site->space == Space::shared) {
        ++counters.shared_accesses;
        counters.bank_conflicts += static_cast<uint64_t>(bank_conflicts(a.address, a.lanes, a.bytes));
      } else {
        const Sectors sectors = count_sectors(a.address, a.lanes, a.bytes);
        ++counters.global_accesses;
        counters.sectors += static_cast<uint64_t>(sectors.touched);
        counters.excess_sectors += static_cast<uint64_t>(sectors.touched - sectors.filled);
      }
    }
  }
  clear();
}

void AccessLog::clear() {
  for (Site* site : active_) {
    site->used = 0;
    std::fill_n(site->next, kWarpLanes, uint16_t{0});
  }
  active_.clear();
}

int bank_conflicts(const uint64_t* address, uint32_t lanes, int bytes) {
  // All lanes access whole units of one size, so units conflict in the same way as their words: there are 128 / unit
  // groups of banks.
  const uint64_t unit = static_cast<uint64_t>(std::max(bytes, 4)), groups = 128 / unit;
  const int phase_lanes = static_cast<int>(groups);
  int conflicts = 0;
  for (int first = 0; first < kWarpLanes; first += phase_lanes) {
    uint64_t seen[kWarpLanes][kWarpLanes];  // distinct units per group; lanes that access the same unit share it
    int depth[kWarpLanes] = {};
    int passes = 1;
    for (int lane = first; lane < first + phase_lanes; ++lane) {
      if (!(lanes >> lane & 1)) continue;
      const uint64_t at = address[lane] / unit;
      const auto group = static_cast<size_t>(at % groups);
      uint64_t* end = seen[group] + depth[group];
      if (std::find(seen[group], end, at) != end) continue;
      *end = at;
      passes = std::max(passes, ++depth[group]);
    }
    conflicts += passes - 1;
  }
  return conflicts;
}

Sectors count_sectors(const uint64_t* address, uint32_t lanes, int bytes) {
  uint64_t sorted[kWarpLanes];
  int n = 0;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if (lanes >> lane & 1) sorted[n++] = address[lane];
  }
  if (!std::is_sorted(sorted, sorted + n)) std::sort(sorted, sorted + n);
  // Accesses are aligned to their size (at most 16 bytes), so none spans two sectors.
  uint64_t distinct = 0, touched = 0;
  for (int i = 0; i < n; ++i) {
    if (i && sorted[i] == sorted[i - 1]) continue;
    distinct += static_cast<uint64_t>(bytes);
    if (!i || sorted[i] / 32 != sorted[i - 1] / 32) ++touched;
  }
  return {static_cast<int>(touched), static_cast<int>((distinct + 31) / 32)};
}

}  // namespace emulator
}  // namespace videoclip
