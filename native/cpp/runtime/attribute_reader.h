#pragma once
// Reads the attributes of a call, field by field, in the order in which the definition of the op lays them out. The
// structs that do so stand in the contracts cpp/ops/<op>.h and are generated. Everything is inlined, because the CPU
// kernels of all instruction sets include it: a function that the linker could share between them would hold
// instructions of one of them.
#include "runtime/kernel.h"

namespace videoclip {

// Any number of integers, at the end of the attributes.
struct IntegerList {
  const double* values;
  int count;

  __attribute__((always_inline)) int64_t operator[](int i) const { return static_cast<int64_t>(values[i]); }
};

class AttributeReader {
 public:
  __attribute__((always_inline)) explicit AttributeReader(const Call& call)
      : next_(call.attrs), end_(call.attrs + call.attr_count) {}

  __attribute__((always_inline)) void read(int64_t& field) { field = static_cast<int64_t>(*next_++); }
  __attribute__((always_inline)) void read(double& field) { field = *next_++; }
  __attribute__((always_inline)) void read(bool& field) { field = *next_++ != 0; }
  template <typename T, int N>
  __attribute__((always_inline)) void read(T (&field)[N]) {
    for (T& element : field) read(element);
  }
  __attribute__((always_inline)) void read(IntegerList& field) {
    field = {next_, static_cast<int>(end_ - next_)};
    next_ = end_;
  }

 private:
  const double* next_;
  const double* end_;
};

}  // namespace videoclip
