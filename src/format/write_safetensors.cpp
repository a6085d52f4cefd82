#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "format/atomic_file.h"
#include "format/indices.h"
#include "format/safetensors.h"
#include "format/validate.h"

#include <bsk/io.h>

namespace bsk {
namespace {

using nlohmann::json;
using namespace safetensors;

json describe(const char* type, const std::vector<std::int64_t>& shape, std::int64_t begin,
              std::int64_t bytes) {
    return {{"dtype", type}, {"shape", shape}, {"data_offsets", {begin, begin + bytes}}};
}

}  // namespace

void write_safetensors(const std::string& path, const BsrView& a) {
    validate_with_values(a);
    const Indices pattern = copy_indices(a);
    const auto crow_bytes = static_cast<std::int64_t>(pattern.crow.size() * sizeof(std::int32_t));
    const auto col_bytes = static_cast<std::int64_t>(pattern.cols.size() * sizeof(std::int32_t));
    const std::int64_t value_bytes = a.nnzb * a.block_m * a.block_k * size_of(a.dtype);
    const json header = {
        {"__metadata__",
         {{"format", "bsr"},
          {"shape", fmt::format("{},{}", a.m, a.k)},
          {"block", fmt::format("{},{}", a.block_m, a.block_k)}}},
        {"crow_indices", describe("I32", {a.block_rows() + 1}, 0, crow_bytes)},
        {"col_indices", describe("I32", {a.nnzb}, crow_bytes, col_bytes)},
        {"values", describe(kValueNames[static_cast<int>(a.dtype)].name, {a.nnzb, a.block_m, a.block_k},
                            crow_bytes + col_bytes, value_bytes)}};
    std::string text = header.dump();
    text.resize(static_cast<std::size_t>(round_up(static_cast<std::int64_t>(text.size()), kLengthBytes)),
                ' ');
    const std::uint64_t length = text.size();

    AtomicFile file(path);
    file.write(&length, sizeof length);
    file.write(text);
    file.write(pattern.crow.data(), static_cast<std::size_t>(crow_bytes));
    file.write(pattern.cols.data(), static_cast<std::size_t>(col_bytes));
    file.write(a.values, static_cast<std::size_t>(value_bytes));
    file.commit();
}

}  // namespace bsk
