// `bsk`: the library from the command line.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include <bsk/device.h>
#include <bsk/error.h>

#include "cli/commands.h"

namespace {

using namespace bsk::cli;

/// One sentence in one line on stderr, whatever the message holds.
int report(std::string message, int exit_code) {
    std::ranges::replace(message, '\n', ' ');
    if (!message.ends_with('.')) {
        message += '.';
    }
    fmt::print(stderr, "bsk: {}\n", message);
    return exit_code;
}

int run(int argc, char** argv) {
    int exit_code = kExitOk;
    CLI::App app{
        "Block-sparse times dense matrix products on NVIDIA GPUs, and on the CPU where there is none.",
        "bsk"};
    app.set_version_flag("--version", bsk::version());
    app.require_subcommand(0, 1);
    app.footer(
        "Exit codes: 0 fine, 1 the operation failed (a file, CUDA, memory), 2 wrong command or argument,\n"
        "3 a computed result is wrong, 130 interrupted (what was measured is kept).\n"
        "`bsk COMMAND --help` shows the options of a command and an example.");
    add_info(app, exit_code);
    add_gen(app, exit_code);
    add_check(app, exit_code);
    add_bench(app, exit_code);
    add_sweep(app, exit_code);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);  // --help and --version
        }
        return report(error.what(), kExitUsage);
    }
    if (app.get_subcommands().empty()) {
        fmt::print("{}", app.help());
    }
    return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const bsk::Error& error) {
        switch (error.code()) {
            case bsk::ErrorCode::invalid_argument:
            case bsk::ErrorCode::dtype_mismatch:
            case bsk::ErrorCode::too_large: return report(error.what(), kExitUsage);
            default: return report(error.what(), kExitFailed);
        }
    } catch (const std::bad_alloc&) {
        return report("the host's memory does not suffice for these sizes.", kExitFailed);
    } catch (const std::exception& error) {
        return report(error.what(), kExitFailed);
    }
}
