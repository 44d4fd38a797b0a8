#pragma once
// Runs the steps of a ladder on the CPU: checks each against a float64 result, then measures them in turn, so that a
// change of the machine's load meets all of them. Prints one line of JSON per step, which main.ts turns into a table.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "numbers.h"

namespace ladder {

struct Options {
  bool small = false;  // sizes for a check; nothing is measured
  int rounds = 7;

  Options(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      if (!std::strcmp(argv[i], "--small")) small = true;
      if (!std::strcmp(argv[i], "--rounds") && i + 1 < argc) rounds = std::atoi(argv[++i]);
    }
  }
};

class Ladder {
 public:
  Ladder(const Options& options, double flop) : options_(options), flop_(flop) {}

  // `body` computes the whole problem into the output that run() is given; or `collect`, which is not measured, brings
  // its result there.
  void step(
      std::string name, double bound, std::function<void()> body, std::function<void()> collect = [] {}) {
    steps_.push_back({std::move(name), bound, std::move(body), std::move(collect), 0, {}});
  }

  // Returns the exit code: 1 when a step differs from `expected` by more than its bound.
  int run(std::vector<float>& output, const std::vector<double>& expected) {
    bool all = true;
    for (Step& s : steps_) {
      std::fill(output.begin(), output.end(), std::numeric_limits<float>::quiet_NaN());
      s.body();
      s.collect();
      s.error = relative_l2(output, expected);
      all = all && s.error <= s.bound;  // false for NaN
    }
    for (int round = 0; !options_.small && round < options_.rounds; ++round) {
      for (Step& s : steps_) {
        if (round >= 3 && s.milliseconds[0] > 500) continue;  // three runs of the slow steps are enough
        const auto begin = std::chrono::steady_clock::now();
        s.body();
        const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
        s.milliseconds.push_back(spent.count());
      }
    }
    for (const Step& s : steps_) {
      std::printf("{\"step\":\"%s\",\"flop\":%.0f,\"error\":%s,\"bound\":%g,\"ms\":[", s.name.c_str(), flop_,
                  std::isfinite(s.error) ? number(s.error).c_str() : "null", s.bound);
      for (size_t i = 0; i < s.milliseconds.size(); ++i) std::printf("%s%.4f", i ? "," : "", s.milliseconds[i]);
      std::printf("]}\n");
    }
    return all ? 0 : 1;
  }

 private:
  struct Step {
    std::string name;
    double bound;  // of the relative L2 error
    std::function<void()> body, collect;
    double error;
    std::vector<double> milliseconds;
  };

  Options options_;
  double flop_;
  std::vector<Step> steps_;
};

}  // namespace ladder
