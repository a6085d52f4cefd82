// The commands of `bsk`. Each adds itself to the application; when it is the one called it leaves its exit
// code in `exit_code`, or throws bsk::Error.
#pragma once

#include <CLI/CLI.hpp>

namespace bsk::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;         ///< the operation failed: a file, CUDA, memory
inline constexpr int kExitUsage = 2;          ///< wrong command, option or argument
inline constexpr int kExitWrongResult = 3;    ///< a result was computed and is wrong
inline constexpr int kExitInterrupted = 130;  ///< Ctrl-C; what was measured until then is kept

void add_info(CLI::App& app, int& exit_code);
void add_gen(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_sweep(CLI::App& app, int& exit_code);

}  // namespace bsk::cli
