// The table `bsk bench` prints of a case.
#pragma once

#include <string>

#include "bench/runner.h"

namespace bsk::cli {

/// "8192 x 8192 x 8192, blocks 64x64, uniform at density 0.22, float16, nn".
[[nodiscard]] std::string describe(const bench::CaseOptions& options);

/// A line an implementation, figures labelled, reasons of those skipped below.
void print_table(const bench::CaseResult& result);

}  // namespace bsk::cli
