// Matrix Market coordinate files (Boisvert, Pozo and Remington, NISTIR 5935).
#include <algorithm>
#include <cctype>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "base/element.h"
#include "format/atomic_file.h"
#include "format/indices.h"
#include "format/input_file.h"
#include "format/validate.h"

#include <bsk/io.h>

namespace bsk {
namespace {

// Rows may be empty, so that a file of a few bytes may claim any number of them. Beyond this many, whose
// offsets take 1 GiB, they must not pass the bytes of the file.
constexpr std::int64_t kUnprovenRows = 1 << 27;
constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kFlushBytes = 1 << 20;

struct Header {
    bool pattern = false;    ///< entries have no value
    bool symmetric = false;  ///< only the lower triangle is stored
    std::int64_t m = 0;
    std::int64_t k = 0;
    std::int64_t entries = 0;
};

struct Entry {
    std::int32_t row;
    std::int32_t col;
    float value;
};

/// The next field of the banner in lower case, which must be one of `choices`.
std::string banner_field(TextFile& file, std::initializer_list<const char*> choices) {
    std::string field(file.next_field());
    std::transform(field.begin(), field.end(), field.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (std::find(choices.begin(), choices.end(), field) == choices.end()) {
        file.refuse("the banner holds '{}'; supported here: {}", field.substr(0, 32),
                    fmt::join(choices, ", "));
    }
    return field;
}

Header read_header(TextFile& file) {
    Header header;
    file.require_line("the banner '%%MatrixMarket matrix coordinate ...'");
    banner_field(file, {"%%matrixmarket"});
    banner_field(file, {"matrix"});
    banner_field(file, {"coordinate"});
    header.pattern = banner_field(file, {"real", "integer", "pattern"}) == "pattern";
    header.symmetric = banner_field(file, {"general", "symmetric"}) == "symmetric";
    file.require_line_end();

    file.require_line("the sizes 'rows columns entries'", "%");
    header.m = file.next_integer("the number of rows", 0, kInt32Max);
    header.k = file.next_integer("the number of columns", 0, kInt32Max);
    header.entries = file.next_integer("the number of entries", 0, kInt64Max);
    file.require_line_end();
    if (header.symmetric && header.m != header.k) {
        file.refuse("a symmetric matrix of {} x {}; it must be square", header.m, header.k);
    }
    if (header.m > std::max(kUnprovenRows, file.size())) {
        file.refuse("{} rows in a file of {} bytes; more than {} rows need a file of as many bytes", header.m,
                    file.size(), kUnprovenRows);
    }
    return header;
}

std::vector<Entry> read_entries(TextFile& file, const Header& header) {
    std::vector<Entry> entries;
    for (std::int64_t e = 0; e < header.entries; ++e) {
        if (!file.next_line("%")) {
            file.refuse("the file ends after {} of {} entries", e, header.entries);
        }
        Entry entry{};
        entry.row = static_cast<std::int32_t>(file.next_integer("the row", 1, header.m) - 1);
        entry.col = static_cast<std::int32_t>(file.next_integer("the column", 1, header.k) - 1);
        entry.value = header.pattern ? 1.0F : file.next_float("the value");
        file.require_line_end();
        entries.push_back(entry);
        if (header.symmetric && entry.col > entry.row) {
            file.refuse("entry ({}, {}) is above the diagonal of a symmetric matrix", entry.row + 1,
                        entry.col + 1);
        }
        if (header.symmetric && entry.col < entry.row) {
            entries.push_back({entry.col, entry.row, entry.value});
        }
    }
    if (file.next_line("%")) {
        file.refuse("the file goes on after its {} entries", header.entries);
    }
    return entries;
}

/// Entries keep their order within a row.
CsrMatrix make_csr(const Header& header, const std::vector<Entry>& entries) {
    CsrMatrix csr;
    csr.m = header.m;
    csr.k = header.k;
    csr.crow_indices.assign(static_cast<std::size_t>(header.m + 1), 0);
    for (const Entry& entry : entries) {
        ++csr.crow_indices[static_cast<std::size_t>(entry.row) + 1];
    }
    for (std::size_t i = 1; i < csr.crow_indices.size(); ++i) {
        csr.crow_indices[i] += csr.crow_indices[i - 1];
    }
    std::vector<std::int64_t> next(csr.crow_indices.begin(), csr.crow_indices.end() - 1);
    csr.col_indices.resize(entries.size());
    csr.values.resize(header.pattern ? 0 : entries.size());
    for (const Entry& entry : entries) {
        const auto p = static_cast<std::size_t>(next[static_cast<std::size_t>(entry.row)]++);
        csr.col_indices[p] = entry.col;
        if (!header.pattern) {
            csr.values[p] = entry.value;
        }
    }
    return csr;
}

/// Calls `visitor(row, col, value)` for the stored nonzeros, block by block, rows and columns from 0.
template <class Visitor>
void visit_nonzeros(const BsrView& a, Visitor&& visitor) {
    const Indices pattern = copy_indices(a);
    visit_dtype(a.dtype, [&]<class T>(ElementTag<T>) {
        const auto* value = static_cast<const T*>(a.values);
        for (std::size_t i = 0; i + 1 < pattern.crow.size(); ++i) {
            for (std::int64_t p = pattern.crow[i]; p < pattern.crow[i + 1]; ++p) {
                const std::int64_t row = static_cast<std::int64_t>(i) * a.block_m;
                const std::int64_t col = std::int64_t{pattern.cols[static_cast<std::size_t>(p)]} * a.block_k;
                for (std::int64_t r = row; r < row + a.block_m; ++r) {
                    for (std::int64_t c = col; c < col + a.block_k; ++c) {
                        const auto element = static_cast<float>(*value++);
                        if (element != 0.0F && r < a.m && c < a.k) {
                            visitor(r, c, element);
                        }
                    }
                }
            }
        }
    });
}

}  // namespace

CsrMatrix read_matrix_market(const std::string& path) {
    TextFile file(path, " \t\r");
    const Header header = read_header(file);
    return make_csr(header, read_entries(file, header));
}

void write_matrix_market(const std::string& path, const BsrView& a) {
    validate_with_values(a);
    std::int64_t nonzeros = 0;
    visit_nonzeros(a, [&](std::int64_t, std::int64_t, float) { ++nonzeros; });
    AtomicFile file(path);
    std::string text =
        fmt::format("%%MatrixMarket matrix coordinate real general\n{} {} {}\n", a.m, a.k, nonzeros);
    visit_nonzeros(a, [&](std::int64_t row, std::int64_t col, float value) {
        fmt::format_to(std::back_inserter(text), "{} {} {}\n", row + 1, col + 1, value);
        if (text.size() >= kFlushBytes) {
            file.write(text);
            text.clear();
        }
    });
    file.write(text);
    file.commit();
}

}  // namespace bsk
