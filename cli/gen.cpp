#include <filesystem>

#include <fmt/format.h>

#include <bsk/bsr.h>
#include <bsk/io.h>

#include "base/check.h"
#include "bench/csr_arrays.h"
#include "cli/commands.h"
#include "cli/options.h"

namespace bsk::cli {
namespace {

struct GenOptions {
    std::string path;
    std::string pattern = "uniform";
    std::string block = "64";
    std::string dtype = "float16";
    GenerateOptions matrix;
};

void write_matrix(const std::string& path, const BsrMatrix& a) {
    const std::string extension = std::filesystem::path(path).extension().string();
    if (extension == ".safetensors") {
        write_safetensors(path, a.view());
    } else if (extension == ".mtx") {
        write_matrix_market(path, a.view());
    } else if (extension == ".smtx") {
        const bench::CsrArrays csr = bench::expand_to_csr(a);
        write_smtx(path, {a.m, a.k, {csr.crow_indices.begin(), csr.crow_indices.end()}, csr.col_indices, {}});
    } else {
        fail(ErrorCode::invalid_argument, "{} has extension \"{}\"; expected .safetensors, .mtx or .smtx.",
             path, extension);
    }
}

int run_gen(GenOptions options) {
    const BlockSize block = parse_block(options.block);
    options.matrix.block_m = block.m;
    options.matrix.block_k = block.k;
    options.matrix.pattern = patterns().at(options.pattern);
    options.matrix.dtype = dtypes().at(options.dtype);
    const BsrMatrix a = generate(options.matrix);
    write_matrix(options.path, a);
    fmt::print("{}: {} x {}, {} blocks of {}x{}, density {:.4f}, {}\n", options.path, a.m, a.k, a.nnzb(),
               a.block_m, a.block_k, statistics(a.view()).density, name(a.dtype));
    return kExitOk;
}

}  // namespace

void add_gen(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("gen", "Write a random block-sparse matrix, the same for a seed everywhere");
    const auto options = std::make_shared<GenOptions>();
    GenerateOptions& matrix = options->matrix;
    command->add_option("OUT", options->path, "File to write: .safetensors, .mtx or .smtx (pattern only)")
        ->required();
    command->add_option("--pattern", options->pattern, "uniform, banded, block_diagonal, power_law or causal")
        ->check(CLI::IsMember(patterns()).description(""))
        ->capture_default_str();
    command->add_option("--m", matrix.m, "Rows")->required()->check(kIsSize);
    command->add_option("--k", matrix.k, "Columns")->required()->check(kIsSize);
    command->add_option("--block", options->block, "Block side, or block_m x block_k as in 128x64")
        ->check(kIsBlock)
        ->capture_default_str();
    command
        ->add_option("--density", matrix.density,
                     "Share of blocks stored; causal and block_diagonal ignore it")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    command->add_option("--dtype", options->dtype, "float16, bfloat16 or float32")
        ->check(CLI::IsMember(dtypes()).description(""))
        ->capture_default_str();
    command->add_option("--seed", matrix.seed, "Seed")->capture_default_str();
    command->footer(
        "Example:\n  bsk gen weights.safetensors --m 4096 --k 4096 --block 64 --density 0.22 --dtype "
        "bfloat16\n"
        "Exit codes: 0 written, 1 the file cannot be written, 2 wrong argument.");
    command->callback([options, &exit_code] { exit_code = run_gen(*options); });
}

}  // namespace bsk::cli
