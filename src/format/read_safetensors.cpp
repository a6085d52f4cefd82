#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "format/indices.h"
#include "format/input_file.h"
#include "format/matrix.h"
#include "format/safetensors.h"
#include "format/validate.h"

#include <bsk/io.h>

namespace bsk {
namespace {

using nlohmann::json;
using namespace safetensors;

// Three tensors need a few hundred bytes; the rest is room for more metadata.
constexpr std::uint64_t kMaxHeaderBytes = 1 << 20;

struct Tensor {
    int type = 0;  ///< position in kIndexNames or kValueNames
    std::vector<std::int64_t> shape;
    std::int64_t begin = 0;  ///< in the file
    std::int64_t bytes = 0;
};

/// An opened file whose header is JSON. Every refusal names the file and the field.
class Reader {
public:
    explicit Reader(const std::string& path) : path_(path), file_(path) {
        check(file_.size() >= kLengthBytes, "header length", "the file has {} bytes", file_.size());
        std::uint64_t length = 0;
        file_.read(0, &length, kLengthBytes);
        const auto available = static_cast<std::uint64_t>(file_.size() - kLengthBytes);
        check(length <= std::min(available, kMaxHeaderBytes), "header length",
              "{} bytes, but {} follow and at most {} are read", length, available, kMaxHeaderBytes);
        std::string text(length, '\0');
        file_.read(kLengthBytes, text.data(), static_cast<std::int64_t>(length));
        header_ = json::parse(text, nullptr, /*allow_exceptions=*/false);
        check(header_.is_object(), "header", "it is not a JSON object");
        for (const auto& [name, unused] : header_.items()) {
            check(
                name == "__metadata__" || name == "crow_indices" || name == "col_indices" || name == "values",
                "header", "unexpected tensor '{}'", name.substr(0, 64));
        }
        data_begin_ = kLengthBytes + static_cast<std::int64_t>(length);
    }

    template <class... Args>
    void check(bool condition, const char* field, fmt::format_string<Args...> format, Args&&... args) const {
        require(condition, ErrorCode::file_error, "{}, {}: {}", path_, field,
                fmt::format(format, std::forward<Args>(args)...));
    }

    template <std::size_t kTypes>
    Tensor tensor(const char* name, std::size_t rank, const TypeName (&types)[kTypes]) const {
        const auto found = header_.find(name);
        check(found != header_.end() && found->is_object(), name, "the tensor is missing");
        Tensor result;
        const json type = found->value("dtype", json());
        while (type != types[result.type].name) {
            ++result.type;
            check(result.type < static_cast<int>(kTypes), name, "dtype {} is not supported here",
                  type.dump());
        }
        result.shape = integers(*found, name, "shape", rank);
        const std::vector<std::int64_t> offsets = integers(*found, name, "data_offsets", 2);
        const std::int64_t data_bytes = file_.size() - data_begin_;
        check(offsets[0] <= offsets[1] && offsets[1] <= data_bytes, name,
              "data_offsets [{}, {}] are not within the {} bytes of data", offsets[0], offsets[1],
              data_bytes);
        result.begin = data_begin_ + offsets[0];
        result.bytes = offsets[1] - offsets[0];
        check(product(result.shape, types[result.type].bytes) == result.bytes, name,
              "data_offsets hold {} bytes, which is not what shape [{}] of {} needs", result.bytes,
              fmt::join(result.shape, ", "), types[result.type].name);
        return result;
    }

    /// The tensors must follow one another from the end of the header to the end of the file.
    void check_contiguous(std::vector<Tensor> tensors) const {
        std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) {
            return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
        });
        std::int64_t end = data_begin_;
        for (const Tensor& tensor : tensors) {
            check(tensor.begin == end, "data_offsets", "a tensor starts at byte {} of the data, expected {}",
                  tensor.begin - data_begin_, end - data_begin_);
            end += tensor.bytes;
        }
        check(end == file_.size(), "data_offsets", "the tensors end at byte {} of the file, which has {}",
              end, file_.size());
    }

    /// Metadata `name` of the form "first,second".
    std::pair<std::int64_t, std::int64_t> metadata_pair(const char* name) const {
        const std::string text = metadata(name);
        const char* end = text.data() + text.size();
        std::pair<std::int64_t, std::int64_t> result;
        auto parsed = std::from_chars(text.data(), end, result.first);
        const bool comma = parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == ',';
        if (comma) {
            parsed = std::from_chars(parsed.ptr + 1, end, result.second);
        }
        check(comma && parsed.ec == std::errc() && parsed.ptr == end, name,
              "'{}' in the metadata; it must be two integers with a comma", text.substr(0, 64));
        return result;
    }

