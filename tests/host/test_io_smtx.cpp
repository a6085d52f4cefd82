#include "host/format_support.h"

#include <bsk/io.h>

namespace bsk::test {
namespace {

class Smtx : public FileTest {
protected:
    void expect_refused(const std::string& fragment, const std::string& contents) const {
        const std::string file = write("bad.smtx", contents);
        expect_error(ErrorCode::file_error, fragment, [&] { (void)read_smtx(file); });
        expect_error(ErrorCode::file_error, file, [&] { (void)read_smtx(file); });
    }
};

TEST_F(Smtx, ReadsWhatItSays) {
    const CsrMatrix csr = read_smtx(write("a.smtx", "3, 5, 4\n0 2 2 4 \n0 4 3 1 \n"));
    EXPECT_EQ(csr.m, 3);
    EXPECT_EQ(csr.k, 5);
    EXPECT_EQ(csr.crow_indices, (std::vector<std::int64_t>{0, 2, 2, 4}));
    EXPECT_EQ(csr.col_indices, (std::vector<std::int32_t>{0, 4, 3, 1}));
    EXPECT_TRUE(csr.values.empty());
}

TEST_F(Smtx, RoundTrips) {
    const std::vector<CsrMatrix> matrices = {{3, 5, {0, 2, 2, 4}, {0, 4, 3, 1}, {}},
                                             {0, 7, {0}, {}, {}},
                                             {2, 0, {0, 0, 0}, {}, {}},
                                             {0, 0, {0}, {}, {}}};
    for (const CsrMatrix& csr : matrices) {
        write_smtx(path("a.smtx"), csr);
        const CsrMatrix back = read_smtx(path("a.smtx"));
        EXPECT_EQ(back.m, csr.m);
        EXPECT_EQ(back.k, csr.k);
        EXPECT_EQ(back.crow_indices, csr.crow_indices);
        EXPECT_EQ(back.col_indices, csr.col_indices);
    }
    EXPECT_EQ(read_bsr(path("a.smtx"), 16, 32, DType::bf16).nnzb(), 0);
}

TEST_F(Smtx, RefusesMalformedFiles) {
    expect_refused("line 0: the file ends here; the sizes", "");
    expect_refused("line 1: the number of rows is 'a'", "a, 5, 4\n");
    expect_refused("line 1: the number of entries is ''", "3, 5\n");
    expect_refused("line 1: the number of columns is '-5'", "3, -5, 4\n0 2 2 4\n0 4 3 1\n");
    expect_refused("line 1: '9' follows", "3, 5, 4, 9\n0 2 2 4\n0 4 3 1\n");
    expect_refused("line 1: the file ends here; the row offsets", "1, 5, 2\n");
    expect_refused("line 2: a row offset is '1'", "3, 5, 4\n1 2 2 4\n0 4 3 1\n");
    expect_refused("line 2: a row offset is '1'; it must be an integer in [2, 4]",
                   "3, 5, 4\n0 2 1 4\n0 4 3 1\n");
    expect_refused("line 2: a row offset is '5'", "3, 5, 4\n0 5 5 5\n0 4 3 1\n");
    expect_refused("line 2: a row offset is ''", "3, 5, 4\n0 2 2\n0 4 3 1\n");
    expect_refused("line 2: '4' follows", "3, 5, 4\n0 2 2 4 4\n0 4 3 1\n");
    expect_refused("line 2: the row offsets end at 3", "3, 5, 4\n0 2 2 3\n0 4 3 1\n");
    expect_refused("line 2: the file ends here; the column indices", "3, 5, 4\n0 2 2 4\n");
    expect_refused("line 3: a column index is '5'", "3, 5, 4\n0 2 2 4\n0 5 3 1\n");
    expect_refused("line 3: a column index is '-1'", "3, 5, 4\n0 2 2 4\n0 -1 3 1\n");
    expect_refused("line 3: a column index is ''", "3, 5, 4\n0 2 2 4\n0 4 3\n");
    expect_refused("line 3: '2' follows", "3, 5, 4\n0 2 2 4\n0 4 3 1 2\n");
    expect_refused("line 4: the file goes on", "3, 5, 4\n0 2 2 4\n0 4 3 1\n1 1 1 1\n");
}

TEST_F(Smtx, RefusesSizesBeyondTheFile) {
    expect_refused("2000000000 rows and 0 entries in a file of", "2000000000, 5, 0\n0 0\n");
    expect_refused("1 rows and 2000000000 entries in a file of", "1, 5, 2000000000\n0 2000000000\n");
    expect_refused("the number of entries is '9223372036854775807'", "1, 5, 9223372036854775807\n0 0\n");
}

TEST_F(Smtx, RefusesToWriteAMalformedMatrix) {
    const CsrMatrix csr{2, 5, {0, 2, 1}, {0}, {}};
    expect_error(ErrorCode::invalid_pattern, "row 0", [&] { write_smtx(path("a.smtx"), csr); });
    EXPECT_EQ(file_count(), 0U);
}

}  // namespace
}  // namespace bsk::test
