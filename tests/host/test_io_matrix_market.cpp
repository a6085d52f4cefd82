#include <limits>

#include "host/format_support.h"

#include <bsk/io.h>

namespace bsk::test {
namespace {

class MatrixMarket : public FileTest {
protected:
    void expect_refused(const std::string& fragment, const std::string& contents) const {
        const std::string file = write("bad.mtx", contents);
        expect_error(ErrorCode::file_error, fragment, [&] { (void)read_matrix_market(file); });
        expect_error(ErrorCode::file_error, file, [&] { (void)read_matrix_market(file); });
    }
};

TEST_F(MatrixMarket, ReadsWhatItSays) {
    const CsrMatrix csr = read_matrix_market(write("a.mtx",
                                                   "%%MatrixMarket MATRIX Coordinate Real general\r\n"
                                                   "% a comment\n\n%another\n"
                                                   "  3 4 5\r\n"
                                                   "3 4 +1.5e1\n1 2 -2\n3 1 1e-60\n\n1 2 0.25\n1 1 nan"));
    EXPECT_EQ(csr.m, 3);
    EXPECT_EQ(csr.k, 4);
    EXPECT_EQ(csr.crow_indices, (std::vector<std::int64_t>{0, 3, 3, 5}));
    EXPECT_EQ(csr.col_indices, (std::vector<std::int32_t>{1, 1, 0, 3, 0}));
    EXPECT_EQ(csr.values[0], -2.0F);
    EXPECT_EQ(csr.values[1], 0.25F);
    EXPECT_NE(csr.values[2], csr.values[2]);
    EXPECT_EQ(csr.values[3], 15.0F);
    EXPECT_EQ(csr.values[4], 0.0F);
}

TEST_F(MatrixMarket, ReadsManyRowsWithFewEntries) {
    const CsrMatrix csr = read_matrix_market(
        write("a.mtx", "%%MatrixMarket matrix coordinate real general\n4000000 3 1\n4000000 2 5\n"));
    EXPECT_EQ(csr.m, 4000000);
    EXPECT_EQ(csr.crow_indices[3999999], 0);
    EXPECT_EQ(csr.crow_indices[4000000], 1);
    EXPECT_EQ(csr.col_indices, std::vector<std::int32_t>{1});
    EXPECT_EQ(csr.values, std::vector<float>{5});
}

TEST_F(MatrixMarket, RoundsTinyValuesToZero) {
    const CsrMatrix csr = read_matrix_market(write("a.mtx",
                                                   "%%MatrixMarket matrix coordinate real general\n1 4 4\n"
                                                   "1 1 1e-60\n1 2 +1e-400\n1 3 -1.5E-400\n1 4 1e-99999\n"));
    EXPECT_EQ(csr.values, std::vector<float>(4, 0.0F));
}

TEST_F(MatrixMarket, ReadsSymmetricPatternsAndIntegers) {
    const CsrMatrix pattern = read_matrix_market(
        write("s.mtx", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 2\n3 1\n"));
    EXPECT_EQ(pattern.crow_indices, (std::vector<std::int64_t>{0, 1, 2, 3}));
    EXPECT_EQ(pattern.col_indices, (std::vector<std::int32_t>{2, 1, 0}));
    EXPECT_TRUE(pattern.values.empty());
    const CsrMatrix integers = read_matrix_market(
        write("i.mtx", "%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 -7\n"));
    EXPECT_EQ(integers.values, std::vector<float>{-7});
}

TEST_F(MatrixMarket, RoundTripsEveryBlockAndDType) {
    for (const int block_m : kSides) {
        for (const int block_k : kSides) {
            for (const DType dtype : kDTypes) {
                const BsrMatrix a = random_matrix(40, 70, block_m, block_k, dtype);
                write_matrix_market(path("a.mtx"), a.view());
                const BsrMatrix expected = bsr_from_dense(to_dense(a).view(), block_m, block_k);
                expect_equal(read_bsr(path("a.mtx"), block_m, block_k, dtype), expected);
            }
        }
    }
}

TEST_F(MatrixMarket, RoundTripsSpecialValuesAndEmptyMatrices) {
    Dense dense = zeros(20, 30, DType::f32);
    dense.set(1, 2, std::numeric_limits<float>::infinity());
    dense.set(1, 3, -std::numeric_limits<float>::infinity());
    dense.set(19, 29, std::numeric_limits<float>::quiet_NaN());
    dense.set(5, 5, std::numeric_limits<float>::denorm_min());
    dense.set(6, 5, std::numeric_limits<float>::max());
    const BsrMatrix a = bsr_from_dense(dense.view(), 16, 16);
    write_matrix_market(path("a.mtx"), a.view());
    expect_equal(read_bsr(path("a.mtx"), 16, 16, DType::f32), a);
    for (const auto& [m, k] : {std::pair{0, 5}, {5, 0}, {0, 0}, {5, 5}}) {
        const BsrMatrix empty = random_matrix(m, k, 16, 16, DType::f16, 0.0);
        write_matrix_market(path("a.mtx"), empty.view());
        expect_equal(read_bsr(path("a.mtx"), 16, 16, DType::f16), empty);
    }
}

TEST_F(MatrixMarket, RefusesBanners) {
    expect_refused("line 0: the file ends here; the banner", "");
    expect_refused("line 1: the banner holds 'hello'", "hello\n");
    expect_refused("'vector'", "%%MatrixMarket vector coordinate real general\n1 1 0\n");
    expect_refused("'array'", "%%MatrixMarket matrix array real general\n1 1\n1\n");
    expect_refused("'complex'", "%%MatrixMarket matrix coordinate complex general\n1 1 0\n");
    expect_refused("'hermitian'", "%%MatrixMarket matrix coordinate real hermitian\n1 1 0\n");
    expect_refused("holds ''", "%%MatrixMarket matrix coordinate real\n1 1 0\n");
    expect_refused("'more'", "%%MatrixMarket matrix coordinate real general more\n1 1 0\n");
}

TEST_F(MatrixMarket, RefusesSizes) {
    const std::string banner = "%%MatrixMarket matrix coordinate real general\n";
    expect_refused("the sizes", banner);
    expect_refused("line 2: the number of columns is ''", banner + "3\n");
    expect_refused("line 3: the number of rows is '-3'", banner + "%\n-3 3 0\n");
    expect_refused("the number of rows is '2147483648'", banner + "2147483648 3 0\n");
    expect_refused("the number of entries is '99999999999999999999'", banner + "3 3 99999999999999999999\n");
    expect_refused("the number of columns is '3.5'", banner + "3 3.5 0\n");
    expect_refused("2000000000 rows in a file of", banner + "2000000000 3 1\n1 1 1\n");
    expect_refused("134217729 rows in a file of", banner + "134217729 3 1\n1 1 1\n");
    expect_refused("ends after 1 of 9000000000000000000 entries",
                   banner + "3 3 9000000000000000000\n1 1 1\n");
    expect_refused("'7' follows", banner + "3 3 0 7\n");
    expect_refused("must be square", "%%MatrixMarket matrix coordinate real symmetric\n3 4 0\n");
}

TEST_F(MatrixMarket, RefusesEntries) {
    const std::string start = "%%MatrixMarket matrix coordinate real general\n3 4 2\n1 1 1\n";
    expect_refused("line 3: the file ends after 1 of 2 entries", start);
    expect_refused("line 4: the row is '0'", start + "0 1 1\n");
    expect_refused("line 4: the row is '4'", start + "4 1 1\n");
    expect_refused("line 5: the column is '5'", start + "%\n1 5 1\n");
    expect_refused("line 4: the value is ''", start + "1 2\n");
    expect_refused("line 4: the value is 'x'", start + "1 2 x\n");
    expect_refused("line 4: the value is '1.5z'", start + "1 2 1.5z\n");
    expect_refused("'1e39'; it does not fit float32", start + "1 2 1e39\n");
    expect_refused("'-1e400'; it does not fit float32", start + "1 2 -1e400\n");
    expect_refused("'1e-400z'; it must be a number", start + "1 2 1e-400z\n");
    expect_refused("line 4: '9' follows", start + "1 2 1 9\n");
    expect_refused("line 5: the file goes on", start + "1 2 1\n1 3 1\n");
    expect_refused("(1, 2) is above the diagonal",
                   "%%MatrixMarket matrix coordinate real symmetric\n3 3 1\n1 2 1\n");
}

TEST_F(MatrixMarket, RefusesEveryTruncation) {
    write_matrix_market(path("a.mtx"), random_matrix(16, 16, 16, 16, DType::f32, 1.0).view());
    const std::string whole = read("a.mtx");
    // Whole lines are cut off: within the last number a cut only changes its value.
    for (std::size_t end = whole.rfind('\n', whole.size() - 2); end != std::string::npos && end > 0;
         end = whole.rfind('\n', end - 1)) {
        const std::string file = write("cut.mtx", whole.substr(0, end));
        ASSERT_THROW((void)read_matrix_market(file), Error) << end;
    }
}

TEST_F(MatrixMarket, RefusesWhatIsNoFile) {
    expect_error(ErrorCode::file_error, "No such file", [&] { (void)read_matrix_market(path("none.mtx")); });
    expect_error(ErrorCode::file_error, "not a regular file",
                 [&] { (void)read_matrix_market(directory_.string()); });
}

}  // namespace
}  // namespace bsk::test