    std::string metadata(const char* name) const {
        const json all = header_.value("__metadata__", json::object());
        check(all.is_object() && all.contains(name) && all[name].is_string(), name,
              "the metadata lacks this string");
        return all[name].get<std::string>();
    }

    std::vector<std::byte> read(const Tensor& tensor) const {
        std::vector<std::byte> data = zero_bytes(tensor.bytes);
        file_.read(tensor.begin, data.data(), tensor.bytes);
        return data;
    }

private:
    /// Field `key` of tensor `name`, an array of `count` integers from 0.
    std::vector<std::int64_t> integers(const json& tensor, const char* name, const char* key,
                                       std::size_t count) const {
        const json array = tensor.value(key, json());
        check(array.is_array() && array.size() == count, name, "{} is {}; it must be {} integers", key,
              array.dump().substr(0, 64), count);
        std::vector<std::int64_t> result;
        for (const json& element : array) {
            check(element.is_number_unsigned() &&
                      element.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()},
                  name, "{} holds {}; it must hold integers from 0", key, element.dump().substr(0, 64));
            result.push_back(element.get<std::int64_t>());
        }
        return result;
    }

    /// size * all of shape; -1 where that passes int64.
    static std::int64_t product(const std::vector<std::int64_t>& shape, std::int64_t size) {
        for (const std::int64_t extent : shape) {
            if (__builtin_mul_overflow(size, extent, &size)) {
                return -1;
            }
        }
        return size;
    }

    std::string path_;
    InputFile file_;
    json header_;
    std::int64_t data_begin_ = 0;
};

/// The matrix of the metadata, without its arrays.
BsrMatrix read_sizes(const Reader& reader, const std::vector<std::int64_t>& values_shape) {
    const std::string format = reader.metadata("format");
    reader.check(format == "bsr", "format", "'{}' in the metadata; it must be 'bsr'", format.substr(0, 64));
    const auto [m, k] = reader.metadata_pair("shape");
    const std::pair block = reader.metadata_pair("block");
    reader.check(std::pair(values_shape[1], values_shape[2]) == block, "block",
                 "'{},{}' in the metadata, but values holds blocks of {} x {}", block.first, block.second,
                 values_shape[1], values_shape[2]);
    reader.check(std::max(block.first, block.second) <= kInt32Max, "block", "'{},{}' is too large",
                 block.first, block.second);
    BsrMatrix a;
    a.m = m;
    a.k = k;
    a.block_m = static_cast<int>(block.first);
    a.block_k = static_cast<int>(block.second);
    return a;
}

/// Runs `check`, whose errors do not name the file.
template <class Check>
void name_file(const std::string& path, Check&& check) {
    try {
        check();
    } catch (const Error& error) {
        fail(ErrorCode::file_error, "{}: {}", path, error.what());
    }
}

}  // namespace

BsrMatrix read_safetensors(const std::string& path) {
    const Reader reader(path);
    const Tensor crow = reader.tensor("crow_indices", 1, kIndexNames);
    const Tensor cols = reader.tensor("col_indices", 1, kIndexNames);
    const Tensor values = reader.tensor("values", 3, kValueNames);
    reader.check_contiguous({crow, cols, values});
    reader.check(crow.type == cols.type, "col_indices",
                 "crow_indices is {} but this is {}; they must be equal", kIndexNames[crow.type].name,
                 kIndexNames[cols.type].name);
    reader.check(cols.shape[0] == values.shape[0], "col_indices", "{} columns for the {} blocks of values",
                 cols.shape[0], values.shape[0]);
    BsrMatrix a = read_sizes(reader, values.shape);
    a.dtype = static_cast<DType>(values.type);
    name_file(path, [&] { check_sizes(a.m, a.k, a.block_m, a.block_k); });
    const std::int64_t block_rows = ceil_div(a.m, a.block_m);
    reader.check(crow.shape[0] == block_rows + 1, "crow_indices", "{} indices; {} block rows need {}",
                 crow.shape[0], block_rows, block_rows + 1);

    const std::vector<std::byte> crow_data = reader.read(crow);
    const std::vector<std::byte> col_data = reader.read(cols);
    BsrView view = a.view();
    view.nnzb = cols.shape[0];
    view.index_type = static_cast<IndexType>(crow.type);
    view.crow_indices = crow_data.data();
    view.col_indices = col_data.data();
    name_file(path, [&] { validate(view); });
    Indices pattern = copy_indices(view);
    a.crow_indices = std::move(pattern.crow);
    a.col_indices = std::move(pattern.cols);
    a.values = reader.read(values);
    return a;
}

}  // namespace bsk
