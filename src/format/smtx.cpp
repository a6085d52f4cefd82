// DLMC .smtx files: "rows, cols, nnz", a line of row offsets and a line of column indices, from 0.
#include <iterator>
#include <string>

#include "format/atomic_file.h"
#include "format/input_file.h"
#include "format/validate.h"

#include <bsk/io.h>

namespace bsk {
namespace {

template <class T>
void append_line(std::string& text, const std::vector<T>& numbers) {
    fmt::format_to(std::back_inserter(text), "{}\n", fmt::join(numbers, " "));
}

}  // namespace

CsrMatrix read_smtx(const std::string& path) {
    TextFile file(path, ", \t\r");
    CsrMatrix csr;
    file.require_line("the sizes 'rows, cols, nnz'");
    csr.m = file.next_integer("the number of rows", 0, kInt32Max);
    csr.k = file.next_integer("the number of columns", 0, kInt32Max);
    const std::int64_t nnz = file.next_integer("the number of entries", 0, kInt32Max);
    file.require_line_end();
    // A number and what separates it from the next take two bytes.
    if (csr.m + nnz > file.size() / 2) {
        file.refuse("{} rows and {} entries in a file of {} bytes; it is truncated or lies", csr.m, nnz,
                    file.size());
    }

    file.require_line("the row offsets");
    std::int64_t offset = 0;
    for (std::int64_t i = 0; i <= csr.m; ++i) {
        offset = file.next_integer("a row offset", offset, i == 0 ? 0 : nnz);
        csr.crow_indices.push_back(offset);
    }
    file.require_line_end();
    if (offset != nnz) {
        file.refuse("the row offsets end at {} but there are {} entries", offset, nnz);
    }

    if (nnz > 0) {
        file.require_line("the column indices");
        for (std::int64_t p = 0; p < nnz; ++p) {
            csr.col_indices.push_back(
                static_cast<std::int32_t>(file.next_integer("a column index", 0, csr.k - 1)));
        }
        file.require_line_end();
    }
    if (file.next_line()) {
        file.refuse("the file goes on after its column indices");
    }
    return csr;
}

void write_smtx(const std::string& path, const CsrMatrix& csr) {
    validate(csr);
    AtomicFile file(path);
    std::string text = fmt::format("{}, {}, {}\n", csr.m, csr.k, csr.col_indices.size());
    append_line(text, csr.crow_indices);
    append_line(text, csr.col_indices);
    file.write(text);
    file.commit();
}

}  // namespace bsk
