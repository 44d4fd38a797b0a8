// The emulator runs correct primitives and catches every fault, in several orders of warps and lanes.
#include "emulator/check.h"

namespace videoclip {
namespace emulated {

int checks = 0, failures = 0;

namespace {

void run_all() {
  using emulator::Order;
  test_driver();
  test_executor();
  test_numbers();
  test_reports();
  for (Order order : {Order{Order::forward, 0}, Order{Order::reverse, 0}, Order{Order::random, 1},
                      Order{Order::random, 2}, Order{Order::random, 3}}) {
    emulator::set_order(order);
    test_collectives();
    test_matrix_layouts();
    test_gemm();
    test_products();
    test_faults();
    test_pipeline();
  }
}

}  // namespace
}  // namespace emulated
}  // namespace videoclip

int main() {
  using namespace videoclip::emulated;
  run_all();
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures != 0;
}
